package worker_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"authserve/adapters/inbound/worker"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// bench is a Runner with everything it reports to.
type bench struct {
	*worker.Runner
	clock  *fake.Clock
	logs   *observer.ObservedLogs
	spans  *tracetest.SpanRecorder
	reader *sdkmetric.ManualReader
}

func newBench(t *testing.T, tasks ...worker.Task) bench {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	b := bench{
		clock: fake.NewClock(fake.Epoch()), logs: logs,
		spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader(),
	}
	runner, err := worker.New(b.clock, zap.New(core),
		sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(b.spans)),
		sdkmetric.NewMeterProvider(sdkmetric.WithReader(b.reader)), tasks...)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	b.Runner = runner
	return b
}

func TestTickWithNothingDueIsNoRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var due atomic.Bool
		runs := 0
		b := newBench(t, worker.Task{Name: "a", Every: time.Second, Due: due.Load, Run: func(context.Context) error { runs++; return nil }})
		b.Start()
		<-time.After(2500 * time.Millisecond)
		if runs != 0 || len(b.spans.Ended()) != 0 {
			t.Errorf("%d runs, %d spans with nothing due", runs, len(b.spans.Ended()))
		}
		due.Store(true)
		<-time.After(time.Second)
		b.stop(t)
		if runs != 1 {
			t.Errorf("%d runs; want 1", runs)
		}
	})
}

func (b bench) stop(t *testing.T) {
	t.Helper()
	if err := b.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
}

// runs returns the counter of runs by outcome, and how many durations of which sum
// were recorded.
func (b bench) runs(t *testing.T, task string) (outcomes map[string]int64, timed uint64, seconds float64) {
	t.Helper()
	var data metricdata.ResourceMetrics
	if err := b.reader.Collect(t.Context(), &data); err != nil {
		t.Fatalf("Collect: %v", err)
	}
	outcomes = map[string]int64{}
	for _, m := range data.ScopeMetrics[0].Metrics {
		switch points := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range points.DataPoints {
				if value(p.Attributes, "task") == task {
					outcomes[value(p.Attributes, "outcome")] = p.Value
				}
			}
		case metricdata.Histogram[float64]:
			for _, p := range points.DataPoints {
				if value(p.Attributes, "task") == task {
					timed, seconds = p.Count, p.Sum
				}
			}
		}
	}
	return outcomes, timed, seconds
}

func value(set attribute.Set, key attribute.Key) string {
	v, _ := set.Value(key)
	return v.AsString()
}

func TestTasksRunAtOnceAndThenAtEveryTick(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var quick, slow atomic.Int64 // the bubble orders reads after writes, not writes after reads
		b := newBench(t,
			worker.Task{Name: "quick", Every: time.Second, Run: func(context.Context) error { quick.Add(1); return nil }},
			worker.Task{Name: "slow", Every: time.Minute, Run: func(context.Context) error { slow.Add(1); return nil }},
		)
		b.Start()
		b.Start() // does nothing
		synctest.Wait()
		if quick.Load() != 1 || slow.Load() != 1 {
			t.Errorf("runs at start: got %d and %d, want 1 and 1", quick.Load(), slow.Load())
		}
		time.Sleep(2*time.Minute + time.Millisecond)
		synctest.Wait()
		if quick.Load() != 121 || slow.Load() != 3 {
			t.Errorf("runs after two minutes: got %d and %d, want 121 and 3", quick.Load(), slow.Load())
		}
		b.stop(t)
		time.Sleep(time.Hour)
		if quick.Load() != 121 || slow.Load() != 3 {
			t.Errorf("runs after Stop: got %d and %d, want 121 and 3", quick.Load(), slow.Load())
		}
	})
}

func TestATaskNeverOverlapsItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running, runs int
		b := newBench(t, worker.Task{Name: "slow", Every: time.Second, Run: func(context.Context) error {
			running++
			if running != 1 {
				t.Errorf("runs at a time: got %d, want 1", running)
			}
			time.Sleep(2500 * time.Millisecond)
			running--
			runs++
			return nil
		}})
		b.Start()
		time.Sleep(9 * time.Second)
		b.stop(t)
		// Each run ends with one tick waiting; a queue of them would outlive Stop.
		if runs != 4 {
			t.Errorf("runs of 2.5 s in 9 s: got %d, want 4 with the one that Stop awaits", runs)
		}
	})
}

func TestOneSlowTaskHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var quick int
		b := newBench(t,
			worker.Task{Name: "stuck", Every: time.Second, Run: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
			worker.Task{Name: "quick", Every: time.Second, Run: func(context.Context) error { quick++; return nil }},
		)
		b.Start()
		time.Sleep(5500 * time.Millisecond)
		b.stop(t)
		if quick != 6 {
			t.Errorf("runs beside a stuck task: got %d, want 6", quick)
		}
		outcomes, _, _ := b.runs(t, "stuck")
		if outcomes["interrupted"] != 1 || len(outcomes) != 1 {
			t.Errorf("outcomes of the stuck task: got %v, want 1 interrupted", outcomes)
		}
		if b.logs.Len() != 0 {
			t.Errorf("log lines: got %v, want none: an interruption by Stop is no failure", b.logs.All())
		}
	})
}

