package queue_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"authserve/adapters/outbound/passhash/queue"
	"authserve/adapters/outbound/system"
	"authserve/ports"
)

func TestNewNamesEveryFault(t *testing.T) {
	t.Parallel()
	_, err := queue.New(queue.Config{Slots: 0, Waiting: -1}, system.Clock{})
	for _, want := range []string{"slots", "waiting"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that says %q", err, want)
		}
	}
	if _, err := queue.New(queue.Config{Slots: 1, Waiting: queue.MaxWaiting + 1}, system.Clock{}); err == nil {
		t.Error("a queue without bounds was accepted")
	}
}

func TestNoMoreJobsRunThanSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, queue.Config{Slots: 3, Waiting: 100})
		var mu sync.Mutex
		running, most, done := 0, 0, 0
		var callers sync.WaitGroup
		for range 60 {
			callers.Go(func() {
				_, err := queue.Do(t.Context(), q, ordinary, func(int) (bool, error) {
					mu.Lock()
					running++
					most = max(most, running)
					mu.Unlock()
					<-time.After(time.Second)
					mu.Lock()
					running--
					done++
					mu.Unlock()
					return true, nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		if most != 3 || done != 60 {
			t.Errorf("got %d jobs at a time and %d done, want 3 and 60", most, done)
		}
		checkEmpty(t, q)
	})
}

// With the machine's own scheduler and clock, for the race detector.
func TestASlotIsNeverShared(t *testing.T) {
	t.Parallel()
	const slots = 4
	q := newQueue(t, queue.Config{Slots: slots, Waiting: 200})
	var taken [slots]atomic.Int32
	plain := [slots]int{} // the race detector sees two jobs that share it
	var callers sync.WaitGroup
	for i := range 200 {
		callers.Go(func() {
			for range 20 {
				ctx, cancel := context.WithCancel(t.Context())
				_, err := queue.Do(ctx, q, of(string(rune('a'+i%7))), func(slot int) (bool, error) {
					if !taken[slot].CompareAndSwap(0, 1) {
						t.Errorf("slot %d is shared", slot)
					}
					if i%5 == 0 {
						cancel() // the caller leaves, its work goes on
					}
					plain[slot]++
					runtime.Gosched()
					taken[slot].Store(0)
					return true, nil
				})
				cancel()
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
		})
	}
	callers.Wait()
	q.Close() // awaits the work whose callers left
	sum := 0
	for _, n := range plain {
		sum += n
	}
	if sum != 200*20 {
		t.Errorf("got %d jobs done, want %d", sum, 200*20)
	}
	checkEmpty(t, q)
}

func TestFullQueueRefusesBeforeAnyWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log journal
		q := newQueue(t, queue.Config{Slots: 2, Waiting: 3, Events: log.events()})
		release := occupy(t.Context(), q, 5, ordinary)
		if running, waiting := q.Depth(); running != 2 || waiting != 3 {
			t.Errorf("got %d running and %d waiting, want 2 and 3", running, waiting)
		}
		_, err := queue.Do(t.Context(), q, ordinary, unreachable(t))
		if got := retryAfter(err); got < time.Second || got > 30*time.Second {
			t.Errorf("got %v, want ErrOverloaded with RetryAfter of 1 to 30 s", err)
		}
		if n, all := log.refused(queue.QueueFull); n != 1 || all != 1 {
			t.Errorf("got %d refusals for a full queue of %d, want 1 of 1", n, all)
		}
		release()
		synctest.Wait()
		if got, err := queue.Do(t.Context(), q, ordinary, nothing); !got || err != nil {
			t.Errorf("after the queue emptied: got %v, %v", got, err)
		}
	})
}

func TestCallerThatLeavesTheQueue(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		leave func(context.Context) (context.Context, context.CancelFunc)
		want  []error
		why   queue.Reason
	}{
		"deadline": {
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Second)
			}, []error{context.DeadlineExceeded, ports.ErrOverloaded}, queue.Expired,
		},
		"cancelled": {
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(time.Second, cancel)
				return ctx, cancel
			}, []error{context.Canceled}, queue.Departed,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log journal
				q := newQueue(t, queue.Config{Slots: 1, Waiting: 1, Events: log.events()})
				release := occupy(t.Context(), q, 1, ordinary)
				defer release()
				for range 5 { // the place in the queue becomes free each time
					ctx, cancel := c.leave(t.Context())
					begun := time.Now() //nolint:forbidigo // the bubble's clock
					_, err := queue.Do(ctx, q, ordinary, unreachable(t))
					cancel()
					for _, want := range c.want {
						if !errors.Is(err, want) {
							t.Errorf("got %v, want %v", err, want)
						}
					}
					if overloaded := slices.Contains(c.want, error(ports.ErrOverloaded)); errors.Is(err, ports.ErrOverloaded) != overloaded {
						t.Errorf("got %v: overloaded %v, want %v", err, !overloaded, overloaded)
					}
					if took := time.Since(begun); took != time.Second { //nolint:forbidigo // the bubble's clock
						t.Errorf("Do returned after %v, want it when the caller leaves", took)
					}
					if _, waiting := q.Depth(); waiting != 0 {
						t.Errorf("got %d waiting, want none", waiting)
					}
				}
				if n, all := log.refused(c.why); n != 5 || all != 5 {
					t.Errorf("got %d refusals as %s of %d, want 5 of 5", n, c.why, all)
				}
			})
		})
	}
}

