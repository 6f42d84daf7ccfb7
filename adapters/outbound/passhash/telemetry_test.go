package passhash_test

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"authserve/adapters/outbound/passhash"
	"authserve/adapters/outbound/passhash/worker"
	"authserve/adapters/outbound/system"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// slow computes as runner does and takes a second for it, in a bubble.
type slow struct{ runner }

func (r *slow) Run(slot int, job worker.Job) (worker.Result, error) {
	<-time.After(time.Second)
	return r.runner.Run(slot, job)
}

// meters reads what was measured, as `name{attributes} value`.
type meters struct {
	*metric.MeterProvider
	reader *metric.ManualReader
}

func newMeters() meters {
	reader := metric.NewManualReader()
	return meters{metric.NewMeterProvider(metric.WithReader(reader)), reader}
}

// read leaves out counters that have not begun.
func (m meters) read(t *testing.T) []string { t.Helper(); return m.all(t, false) }

func (m meters) all(t *testing.T, zeros bool) []string {
	t.Helper()
	var data metricdata.ResourceMetrics
	if err := m.reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	point := func(name string, set attribute.Set, value string) {
		var labels []string
		for _, kv := range set.ToSlice() {
			labels = append(labels, string(kv.Key)+"="+kv.Value.String())
		}
		found[fmt.Sprintf("%s{%s} %s", strings.TrimPrefix(name, "authserve.password."), strings.Join(labels, ","), value)] = true
	}
	for _, scope := range data.ScopeMetrics {
		for _, one := range scope.Metrics {
			switch d := one.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					if p.Value != 0 || zeros {
						point(one.Name, p.Attributes, fmt.Sprint(p.Value))
					}
				}
			case metricdata.Gauge[int64]:
				for _, p := range d.DataPoints {
					point(one.Name, p.Attributes, fmt.Sprint(p.Value))
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					point(one.Name, p.Attributes, fmt.Sprintf("%d in %.3f s", p.Count, p.Sum))
				}
			default:
				t.Errorf("%s is a %T", one.Name, d)
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func want(t *testing.T, got []string, lines ...string) {
	t.Helper()
	if !slices.Equal(got, lines) {
		t.Errorf("measured\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(lines, "\n  "))
	}
}

func bubbleEngine(t *testing.T, cfg passhash.Config, r passhash.Runner, m meters) *passhash.Engine {
	t.Helper()
	e, err := passhash.New(cfg, passhash.Deps{
		Runner: r, Random: fake.NewRandom(1), Clock: system.Clock{}, Sealer: keyring(t, masterKey(1)), Meters: m,
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestWorkIsMeasured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg, r, m := cheap(), &slow{}, newMeters()
		cfg.Workers, cfg.Queue = 1, 1
		e := bubbleEngine(t, cfg, r, m)
		h := hashOf(t, e, right)
		want(t, m.read(t),
			"hash.duration{algorithm=argon2id,failed=false,operation=hash} 1 in 1.000 s",
			"queue.depth{} 0", "queue.wait{} 1 in 0.000 s", "running{} 0")

		var group sync.WaitGroup
		group.Go(func() { verify(t, e, right, h) })
		synctest.Wait()
		want(t, m.read(t),
			"hash.duration{algorithm=argon2id,failed=false,operation=hash} 1 in 1.000 s",
			"queue.depth{} 0", "queue.wait{} 2 in 0.000 s", "running{} 1")
		group.Go(func() {
			if _, err := e.Rehash(t.Context(), domain.PresentedPassword(right)); err != nil {
				t.Errorf("re-hash: %v", err)
			}
		})
		synctest.Wait()
		if _, err := e.Rehash(t.Context(), domain.PresentedPassword(right)); domain.CodeOf(err) != domain.CodeOverloaded {
			t.Errorf("beyond the queue: %v", err)
		}
		want(t, m.read(t),
			"hash.duration{algorithm=argon2id,failed=false,operation=hash} 1 in 1.000 s",
			"queue.depth{} 1", "queue.refusals{reason=queue_full} 1", "queue.wait{} 2 in 0.000 s", "running{} 1")
		group.Wait()

		r.err = ports.ErrUnavailable
		if _, err := e.Hash(t.Context(), domain.PresentedPassword(right)); err == nil {
			t.Error("a failure was not told")
		}
		want(t, m.read(t),
			"hash.duration{algorithm=argon2id,failed=false,operation=hash} 1 in 1.000 s",
			"hash.duration{algorithm=argon2id,failed=false,operation=rehash} 1 in 1.000 s",
			"hash.duration{algorithm=argon2id,failed=false,operation=verify} 1 in 1.000 s",
			"hash.duration{algorithm=argon2id,failed=true,operation=hash} 1 in 1.000 s",
			"queue.depth{} 0", "queue.refusals{reason=queue_full} 1", "queue.wait{} 4 in 1.000 s", "running{} 0")

		e.Close()
		if got := m.read(t); slices.ContainsFunc(got, func(line string) bool {
			return strings.HasPrefix(line, "running") || strings.HasPrefix(line, "queue.depth")
		}) {
			t.Errorf("a closed engine still has gauges: %q", got)
		}
	})
}

// What one kind of hash takes says nothing of another: a cheap one is not refused
// because costly ones were slow.
func TestDeadlinesAreHeldAgainstTheOwnSettings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg, r := cheap(), &slow{}
		cfg.Workers = 1
		e := bubbleEngine(t, cfg, r, newMeters())
		defer e.Close()
		costly, other := hashOf(t, e, right), cheap()
		other.Argon2Memory = 128
		second := bubbleEngine(t, other, &runner{}, newMeters())
		defer second.Close()
		unknown := hashOf(t, second, right)
		var group sync.WaitGroup
		group.Go(func() { verify(t, e, right, costly) })
		synctest.Wait()
		// Its turn comes after one second; its own duration is not known.
		ctx, cancel := context.WithTimeout(t.Context(), 2100*time.Millisecond)
		defer cancel()
		if _, _, err := e.Verify(ctx, domain.PresentedPassword(right), unknown); err != nil {
			t.Errorf("hash of settings without history: %v; want its turn", err)
		}
		group.Wait()
	})
}