func TestARunCarriesTheSystemAsActorAndIsTracedAndTimed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var actor domain.Actor
		var clock *fake.Clock
		b := newBench(t, worker.Task{Name: "upkeep", Every: time.Hour, Run: func(ctx context.Context) error {
			actor = domain.ActorFrom(ctx)
			clock.Advance(3 * time.Second)
			return nil
		}})
		clock = b.clock
		b.Start()
		synctest.Wait()
		b.stop(t)
		if want := (domain.Actor{Kind: domain.ActorSystem}); actor != want {
			t.Errorf("actor: got %+v, want %+v", actor, want)
		}
		spans := b.spans.Ended()
		if len(spans) != 1 || spans[0].Name() != "worker upkeep" || spans[0].Status().Code != codes.Unset {
			t.Errorf("spans: got %v, want one named %q without an error", spans, "worker upkeep")
		}
		outcomes, timed, seconds := b.runs(t, "upkeep")
		if outcomes["ok"] != 1 || timed != 1 || seconds != 3 {
			t.Errorf("metrics: got %v, %d runs of %v s, want 1 ok of 3 s", outcomes, timed, seconds)
		}
	})
}

func TestAFailingTaskGoesOnAndDoesNotFloodTheLog(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, outcome, text string
		fail                func() error
		code                domain.Code
	}{
		{"error", "failed", "not available", func() error { return ports.ErrUnavailable }, domain.CodeDependencyUnavailable},
		{"panic", "panicked", "panic: out of range\ngoroutine", func() error { panic("out of range") }, domain.CodeInternal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				b := newBench(t, worker.Task{Name: "delivery", Every: time.Second, Run: func(context.Context) error {
					runs++
					if runs <= 20 {
						return tt.fail()
					}
					return nil
				}})
				b.Start()
				time.Sleep(30*time.Second + time.Millisecond)
				b.stop(t)

				outcomes, _, _ := b.runs(t, "delivery")
				if outcomes[tt.outcome] != 20 || outcomes["ok"] != 11 {
					t.Errorf("outcomes: got %v, want 20 %s and 11 ok", outcomes, tt.outcome)
				}
				var inARow []uint64
				for _, line := range b.logs.FilterMessage("task failed").All() {
					fields := line.ContextMap()
					n, _ := fields["failures_in_a_row"].(uint64)
					text, _ := fields["error"].(string)
					inARow = append(inARow, n)
					if fields["task"] != "delivery" || !strings.Contains(text, tt.text) {
						t.Errorf("log line: got %v, want task delivery and an error with %q", fields, tt.text)
					}
					if fields["trace_id"] == strings.Repeat("0", 32) || fields["span_id"] == strings.Repeat("0", 16) {
						t.Errorf("log line: got %v, want the ids of its trace and span", fields)
					}
				}
				if want := []uint64{1, 2, 4, 8, 16}; !slices.Equal(inARow, want) {
					t.Errorf("logged failures: got %v, want %v", inARow, want)
				}
				if n := b.logs.FilterMessage("task recovered").Len(); n != 1 {
					t.Errorf("lines of recovery: got %d, want 1", n)
				}
				if status := b.spans.Ended()[0].Status(); status.Code != codes.Error || status.Description != string(tt.code) {
					t.Errorf("span status: got %+v, want an error described as %q", status, tt.code)
				}
			})
		})
	}
}

func TestStopSaysWhatIsStillRunning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		deaf := func(context.Context) error { <-release; return nil }
		b := newBench(t,
			worker.Task{Name: "deaf", Every: time.Second, Run: deaf},
			worker.Task{Name: "also deaf", Every: time.Second, Run: deaf},
			worker.Task{Name: "polite", Every: time.Second, Run: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		)
		b.Start()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := b.Stop(ctx)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Stop with deaf tasks: got %v, want %v", err, context.DeadlineExceeded)
		}
		if err == nil || !strings.Contains(err.Error(), "still running: also deaf, deaf") {
			t.Errorf("Stop with deaf tasks: got %v, want both of their names and no other", err)
		}
		close(release)
		b.stop(t) // again, now for good
	})
}

func TestStopBeforeStartDoesNothing(t *testing.T) {
	t.Parallel()
	newBench(t).stop(t)
}

func TestNewRefusesTasksThatCannotRun(t *testing.T) {
	t.Parallel()
	run := func(context.Context) error { return nil }
	good := worker.Task{Name: "good", Every: time.Second, Run: run}
	tests := map[string][]worker.Task{
		"no name":     {{Every: time.Second, Run: run}},
		"name twice":  {good, good},
		"no interval": {{Name: "x", Run: run}},
		"negative":    {{Name: "x", Every: -time.Second, Run: run}},
		"no function": {{Name: "x", Every: time.Second}},
	}
	for name, tasks := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := worker.New(fake.NewClock(fake.Epoch()), zap.NewNop(), sdktrace.NewTracerProvider(), sdkmetric.NewMeterProvider(), tasks...)
			if err == nil {
				t.Errorf("New(%v): got no error, want one", tasks)
			}
		})
	}
}
