package guard_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"authserve/adapters/outbound/guard"
	"authserve/core/domain"
	"authserve/ports"
)

// The tests run in bubbles of testing/synctest: hystrix and contexts read the real
// clock, which is a fake one in there, and synctest.Wait lets hystrix's metrics
// settle. So every wait is exact and takes no time.

// bubbleClock is the clock of the bubble, the one that hystrix reads.
type bubbleClock struct{}

func (bubbleClock) Now() time.Time {
	return domain.Instant(time.Now()) //nolint:forbidigo // the bubble's fake clock
}

var errBroken = errors.New("connection reset by peer")

func settings() guard.Settings {
	return guard.Settings{Timeout: time.Second, MaxConcurrent: 4, RequestVolume: 4, ErrorPercent: 50, SleepWindow: 5 * time.Second}
}

// rig is one circuit under test.
type rig struct {
	t        *testing.T
	registry *guard.Registry
	circuit  *guard.Circuit
}

// inBubble runs a test on a fresh circuit.
func inBubble(t *testing.T, s guard.Settings, test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		registry, err := guard.NewRegistry(bubbleClock{}, tracenoop.NewTracerProvider(), metricnoop.NewMeterProvider())
		if err != nil {
			t.Fatalf("NewRegistry: %v", err)
		}
		test(t, &rig{t: t, registry: registry, circuit: newCircuit(t, registry, "db.read", s)})
	})
}

func newCircuit(t *testing.T, registry *guard.Registry, name string, s guard.Settings) *guard.Circuit {
	t.Helper()
	c, err := registry.Circuit(name, s)
	if err != nil {
		t.Fatalf("Circuit(%s): %v", name, err)
	}
	t.Cleanup(func() { guard.StopHystrix(c) })
	return c
}

// call makes one call whose function returns err.
func (r *rig) call(err error) error {
	_, got := guard.Call(r.t.Context(), r.circuit, "test", func(context.Context) (int, error) { return 1, err })
	synctest.Wait()
	return got
}

// hang makes one call whose function blocks until its context ends.
func (r *rig) hang(ctx context.Context) error {
	_, err := guard.Call(ctx, r.circuit, "test", func(ctx context.Context) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	})
	synctest.Wait()
	return err
}

// started is a call that goes on in another goroutine until it is ended.
type started struct {
	end  chan error // what the function is to return
	done chan error // what Call returned
}

func (r *rig) start(ctx context.Context) started {
	s := started{end: make(chan error), done: make(chan error, 1)}
	go func() {
		_, err := guard.Call(ctx, r.circuit, "test", func(context.Context) (int, error) { return 1, <-s.end })
		s.done <- err
	}()
	synctest.Wait()
	return s
}

func (s started) finish(err error) error {
	s.end <- err
	got := <-s.done
	synctest.Wait()
	return got
}

// open lets calls fail until the circuit is open, and returns the first refusal.
func (r *rig) open() error {
	r.t.Helper()
	for range 5 {
		if err := r.call(errBroken); !errors.Is(err, errBroken) {
			r.wantState(ports.BreakerOpen)
			return err
		}
	}
	r.t.Fatal("the circuit is not open after 5 failures")
	return nil
}

func (r *rig) status() ports.BreakerStatus {
	r.t.Helper()
	all := r.registry.Breakers()
	if len(all) != 1 {
		r.t.Fatalf("Breakers() lists %d circuits, want 1", len(all))
	}
	return all[0]
}

func (r *rig) wantState(want ports.BreakerState) {
	r.t.Helper()
	if got := r.status().State; got != want {
		r.t.Errorf("state = %s, want %s", got, want)
	}
}

func (r *rig) wantCounts(want ports.BreakerCounts) {
	r.t.Helper()
	if got := r.status().Counts; got != want {
		r.t.Errorf("counts = %+v, want %+v", got, want)
	}
}

// pass lets the bubble's time pass.
func pass(d time.Duration) { <-time.After(d) }

func wantKind(t *testing.T, err error, code *domain.Error, retryAfter time.Duration) {
	t.Helper()
	if !errors.Is(err, code) {
		t.Fatalf("error = %v, want %s", err, code.Code)
	}
	var e *domain.Error
	if errors.As(err, &e) && e.RetryAfter != retryAfter {
		t.Errorf("RetryAfter = %s, want %s", e.RetryAfter, retryAfter)
	}
}
