package queue_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"authserve/adapters/outbound/passhash/queue"
)

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

// storm sends jobs, one per interval, each with a deadline of a second, from two
// networks.
func storm(t *testing.T, q *queue.Queue, jobs int, interval time.Duration, lasts func(i int) time.Duration) *tally {
	t.Helper()
	var c tally
	var callers sync.WaitGroup
	for i := range jobs {
		callers.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := queue.Do(ctx, q, of(strconv.Itoa(i%3/2)), func(int) (bool, error) {
				<-time.After(lasts(i))
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
		capacity int // of 2 slots in 20 s
	}{
		"steady": {steady, 400}, "uneven": {uneven, 400}, "slower and slower": {slower, 277},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(t, queue.Config{Slots: 2, Waiting: 256})
				got := storm(t, q, 2000, 10*time.Millisecond, c.work)
				if got.done < c.capacity*9/10 {
					t.Errorf("at five times the capacity: got %d jobs done, want nearly %d", got.done, c.capacity)
				}
				if got.refused == 0 || got.wasted > c.capacity/50 {
					t.Errorf("got %d refused and %d done for callers that had gone, want some and next to none", got.refused, got.wasted)
				}
				<-time.After(2 * time.Second)
				if after := storm(t, q, 100, 60*time.Millisecond, steady); after.done != 100 {
					t.Errorf("after the storm: got %d of 100 jobs done", after.done)
				}
			})
		})
	}
}

func TestJobsAreRefusedAtOnceWhenTheirTurnWouldComeTooLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log journal
		q := newQueue(t, queue.Config{Slots: 2, Waiting: 20, Events: log.events()})
		teach(t, q, time.Second)
		release := occupy(t.Context(), q, 8, ordinary)
		defer release()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := queue.Do(ctx, q, ordinary, unreachable(t))
		if got, want := retryAfter(err), 4*time.Second; got != want {
			t.Errorf("got %v, want ErrOverloaded until the 8 jobs are done in %v (got %v)", err, want, got)
		}
		if ctx.Err() != nil {
			t.Error("the refusal came with the deadline, want it at once")
		}
		if n, all := log.refused(queue.TooLate); n != 1 || all != 1 {
			t.Errorf("got %d refused as too late of %d, want 1 of 1", n, all)
		}
	})
}

func TestTurnWithTooLittleTimeLeftIsPassedOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log journal
		q := newQueue(t, queue.Config{Slots: 1, Waiting: 5, Events: log.events()})
		teach(t, q, time.Second)
		release := occupy(t.Context(), q, 1, ordinary)
		tooLate, next := error(nil), errors.New("has not ended")
		go func() { tooLate = doFor(t, q, 3*time.Second, ordinary, unreachable(t)) }()
		synctest.Wait()
		go func() { next = doFor(t, q, 10*time.Second, ordinary, lasting(time.Second)) }()
		<-time.After(2500 * time.Millisecond) // the job before lasts longer than expected
		release()
		synctest.Wait()
		if retryAfter(tooLate) == 0 {
			t.Errorf("got %v, want ErrOverloaded with RetryAfter before the deadline", tooLate)
		}
		if n, all := log.refused(queue.TooLate); n != 1 || all != 1 {
			t.Errorf("got %d refused as too late of %d, want 1 of 1", n, all)
		}
		<-time.After(1100 * time.Millisecond)
		synctest.Wait()
		if next != nil {
			t.Errorf("the next in the queue: got %v, want it to have begun at once", next)
		}
	})
}

// A network whose first job is too late still has its turn.
func TestTurnStaysWithTheNetwork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, queue.Config{Slots: 1, Waiting: 5})
		teach(t, q, time.Second)
		release := occupy(t.Context(), q, 1, ordinary)
		go func() { _ = doFor(t, q, 3*time.Second, of("a"), unreachable(t)) }()
		synctest.Wait()
		var order []string
		note := func(name string) work {
			return func(int) (bool, error) { order = append(order, name); return true, nil }
		}
		_ = later(t, q, of("b"), note("b"))
		_ = later(t, q, of("a"), note("a"))
		<-time.After(2500 * time.Millisecond)
		release()
		synctest.Wait()
		if len(order) != 2 || order[0] != "a" {
			t.Errorf("got the order %v, want a before b", order)
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
				q := newQueue(t, queue.Config{Slots: 1, Waiting: 5})
				if c.waits > 0 {
					// Of another kind, so that nothing is known of the job that follows.
					_ = later(t, q, queue.Ticket{Kind: "other"}, lasting(c.waits))
				}
				err := doFor(t, q, 4*time.Second, ordinary, lasting(c.works))
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
		q := newQueue(t, queue.Config{Slots: 2, Waiting: 5})
		teach(t, q, time.Minute)
		release := occupy(t.Context(), q, 1, ordinary)
		defer release()
		for i := range 60 { // a slot is free: each begins at once and is measured
			if err := doFor(t, q, time.Second, ordinary, lasting(50*time.Millisecond)); err != nil {
				t.Fatalf("job %d beside a free slot: %v", i, err)
			}
		}
		_ = later(t, q, ordinary, lasting(50*time.Millisecond))
		if err := doFor(t, q, time.Second, ordinary, lasting(50*time.Millisecond)); err != nil {
			t.Errorf("after 60 short jobs: got %v, want the queue to be used", err)
		}
	})
}

func TestOneLongJobDoesNotShutTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, queue.Config{Slots: 1, Waiting: 5})
		teach(t, q, 100*time.Millisecond)
		teach(t, q, 24*time.Hour) // the machine slept
		release := occupy(t.Context(), q, 1, ordinary)
		go release()
		if err := doFor(t, q, time.Second, ordinary, lasting(100*time.Millisecond)); err != nil {
			t.Errorf("got %v, want the job to wait and be done", err)
		}
	})
}

func TestFailedWorkTeachesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, queue.Config{Slots: 1, Waiting: 5})
		teach(t, q, time.Second)
		for range 50 {
			_, _ = queue.Do(t.Context(), q, ordinary, func(int) (bool, error) { return false, errors.New("no memory") })
		}
		release := occupy(t.Context(), q, 1, ordinary)
		defer release()
		if got := q.Wait(); got != time.Second {
			t.Errorf("got a wait of %v, want 1 s", got)
		}
	})
}

func TestEachKindOfWorkHasItsOwnEstimate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, queue.Config{Slots: 1, Waiting: 5})
		teach(t, q, 5*time.Second)
		fast := queue.Ticket{Kind: "bcrypt 4"}
		quick := func() error { return doFor(t, q, time.Second, fast, lasting(time.Millisecond)) }
		if err := quick(); err != nil {
			t.Fatal(err)
		}
		_ = later(t, q, fast, lasting(time.Millisecond))
		if err := quick(); err != nil {
			t.Errorf("quick work behind quick work: %v", err)
		}
		_ = later(t, q, ordinary, lasting(5*time.Second))
		if err := quick(); retryAfter(err) < 5*time.Second {
			t.Errorf("quick work behind slow work: got %v, want it refused for 5 s", err)
		}
	})
}

func TestEstimatesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, queue.Config{Slots: 1, Waiting: 1000})
		for i := range 1000 {
			if _, err := queue.Do(t.Context(), q, queue.Ticket{Kind: strconv.Itoa(i)}, lasting(time.Millisecond)); err != nil {
				t.Fatal(err)
			}
		}
		if got := queue.Kinds(q); got > 64 {
			t.Errorf("one after the other: got estimates of %d kinds, want at most 64", got)
		}
		for i := range 1000 {
			go func() {
				if _, err := queue.Do(t.Context(), q, queue.Ticket{Kind: strconv.Itoa(i)}, lasting(time.Millisecond)); err != nil {
					t.Error(err)
				}
			}()
		}
		synctest.Wait()
		if got := queue.Kinds(q); got > 64 {
			t.Errorf("all at once: got estimates of %d kinds, want at most 64", got)
		}
		<-time.After(2 * time.Second)
		checkEmpty(t, q)
		teach(t, q, time.Second)
		release := occupy(t.Context(), q, 1, ordinary)
		if got := q.Wait(); got != time.Second {
			t.Errorf("got a wait of %v behind a kind that is new, want 1 s: idle kinds give way", got)
		}
		release()
	})
}

func TestAClockThatIsSetDoesNotRefuseForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, queue.Config{Slots: 1, Waiting: 100})
		teach(t, q, time.Hour) // what the first job seems to last when the clock is set meanwhile
		release := occupy(t.Context(), q, 50, ordinary)
		defer release()
		if got, want := q.Wait(), 5*time.Second; got != want { // what runs; its network comes after a newcomer's
			t.Errorf("got a wait of %v, want %v", got, want)
		}
		if err := doFor(t, q, time.Second, ordinary, unreachable(t)); retryAfter(err) != 30*time.Second {
			t.Errorf("got %v, refused for %v; want half a minute", err, retryAfter(err))
		}
	})
}

func TestRefusedCallersAreToldDifferentTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, queue.Config{Slots: 2, Waiting: 8})
		teach(t, q, time.Second)
		release := occupy(t.Context(), q, 10, ordinary)
		defer release()
		times := map[time.Duration]int{}
		for range 100 {
			_, err := queue.Do(t.Context(), q, ordinary, unreachable(t))
			d := retryAfter(err)
			if d < 5*time.Second || d > 30*time.Second {
				t.Fatalf("got %v, want 5 s (what waits) to 30 s", d)
			}
			times[d]++
		}
		for d, n := range times {
			if n > 2 {
				t.Errorf("%d of 100 were told %v, want them spread", n, d)
			}
		}
		<-time.After(time.Minute) // those have come back, or will not
		if _, err := queue.Do(t.Context(), q, ordinary, unreachable(t)); retryAfter(err) != 5*time.Second {
			t.Errorf("later: got %v, want 5 s", retryAfter(err))
		}
	})
}
