package guard_test

import (
	"context"
	"errors"
	"runtime/pprof"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"authserve/adapters/outbound/guard"
	"authserve/ports"
)

// This is also the contract test of the three lines that hystrix logs: without
// them, no state here would change.
func TestStateMachine(t *testing.T) {
	t.Parallel()
	inBubble(t, settings(), func(t *testing.T, r *rig) {
		r.wantState(ports.BreakerClosed)
		if since := r.status().Since; !since.IsZero() {
			t.Errorf("since = %s, want zero before any change", since)
		}

		wantKind(t, r.open(), ports.ErrUnavailable, 5*time.Second)
		opened := bubbleClock{}.Now()
		if since := r.status().Since; !since.Equal(opened) {
			t.Errorf("open since %s, want %s", since, opened)
		}

		pass(3 * time.Second)
		wantKind(t, r.call(nil), ports.ErrUnavailable, 2*time.Second)

		pass(2*time.Second + time.Microsecond)
		r.wantState(ports.BreakerHalfOpen)
		if since := r.status().Since; !since.Equal(opened.Add(5 * time.Second)) {
			t.Errorf("half-open since %s, want the end of the pause", since)
		}

		// The trial fails: another pause.
		if err := r.call(errBroken); !errors.Is(err, errBroken) {
			t.Errorf("trial = %v, want the dependency's error", err)
		}
		r.wantState(ports.BreakerOpen)
		wantKind(t, r.call(nil), ports.ErrUnavailable, 5*time.Second)

		// The trial succeeds. While it runs it is the only one.
		pass(5*time.Second + time.Microsecond)
		trial := r.start(t.Context())
		r.wantState(ports.BreakerHalfOpen)
		wantKind(t, r.call(nil), ports.ErrUnavailable, 5*time.Second)
		if err := trial.finish(ports.ErrNotFound); !errors.Is(err, ports.ErrNotFound) {
			t.Errorf("trial = %v, want its answer", err)
		}
		r.wantState(ports.BreakerClosed)
		if since, want := r.status().Since, (bubbleClock{}).Now(); !since.Equal(want) {
			t.Errorf("closed since %s, want %s", since, want)
		}
		if err := r.call(nil); err != nil {
			t.Errorf("Call = %v, want none", err)
		}
		r.wantCounts(ports.BreakerCounts{Failure: 5, Refused: 4, Success: 2})
	})
}

func TestVolumeBelowThresholdNeverOpens(t *testing.T) {
	t.Parallel()
	inBubble(t, settings(), func(_ *testing.T, r *rig) {
		for range 10 {
			for range 3 {
				_ = r.call(errBroken)
			}
			pass(12 * time.Second) // past hystrix's window
		}
		r.wantState(ports.BreakerClosed)
		r.wantCounts(ports.BreakerCounts{Failure: 30})
	})
}

func TestShareBelowThresholdNeverOpens(t *testing.T) {
	t.Parallel()
	inBubble(t, settings(), func(_ *testing.T, r *rig) {
		for range 10 {
			_ = r.call(nil)
			_ = r.call(nil)
			_ = r.call(errBroken)
		}
		r.wantState(ports.BreakerClosed)
	})
}

// Asking hystrix consumes the trial, so that watching would keep a circuit open.
func TestWatchingDoesNotConsumeTheTrial(t *testing.T) {
	t.Parallel()
	inBubble(t, settings(), func(t *testing.T, r *rig) {
		_ = r.open()
		pass(6 * time.Second)
		for range 100 {
			r.wantState(ports.BreakerHalfOpen)
		}
		if err := r.call(nil); err != nil {
			t.Errorf("trial = %v, want none", err)
		}
		r.wantState(ports.BreakerClosed)
	})
}

// hystrix closes an open circuit on any success that is reported.
func TestLateSuccessDoesNotClose(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Timeout = time.Minute
	inBubble(t, s, func(t *testing.T, r *rig) {
		early := r.start(t.Context())
		_ = r.open()
		if err := early.finish(nil); err != nil {
			t.Errorf("early call = %v, want none", err)
		}
		r.wantState(ports.BreakerOpen)
		wantKind(t, r.call(nil), ports.ErrUnavailable, 5*time.Second)
	})
}

