package passhash_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"authserve/adapters/outbound/passhash"
	"authserve/core/domain"
	"authserve/ports"
)

// lasting is work that takes d by the bubble's clock.
func lasting(d time.Duration) func() (bool, error) {
	return func() (bool, error) { <-time.After(d); return true, nil }
}

// runFor is Run for a caller with a deadline.
func runFor(t *testing.T, pool *passhash.Pool, limit time.Duration, work func() (bool, error)) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	_, err := passhash.Run(ctx, pool, work)
	return err
}

// teach lets pool measure one job.
func teach(t *testing.T, pool *passhash.Pool, d time.Duration) {
	t.Helper()
	if _, err := passhash.Run(t.Context(), pool, lasting(d)); err != nil {
		t.Fatal(err)
	}
}

// retryAfter is what an ErrOverloaded tells, 0 for any other error.
func retryAfter(err error) time.Duration {
	var e *domain.Error
	if !errors.Is(err, ports.ErrOverloaded) || !errors.As(err, &e) {
		return 0
	}
	return e.RetryAfter
}

func unreachable(t *testing.T) func() (bool, error) {
	t.Helper()
	return func() (bool, error) { t.Error("refused work was done"); return true, nil }
}

// tally counts how the jobs of a storm ended.
type tally struct {
	mu                    sync.Mutex
	done, refused, wasted int
}

func (c *tally) add(field *int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*field++
}

// storm sends jobs, one per interval, each with a deadline of a second.
func storm(t *testing.T, pool *passhash.Pool, jobs int, interval time.Duration, work func(i int) time.Duration) *tally {
	t.Helper()
	var c tally
	var callers sync.WaitGroup
	for i := range jobs {
		callers.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := passhash.Run(ctx, pool, func() (bool, error) {
				<-time.After(work(i))
				if ctx.Err() != nil {
					c.add(&c.wasted)
				}
				return true, nil
			})
			switch {
			case err == nil:
				c.add(&c.done)
			case retryAfter(err) > 0:
				c.add(&c.refused)
			default:
				t.Errorf("got %v, want ErrOverloaded with RetryAfter", err)
			}
		})
		<-time.After(interval)
	}
	callers.Wait()
	return &c
}

func TestGoodputStaysNearCapacityUnderOverload(t *testing.T) {
	t.Parallel()
	steady := func(int) time.Duration { return 100 * time.Millisecond }
	uneven := func(i int) time.Duration { return time.Duration(60+80*(i%2)) * time.Millisecond }
	slower := func(i int) time.Duration { return time.Duration(100+i/20) * time.Millisecond }
	cases := map[string]struct {
		work     func(i int) time.Duration
		capacity int // of 2 workers in 20 s
	}{
		"steady": {steady, 400}, "uneven": {uneven, 400}, "slower and slower": {slower, 277},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				pool := newPool(t, passhash.Config{Workers: 2, Queue: 256})
				got := storm(t, pool, 2000, 10*time.Millisecond, c.work)
				if got.done < c.capacity*9/10 {
					t.Errorf("at five times the capacity: got %d jobs done, want nearly %d", got.done, c.capacity)
				}
				if got.refused == 0 || got.wasted > c.capacity/50 {
					t.Errorf("got %d refused and %d done for callers that had gone, want some and next to none", got.refused, got.wasted)
				}
				<-time.After(2 * time.Second)
				if after := storm(t, pool, 100, 60*time.Millisecond, steady); after.done != 100 {
					t.Errorf("after the storm: got %d of 100 jobs done", after.done)
				}
			})
		})
	}
}

func TestJobsAreRefusedAtOnceWhenTheirTurnWouldComeTooLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, passhash.Config{Workers: 2, Queue: 20})
		teach(t, pool, time.Second)
		release := occupy(t.Context(), pool, 8)
		defer release()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := passhash.Run(ctx, pool, unreachable(t))
		if got, want := retryAfter(err), 4*time.Second; got != want {
			t.Errorf("got %v, want ErrOverloaded until the 8 jobs are done in %v (got %v)", err, want, got)
		}
		if ctx.Err() != nil {
			t.Error("the refusal came with the deadline, want it at once")
		}
	})
}

