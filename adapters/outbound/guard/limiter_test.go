package guard_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"authserve/adapters/outbound/guard"
	"authserve/adapters/outbound/memlimit"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/conformance"
	"authserve/ports/fake"
)

// brokenLimiter is a limiter of its own while err is nil. It hangs instead of failing
// where err is the end of a context.
type brokenLimiter struct {
	*memlimit.Limiter
	err   error
	calls int
}

func (b *brokenLimiter) broken(ctx context.Context) error {
	b.calls++
	if errors.Is(b.err, context.DeadlineExceeded) {
		<-ctx.Done()
		return ctx.Err()
	}
	return b.err
}

func (b *brokenLimiter) Take(ctx context.Context, now time.Time, buckets ...domain.Bucket) (domain.RateVerdict, error) {
	if err := b.broken(ctx); err != nil {
		return domain.RateVerdict{}, err
	}
	return b.Limiter.Take(ctx, now, buckets...)
}

func (b *brokenLimiter) Return(ctx context.Context, now time.Time, buckets ...domain.Bucket) error {
	if err := b.broken(ctx); err != nil {
		return err
	}
	return b.Limiter.Return(ctx, now, buckets...)
}

// limiterRig is a guarded limiter with its parts.
type limiterRig struct {
	*rig
	ports.Limiter
	inner  *brokenLimiter
	reader *metric.ManualReader
}

func limiterInBubble(t *testing.T, test func(t *testing.T, r *limiterRig)) {
	t.Helper()
	inBubble(t, settings(), func(t *testing.T, r *rig) {
		lr := &limiterRig{rig: r, inner: &brokenLimiter{Limiter: memlimit.New()}, reader: metric.NewManualReader()}
		meters := metric.NewMeterProvider(metric.WithReader(lr.reader))
		guarded, err := guard.Limiter(lr.inner, r.circuit, memlimit.New(), meters)
		if err != nil {
			t.Fatal(err)
		}
		if lr.Limiter, err = guard.Decisions(guarded, meters); err != nil {
			t.Fatal(err)
		}
		test(t, lr)
	})
}

var threePerHour = domain.Bucket{Key: "a", Rate: domain.Rate{Name: "three", Burst: 3, Period: time.Hour}}

// passes tries so often, and counts what is let through.
func (r *limiterRig) passes(t *testing.T, attempts int) int {
	t.Helper()
	passed := 0
	for range attempts {
		v, err := r.Take(t.Context(), fake.Epoch(), threePerHour)
		if err != nil {
			t.Fatalf("Take: %v", err)
		}
		if v.Allowed {
			passed++
		}
		synctest.Wait()
	}
	return passed
}

func (r *limiterRig) wantSeries(t *testing.T, want map[string]int64) {
	t.Helper()
	values := collect(t, r.reader)
	for series, n := range want {
		if got, ok := values[series]; !ok || got != n {
			t.Errorf("%s = %d (there: %t), want %d", series, got, ok, n)
		}
	}
}

func TestLimiterConforms(t *testing.T) {
	t.Parallel()
	conformance.Limiter(t, conformance.LimiterHarness{New: func(t *testing.T) ports.Limiter {
		t.Helper()
		registry, err := guard.NewRegistry(bubbleClock{}, tracenoop.NewTracerProvider(), metricnoop.NewMeterProvider())
		if err != nil {
			t.Fatal(err)
		}
		s := settings()
		s.MaxConcurrent, s.Timeout = 64, time.Minute
		guarded, err := guard.Limiter(memlimit.New(), newCircuit(t, registry, "limiter", s), refusingLimiter{}, metricnoop.NewMeterProvider())
		if err != nil {
			t.Fatal(err)
		}
		counted, err := guard.Decisions(guarded, metricnoop.NewMeterProvider())
		if err != nil {
			t.Fatal(err)
		}
		return counted
	}})
}

// refusingLimiter fails where nobody should ask it.
type refusingLimiter struct{}

func (refusingLimiter) Take(context.Context, time.Time, ...domain.Bucket) (domain.RateVerdict, error) {
	return domain.RateVerdict{}, errBroken
}

func (refusingLimiter) Return(context.Context, time.Time, ...domain.Bucket) error { return errBroken }

func TestTheFallbackDecidesWhereTheLimiterDoesNot(t *testing.T) {
	t.Parallel()
	limiterInBubble(t, func(t *testing.T, r *limiterRig) {
		r.wantSeries(t, map[string]int64{"authserve.limiter.fallback ": 0})
		if got := r.passes(t, 2); got != 2 {
			t.Errorf("%d attempts passed, want 2", got)
		}
		r.inner.err = ports.ErrUnavailable.Wrap(errBroken)
		if got := r.passes(t, 20); got != 3 {
			t.Errorf("%d attempts passed without Redis, want the 3 of the fallback", got)
		}
		r.wantState(ports.BreakerOpen)
		if asked := r.inner.calls; asked >= 22 {
			t.Errorf("the limiter was asked %d times, want no more once its circuit was open", asked)
		}
		if err := r.Return(t.Context(), fake.Epoch(), threePerHour); err != nil {
			t.Errorf("Return: %v", err)
		}
		if got := r.passes(t, 2); got != 1 {
			t.Errorf("%d attempts passed after one was given back, want 1", got)
		}
		r.inner.err = nil
		pass(settings().SleepWindow + time.Millisecond)
		if got := r.passes(t, 5); got != 1 {
			t.Errorf("%d attempts passed when Redis was back, want the 1 that was left there", got)
		}
		r.wantState(ports.BreakerClosed)
		r.wantSeries(t, map[string]int64{
			"authserve.limiter.fallback ":                      22,
			"authserve.ratelimit outcome=allowed,policy=three": 7,
			"authserve.ratelimit outcome=refused,policy=three": 22,
		})
	})
}

func TestASlowLimiterIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	limiterInBubble(t, func(t *testing.T, r *limiterRig) {
		r.inner.err = context.DeadlineExceeded
		start := bubbleClock{}.Now()
		if got := r.passes(t, 20); got != 3 {
			t.Errorf("%d attempts passed, want the 3 of the fallback", got)
		}
		if took, most := (bubbleClock{}).Now().Sub(start), time.Duration(settings().RequestVolume)*settings().Timeout; took > most {
			t.Errorf("20 attempts took %v, want %v at most: the circuit opens", took, most)
		}
	})
}

func TestTheCallersOwnEndIsNoTroubleOfTheLimiter(t *testing.T) {
	t.Parallel()
	limiterInBubble(t, func(t *testing.T, r *limiterRig) {
		r.inner.err = context.DeadlineExceeded
		ctx, cancel := context.WithTimeout(t.Context(), settings().Timeout/2)
		defer cancel()
		if v, err := r.Take(ctx, fake.Epoch(), threePerHour); err == nil || v.Allowed {
			t.Errorf("Take = %+v, %v; want an error: the caller is gone", v, err)
		}
		if err := r.Return(ctx, fake.Epoch(), threePerHour); err == nil {
			t.Error("Return = nil; want an error: the caller is gone")
		}
		r.wantSeries(t, map[string]int64{"authserve.limiter.fallback ": 0})
	})
}