func TestFailuresFromBeforeTheClosingDoNotReopen(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Timeout, s.MaxConcurrent = time.Minute, 16
	inBubble(t, s, func(t *testing.T, r *rig) {
		var early []started
		for range 8 {
			early = append(early, r.start(t.Context()))
		}
		_ = r.open()
		pass(6 * time.Second)
		if err := r.call(nil); err != nil {
			t.Fatalf("trial = %v, want none", err)
		}
		for _, call := range early {
			_ = call.finish(errBroken)
		}
		if err := r.call(nil); err != nil {
			t.Errorf("Call = %v, want none", err)
		}
		r.wantState(ports.BreakerClosed)
	})
}

func TestTrialThatSaysNothingLeavesTheNextOneItsTurn(t *testing.T) {
	t.Parallel()
	for name, trial := range map[string]func(t *testing.T, r *rig){
		"caller cancels": func(t *testing.T, r *rig) {
			ctx, cancel := context.WithCancel(t.Context())
			call := r.start(ctx)
			cancel()
			if err := call.finish(context.Canceled); !errors.Is(err, context.Canceled) {
				t.Errorf("trial = %v, want context.Canceled", err)
			}
		},
		"overloaded": func(t *testing.T, r *rig) {
			if err := r.call(ports.ErrOverloaded); !errors.Is(err, ports.ErrOverloaded) {
				t.Errorf("trial = %v, want overload", err)
			}
		},
		"panic": func(t *testing.T, r *rig) {
			defer func() {
				if recover() == nil {
					t.Error("the panic of the trial did not go on")
				}
			}()
			_, _ = guard.Call(t.Context(), r.circuit, "test", func(context.Context) (int, error) { panic("trial") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, settings(), func(t *testing.T, r *rig) {
				_ = r.open()
				pass(6 * time.Second)
				trial(t, r)
				r.wantState(ports.BreakerOpen)
				wantKind(t, r.call(nil), ports.ErrUnavailable, 5*time.Second)
				pass(6 * time.Second)
				if err := r.call(nil); err != nil {
					t.Errorf("next trial = %v, want none", err)
				}
				r.wantState(ports.BreakerClosed)
			})
		})
	}
}

// A trial may last longer than the pause; then hystrix lets a second one through.
func TestSlowTrial(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Timeout = 8 * time.Second
	inBubble(t, s, func(t *testing.T, r *rig) {
		_ = r.open()
		pass(6 * time.Second)
		slow := r.start(t.Context())
		pass(6 * time.Second)
		before := r.status()
		second := r.start(t.Context())
		if now := r.status(); now.State != ports.BreakerHalfOpen || !now.Since.Equal(before.Since) {
			t.Errorf("second trial changed %s since %s to %s since %s", before.State, before.Since, now.State, now.Since)
		}
		_ = slow.finish(errBroken)
		r.wantState(ports.BreakerHalfOpen)
		if err := second.finish(nil); err != nil {
			t.Errorf("second trial = %v, want none", err)
		}
		r.wantState(ports.BreakerClosed)

		_ = r.open()
		pass(6 * time.Second)
		slow = r.start(t.Context())
		pass(7 * time.Second)
		failed := bubbleClock{}.Now()
		_ = slow.finish(errBroken)
		r.wantState(ports.BreakerHalfOpen)
		if since := r.status().Since; !since.Equal(failed) {
			t.Errorf("half-open since %s, want the end of the trial %s", since, failed)
		}
	})
}

func TestOpenCircuitDoesNotWaitForSlots(t *testing.T) {
	t.Parallel()
	s := settings()
	s.MaxConcurrent, s.Timeout = 2, time.Minute
	inBubble(t, s, func(t *testing.T, r *rig) {
		hung := r.start(t.Context())
		_ = r.open()
		other := r.start(t.Context()) // refused: it never starts
		wantKind(t, <-other.done, ports.ErrUnavailable, 5*time.Second)
		pass(6 * time.Second)
		trial := r.start(t.Context()) // takes the last slot
		begin := bubbleClock{}.Now()
		wantKind(t, r.call(nil), ports.ErrUnavailable, 5*time.Second)
		if waited := (bubbleClock{}).Now().Sub(begin); waited != 0 {
			t.Errorf("refused after %s, want at once", waited)
		}
		_ = trial.finish(nil)
		_ = hung.finish(nil)
	})
}