// The caller leaves at the very moment at which its turn comes.
func TestNobodyWorksForACallerThatLeftAtItsTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, queue.Config{Slots: 1, Waiting: 2})
		for range 200 {
			ctx, cancel := context.WithCancel(t.Context())
			stop := make(chan struct{})
			_ = later(t, q, ordinary, func(int) (bool, error) {
				<-stop
				cancel() // and at once the slot is free
				return true, nil
			})
			gone := make(chan error)
			go func() {
				_, err := queue.Do(ctx, q, ordinary, unreachable(t))
				gone <- err
			}()
			synctest.Wait()
			next := later(t, q, ordinary, nothing)
			close(stop)
			if err := <-gone; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want context.Canceled", err)
			}
			synctest.Wait()
			if ended, err := next.get(); !ended || err != nil {
				t.Fatalf("the next job: ended %v, %v, want it to have got the slot", ended, err)
			}
		}
		checkEmpty(t, q)
	})
}

func TestEndedContextDoesNoWork(t *testing.T) {
	t.Parallel()
	var log journal
	q := newQueue(t, queue.Config{Slots: 1, Waiting: 1, Events: log.events()})
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithTimeout(t.Context(), 0) // not in the queue, so it is no overload
	defer cancel()
	for _, ctx := range []context.Context{cancelled, expired} {
		if _, err := queue.Do(ctx, q, ordinary, unreachable(t)); !errors.Is(err, ctx.Err()) || errors.Is(err, ports.ErrOverloaded) {
			t.Errorf("got %v, want %v alone", err, ctx.Err())
		}
	}
	if n, all := log.refused(queue.Departed); n != 2 || all != 2 {
		t.Errorf("got %d departures of %d refusals, want 2 of 2", n, all)
	}
}

func TestSlotStaysTakenAfterItsCallerLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, queue.Config{Slots: 1, Waiting: 5})
		ctx, cancel := context.WithCancel(t.Context())
		release := occupy(ctx, q, 1, ordinary)
		cancel()
		synctest.Wait() // the caller is gone, its work is not
		next := later(t, q, ordinary, nothing)
		if ended, _ := next.get(); ended {
			t.Error("a second job ran while the abandoned one was under way")
		}
		release()
		synctest.Wait()
		if ended, err := next.get(); !ended || err != nil {
			t.Errorf("ended %v, %v, want the slot given back", ended, err)
		}
	})
}

func TestCloseEndsWhatWaitsAndAwaitsWhatRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log journal
		q := newQueue(t, queue.Config{Slots: 1, Waiting: 5, Events: log.events()})
		ctx, cancel := context.WithCancel(t.Context())
		release := occupy(ctx, q, 1, ordinary)
		waiting := []*result{
			later(t, q, of("a"), unreachable(t)), later(t, q, of("b"), unreachable(t)),
			later(t, q, of("b"), unreachable(t)), later(t, q, late("a"), unreachable(t)),
		}
		var closed atomic.Bool
		go func() { q.Close(); closed.Store(true) }()
		synctest.Wait()
		for i, r := range waiting {
			if ended, err := r.get(); !ended || !errors.Is(err, ports.ErrUnavailable) {
				t.Errorf("waiting job %d: ended %v, %v, want ErrUnavailable", i, ended, err)
			}
		}
		if _, err := queue.Do(t.Context(), q, ordinary, unreachable(t)); !errors.Is(err, ports.ErrUnavailable) {
			t.Errorf("after Close: got %v, want ErrUnavailable", err)
		}
		if n, all := log.refused(queue.Closed); n != 5 || all != 5 {
			t.Errorf("got %d refusals as closed of %d, want 5 of 5", n, all)
		}
		cancel() // the caller leaves; its job goes on
		synctest.Wait()
		if closed.Load() {
			t.Error("Close returned while a job was under way")
		}
		release()
		synctest.Wait()
		if !closed.Load() {
			t.Error("Close did not return after the last job")
		}
		q.Close()
		checkEmpty(t, q)
	})
}

func TestWorkThatDoesNotReturnIsAnError(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		work work
		want string
	}{
		"panic":                 {func(int) (bool, error) { panic("broken") }, "broken"},
		"end of its goroutine":  {func(int) (bool, error) { runtime.Goexit(); return true, nil }, "did not return"},
		"an error of the work":  {func(int) (bool, error) { return true, errors.New("no memory") }, "no memory"},
		"a panic with an error": {func(int) (bool, error) { panic(errors.New("odd")) }, "odd"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := newQueue(t, queue.Config{Slots: 1, Waiting: 1})
			if _, err := queue.Do(t.Context(), q, ordinary, c.work); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error that says %q", err, c.want)
			}
			if got, err := queue.Do(t.Context(), q, ordinary, nothing); !got || err != nil {
				t.Errorf("the next job: got %v, %v", got, err)
			}
		})
	}
}

func TestEventsTellHowLongAJobWaited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log journal
		q := newQueue(t, queue.Config{Slots: 1, Waiting: 5, Events: log.events()})
		for range 3 {
			_ = later(t, q, ordinary, lasting(2*time.Second))
		}
		<-time.After(7 * time.Second)
		synctest.Wait()
		if want := []time.Duration{0, 2 * time.Second, 4 * time.Second}; !slices.Equal(log.waited, want) {
			t.Errorf("got waits of %v, want %v", log.waited, want)
		}
		if _, all := log.refused(queue.TooLate); all != 0 {
			t.Errorf("got %d refusals, want none", all)
		}
	})
}