func TestTurnWithTooLittleTimeLeftIsPassedOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, passhash.Config{Workers: 1, Queue: 5})
		teach(t, pool, time.Second)
		release := occupy(t.Context(), pool, 1)
		late, next := error(nil), errors.New("has not ended")
		go func() { late = runFor(t, pool, 3*time.Second, unreachable(t)) }()
		synctest.Wait()
		go func() { next = runFor(t, pool, 10*time.Second, lasting(time.Second)) }()
		<-time.After(2500 * time.Millisecond) // the job before lasts longer than expected
		release()
		synctest.Wait()
		if retryAfter(late) == 0 {
			t.Errorf("got %v, want ErrOverloaded with RetryAfter before the deadline", late)
		}
		<-time.After(1100 * time.Millisecond)
		synctest.Wait()
		if next != nil {
			t.Errorf("the next in the queue: got %v, want it to have begun at once", next)
		}
	})
}

func TestDeadlineDuringTheWork(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		waits, works time.Duration
		overloaded   bool
	}{
		"began at once and hangs":       {0, time.Hour, false},
		"waited for less than it works": {time.Second, time.Hour, false},
		"waited for longer":             {3 * time.Second, time.Hour, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				pool := newPool(t, passhash.Config{Workers: 1, Queue: 5})
				if c.waits > 0 {
					// Of another kind, so that nothing is known of the job that follows.
					go func() { _, _ = passhash.RunKind(t.Context(), pool, 10, lasting(c.waits)) }()
					synctest.Wait()
				}
				err := runFor(t, pool, 4*time.Second, lasting(c.works))
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want context.DeadlineExceeded", err)
				}
				if got := retryAfter(err) > 0; got != c.overloaded {
					t.Errorf("got %v: overloaded %v, want %v", err, got, c.overloaded)
				}
			})
		})
	}
}

func TestTooHighAnEstimateLocksNobodyOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, passhash.Config{Workers: 2, Queue: 5})
		teach(t, pool, time.Minute)
		release := occupy(t.Context(), pool, 1)
		defer release()
		for i := range 60 { // a worker is free: each begins at once and is measured
			if err := runFor(t, pool, time.Second, lasting(50*time.Millisecond)); err != nil {
				t.Fatalf("job %d beside a free worker: %v", i, err)
			}
		}
		go func() { _ = runFor(t, pool, time.Second, lasting(50*time.Millisecond)) }()
		synctest.Wait()
		if err := runFor(t, pool, time.Second, lasting(50*time.Millisecond)); err != nil {
			t.Errorf("after 60 short jobs: got %v, want the queue to be used", err)
		}
	})
}

func TestOneLongJobDoesNotShutTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, passhash.Config{Workers: 1, Queue: 5})
		teach(t, pool, 100*time.Millisecond)
		teach(t, pool, 24*time.Hour) // the machine slept
		release := occupy(t.Context(), pool, 1)
		go release()
		if err := runFor(t, pool, time.Second, lasting(100*time.Millisecond)); err != nil {
			t.Errorf("got %v, want the job to wait and be done", err)
		}
	})
}

func TestEachKindOfWorkHasItsOwnEstimate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, passhash.Config{Workers: 1, Queue: 5})
		teach(t, pool, 5*time.Second)
		quick := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := passhash.RunKind(ctx, pool, 4, lasting(time.Millisecond))
			return err
		}
		if err := quick(); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = passhash.RunKind(t.Context(), pool, 4, lasting(time.Millisecond)) }()
		synctest.Wait()
		if err := quick(); err != nil {
			t.Errorf("quick work behind quick work: %v", err)
		}
		go func() { _, _ = passhash.Run(t.Context(), pool, lasting(5*time.Second)) }()
		synctest.Wait()
		if err := quick(); retryAfter(err) < 5*time.Second {
			t.Errorf("quick work behind slow work: got %v, want it refused for 5 s", err)
		}
	})
}

func TestEstimatesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, passhash.Config{Workers: 1, Queue: 5})
		for cost := range 1000 {
			if _, err := passhash.RunKind(t.Context(), pool, cost, lasting(time.Millisecond)); err != nil {
				t.Fatal(err)
			}
		}
		if got := passhash.Kinds(pool); got > 64 {
			t.Errorf("got estimates of %d kinds, want at most 64", got)
		}
	})
}

func TestAClockThatIsSetDoesNotRefuseForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, passhash.Config{Workers: 1, Queue: 5})
		teach(t, pool, time.Hour) // what the first job seems to last when the clock is set meanwhile
		release := occupy(t.Context(), pool, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := passhash.Run(ctx, pool, lasting(time.Millisecond)); retryAfter(err) > 30*time.Second {
			t.Errorf("got %v, refused for %v; want half a minute at most", err, retryAfter(err))
		}
		release()
	})
}