func TestRegistriesAreSeparate(t *testing.T) {
	t.Parallel()
	inBubble(t, settings(), func(t *testing.T, r *rig) {
		other, err := guard.NewRegistry(bubbleClock{}, tracenoop.NewTracerProvider(), metricnoop.NewMeterProvider())
		if err != nil {
			t.Fatalf("NewRegistry: %v", err)
		}
		same := &rig{t: t, registry: other, circuit: newCircuit(t, other, "db.read", settings())}
		_ = r.open()
		same.wantState(ports.BreakerClosed)
		if err := same.call(nil); err != nil {
			t.Errorf("Call in the other registry = %v, want none", err)
		}
		same.wantCounts(ports.BreakerCounts{Success: 1})
		if got := same.status().Name; got != "db.read" {
			t.Errorf("name = %q, want the plain one", got)
		}
	})
}

func TestBreakersAreSortedAndComplete(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		registry, err := guard.NewRegistry(bubbleClock{}, tracenoop.NewTracerProvider(), metricnoop.NewMeterProvider())
		if err != nil {
			t.Fatalf("NewRegistry: %v", err)
		}
		s := settings()
		s.SleepWindow = 1500 * time.Microsecond
		for _, name := range []string{"mail", "db.write", "hash", "db.read"} {
			newCircuit(t, registry, name, s)
		}
		var names []string
		for _, b := range registry.Breakers() {
			names = append(names, b.Name)
			want := ports.BreakerSettings{Timeout: time.Second, MaxConcurrent: 4, RequestVolume: 4, ErrorPercent: 50, SleepWindow: 2 * time.Millisecond}
			if b.Settings != want {
				t.Errorf("settings of %s = %+v, want %+v", b.Name, b.Settings, want)
			}
		}
		if got, want := strings.Join(names, " "), "db.read db.write hash mail"; got != want {
			t.Errorf("names = %q, want %q", got, want)
		}
	})
}

func TestCircuitRefusesBadSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		circuit string
		change  func(*guard.Settings)
	}{
		"name":           {"DB read", func(*guard.Settings) {}},
		"empty name":     {"", func(*guard.Settings) {}},
		"timeout":        {"x", func(s *guard.Settings) { s.Timeout = 0 }},
		"concurrency":    {"x", func(s *guard.Settings) { s.MaxConcurrent = 0 }},
		"volume":         {"x", func(s *guard.Settings) { s.RequestVolume = 0 }},
		"percent":        {"x", func(s *guard.Settings) { s.ErrorPercent = 0 }},
		"percent high":   {"x", func(s *guard.Settings) { s.ErrorPercent = 101 }},
		"sleep":          {"x", func(s *guard.Settings) { s.SleepWindow = 0 }},
		"sleep negative": {"x", func(s *guard.Settings) { s.SleepWindow = -time.Second }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry, err := guard.NewRegistry(bubbleClock{}, tracenoop.NewTracerProvider(), metricnoop.NewMeterProvider())
			if err != nil {
				t.Fatalf("NewRegistry: %v", err)
			}
			s := settings()
			c.change(&s)
			if _, err := registry.Circuit(c.circuit, s); err == nil {
				t.Errorf("Circuit(%q, %+v) accepted", c.circuit, s)
			}
		})
	}
	inBubble(t, settings(), func(t *testing.T, r *rig) {
		if _, err := r.registry.Circuit("db.read", settings()); err == nil {
			t.Error("the same circuit was made twice")
		}
	})
}

// What leak checks are told to ignore must be what hystrix really starts.
func TestGoroutines(t *testing.T) {
	t.Parallel()
	inBubble(t, settings(), func(t *testing.T, _ *rig) {
		synctest.Wait()
		var stacks strings.Builder
		if err := pprof.Lookup("goroutine").WriteTo(&stacks, 1); err != nil {
			t.Fatalf("goroutine profile: %v", err)
		}
		for _, name := range guard.Goroutines() {
			if !strings.Contains(stacks.String(), name+"+") {
				t.Errorf("no goroutine of %s", name)
			}
		}
	})
}