// An alert on a rate misses the first event of a counter that begins with it.
func TestCountersBeginAtZero(t *testing.T) {
	t.Parallel()
	m := newMeters()
	e := bubbleEngine(t, cheap(), &runner{}, m)
	defer e.Close()
	pool, err := passhash.NewWorkers(worker.Config{Isolation: worker.None, Slots: 1, InProcess: 1}, m)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	got := m.all(t, true)
	for _, line := range []string{"queue.refusals{reason=pushed_out} 0", "worker.ends{reason=silent} 0", "in_process{} 0"} {
		if !slices.Contains(got, line) {
			t.Errorf("no %s in\n  %s", line, strings.Join(got, "\n  "))
		}
	}
}

func TestTurnsGoRoundTheNetworks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg, r := cheap(), &slow{}
		cfg.Workers = 1
		e := bubbleEngine(t, cfg, r, newMeters())
		defer e.Close()
		var group sync.WaitGroup
		for _, c := range []struct{ ip, password string }{
			{"192.0.2.1", "a1"}, {"192.0.2.1", "a2"}, {"192.0.2.1", "a3"}, {"198.51.100.9", "b1"},
		} {
			group.Go(func() {
				ctx := domain.WithActor(t.Context(), domain.Actor{Kind: domain.ActorAnonymous, IP: c.ip})
				if _, err := e.Hash(ctx, domain.PresentedPassword(c.password)); err != nil {
					t.Errorf("%s: %v", c.password, err)
				}
			})
			synctest.Wait()
		}
		group.Wait()
		var order []string
		for _, job := range r.jobs {
			order = append(order, string(job.Password))
		}
		if got := strings.Join(order, " "); got != "a1 b1 a2 a3" {
			t.Errorf("order %q; want the other network second", got)
		}
	})
}

// closing tells whether it was closed while it worked.
type closing struct {
	slow
	working, closed bool
	early           bool
}

func (r *closing) Run(slot int, job worker.Job) (worker.Result, error) {
	r.working = true
	defer func() { r.working = false }()
	return r.slow.Run(slot, job)
}

func (r *closing) Close() { r.closed, r.early = true, r.working }

func TestWorkersAreClosedWhenNoneWorks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &closing{}
		e := bubbleEngine(t, cheap(), r, newMeters())
		var group sync.WaitGroup
		group.Go(func() { hashOf(t, e, right) })
		synctest.Wait()
		e.Close()
		group.Wait()
		if !r.closed || r.early {
			t.Errorf("workers closed: %v, while one worked: %v; want closed after the work", r.closed, r.early)
		}
	})
}

func TestWorkersAreCounted(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("worker processes are for Linux")
	}
	m := newMeters()
	var told sync.Map
	pool, err := passhash.NewWorkers(worker.Config{
		Isolation: worker.Auto, Slots: 1, InProcess: 1, Program: filepath.Join(t.TempDir(), "nothing"),
		Events: worker.Events{
			Ended:     func(_, _ int, reason worker.Reason, _ error) { told.Store(string(reason), true) },
			InProcess: func(int) { told.Store("in process", true) },
		},
	}, m)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := pool.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := hashOf(t, engine(t, cheap(), passhash.Deps{}), right)
	if got, err := pool.Run(0, worker.Job{Hash: h.Reveal(), Password: []byte(right)}); err != nil || !got.Match {
		t.Errorf("without a child: %+v, %v", got, err)
	}
	want(t, m.read(t), "in_process{} 1", "worker.ends{reason=no_start} 1")
	for _, event := range []string{string(worker.NoStart), "in process"} {
		if _, ok := told.Load(event); !ok {
			t.Errorf("the caller's own events were not called for %q", event)
		}
	}
}
