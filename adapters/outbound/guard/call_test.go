package guard_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"authserve/adapters/outbound/guard"
	"authserve/core/domain"
	"authserve/ports"
)

func TestAnswersAreSuccess(t *testing.T) {
	t.Parallel()
	for _, answer := range []error{
		nil,
		ports.ErrNotFound,
		fmt.Errorf("account: %w", ports.ErrNotFound),
		ports.Conflict("email"),
		ports.ErrStale,
		domain.Invalid(),
		domain.NewError(domain.KindMalformed, "malformed", ""),
		domain.NewError(domain.KindUnauthenticated, "unauthenticated", ""),
		domain.NewError(domain.KindForbidden, "forbidden", ""),
		domain.NewError(domain.KindTooMany, "too_many", ""),
		ports.ErrReadOnly,
	} {
		t.Run(fmt.Sprint(answer), func(t *testing.T) {
			t.Parallel()
			inBubble(t, settings(), func(t *testing.T, r *rig) {
				for range 30 {
					if got := r.call(answer); got != answer { //nolint:errorlint // it must be the very same
						t.Fatalf("Call = %v, want %v unchanged", got, answer)
					}
				}
				r.wantState(ports.BreakerClosed)
				r.wantCounts(ports.BreakerCounts{Success: 30})
			})
		})
	}
}

func TestFailureIsUnavailable(t *testing.T) {
	t.Parallel()
	later := ports.ErrUnavailable.WithRetryAfter(7 * time.Second)
	for name, c := range map[string]struct {
		err        error
		retryAfter time.Duration
	}{
		"untyped":                      {errBroken, time.Second},
		"unavailable":                  {ports.ErrUnavailable.Wrap(errBroken), time.Second},
		"unavailable with Retry-After": {later, 7 * time.Second},
		"deadline of its own":          {context.DeadlineExceeded, time.Second},
		"cancellation of its own":      {fmt.Errorf("pool: %w", context.Canceled), time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, settings(), func(t *testing.T, r *rig) {
				err := r.call(c.err)
				wantKind(t, err, ports.ErrUnavailable, c.retryAfter)
				if !errors.Is(err, c.err) {
					t.Errorf("error %v does not wrap its cause %v", err, c.err)
				}
				r.wantCounts(ports.BreakerCounts{Failure: 1})
			})
		})
	}
}

func TestErrorComesWithZeroValue(t *testing.T) {
	t.Parallel()
	inBubble(t, settings(), func(t *testing.T, r *rig) {
		got, err := guard.Call(t.Context(), r.circuit, "test", func(context.Context) (int, error) { return 7, errBroken })
		if got != 0 || err == nil {
			t.Errorf("Call = %d, %v, want 0 and an error", got, err)
		}
	})
}

func TestCallerCancelsIsNeutral(t *testing.T) {
	t.Parallel()
	for name, returned := range map[string]error{
		"bare":        context.Canceled,
		"wrapped":     fmt.Errorf("query: %w", context.Canceled),
		"unexplained": errBroken,
		"unavailable": ports.ErrUnavailable.Wrap(errBroken),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, settings(), func(t *testing.T, r *rig) {
				for range 20 {
					ctx, cancel := context.WithCancel(t.Context())
					call := r.start(ctx)
					cancel()
					if err := call.finish(returned); !errors.Is(err, context.Canceled) || !errors.Is(err, returned) {
						t.Fatalf("Call = %v, want context.Canceled and %v", err, returned)
					}
				}
				if err := r.call(nil); err != nil {
					t.Errorf("Call after 20 cancelled ones = %v, want none", err)
				}
				r.wantCounts(ports.BreakerCounts{Canceled: 20, Success: 1})
			})
		})
	}
}

func TestCallerGoneBeforeTheCall(t *testing.T) {
	t.Parallel()
	inBubble(t, settings(), func(t *testing.T, r *rig) {
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.hang(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("Call = %v, want context.Canceled", err)
		}
		late, cancel := context.WithTimeout(t.Context(), 0)
		defer cancel()
		err := r.hang(late)
		wantKind(t, err, ports.ErrOverloaded, time.Second)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Call = %v, want it to wrap the caller's end", err)
		}
		r.wantCounts(ports.BreakerCounts{Canceled: 1, Rejected: 1})
	})
}

func TestTimeoutEndsTheCall(t *testing.T) {
	t.Parallel()
	inBubble(t, settings(), func(t *testing.T, r *rig) {
		begin := bubbleClock{}.Now()
		err := r.hang(t.Context())
		wantKind(t, err, ports.ErrUnavailable, time.Second)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Call = %v, want context.DeadlineExceeded inside", err)
		}
		if got := (bubbleClock{}).Now().Sub(begin); got != time.Second {
			t.Errorf("call took %s, want the timeout of 1s", got)
		}
		r.wantCounts(ports.BreakerCounts{Timeout: 1})
	})
}

// hystrix's own commands go on after their timeout: 50 timeouts left 50 running.
func TestTimeoutLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	s := settings()
	s.RequestVolume = 1000
	inBubble(t, s, func(t *testing.T, r *rig) {
		running, highest := 0, 0 // without a lock: everything is in one goroutine
		for range 50 {
			_, _ = guard.Call(t.Context(), r.circuit, "test", func(ctx context.Context) (int, error) {
				running++
				highest = max(highest, running)
				defer func() { running-- }()
				<-ctx.Done()
				return 0, ctx.Err()
			})
		}
		if running != 0 || highest != 1 {
			t.Errorf("running = %d, at most %d, want 0 and 1", running, highest)
		}
		if got := r.status().InFlight; got != 0 {
			t.Errorf("in flight = %d, want 0", got)
		}
	})
}

// hystrix never counts a context deadline that fires before its own timeout, so a
// hung dependency whose callers are less patient never opens the circuit.
func TestHungDependencyOpensForImpatientCallers(t *testing.T) {
	t.Parallel()
	inBubble(t, settings(), func(t *testing.T, r *rig) {
		for range 4 {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			err := r.hang(ctx)
			cancel()
			wantKind(t, err, ports.ErrUnavailable, time.Second)
		}
		if err := r.call(nil); !errors.Is(err, ports.ErrUnavailable) {
			t.Errorf("Call = %v, want the refusal of an open circuit", err)
		}
		r.wantState(ports.BreakerOpen)
		r.wantCounts(ports.BreakerCounts{Timeout: 4, Refused: 1})
	})
}

// Under load callers may arrive with next to no time left. What they do not get is
// not the fault of the dependency.
func TestTooLittleTimeIsNeutral(t *testing.T) {
	t.Parallel()
	inBubble(t, settings(), func(t *testing.T, r *rig) {
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), 99*time.Millisecond)
			err := r.hang(ctx)
			cancel()
			wantKind(t, err, ports.ErrUnavailable, time.Second)
		}
		if err := r.call(nil); err != nil {
			t.Errorf("Call = %v, want none", err)
		}
		r.wantCounts(ports.BreakerCounts{Canceled: 20, Success: 1})
	})
}

// hystrix gives its tickets back late: one caller after the other met
// "max concurrency" on a healthy dependency.
func TestOneSlotServesOneCallerAfterTheOther(t *testing.T) {
	t.Parallel()
	s := settings()
	s.MaxConcurrent = 1
	inBubble(t, s, func(t *testing.T, r *rig) {
		for range 1000 {
			if _, err := guard.Call(t.Context(), r.circuit, "test", func(context.Context) (int, error) { return 1, nil }); err != nil {
				t.Fatalf("Call = %v, want none", err)
			}
		}
		r.wantCounts(ports.BreakerCounts{Success: 1000})
	})
}

func TestCallersWaitForSlots(t *testing.T) {
	t.Parallel()
	s := settings()
	s.MaxConcurrent = 2
	inBubble(t, s, func(t *testing.T, r *rig) {
		var mu sync.Mutex
		running, highest := 0, 0
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				_, err := guard.Call(t.Context(), r.circuit, "test", func(context.Context) (int, error) {
					mu.Lock()
					running++
					highest = max(highest, running)
					mu.Unlock()
					pass(100 * time.Millisecond)
					mu.Lock()
					running--
					mu.Unlock()
					return 1, nil
				})
				if err != nil {
					t.Errorf("Call = %v, want none", err)
				}
			})
		}
		wg.Wait()
		if highest != 2 {
			t.Errorf("%d calls at a time, want 2", highest)
		}
	})
}

func TestNoSlotInTimeIsOverload(t *testing.T) {
	t.Parallel()
	s := settings()
	s.MaxConcurrent = 1
	inBubble(t, s, func(t *testing.T, r *rig) {
		holder := r.start(t.Context())
		if got := r.status().InFlight; got != 1 {
			t.Errorf("in flight = %d, want 1", got)
		}
		for range 20 {
			begin := bubbleClock{}.Now()
			wantKind(t, r.call(nil), ports.ErrOverloaded, time.Second)
			if got := (bubbleClock{}).Now().Sub(begin); got != time.Second {
				t.Fatalf("waited %s, want the timeout of 1s", got)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		waiting := r.start(ctx)
		cancel()
		if err := <-waiting.done; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled while waiting = %v, want context.Canceled", err)
		}
		if err := holder.finish(nil); err != nil {
			t.Errorf("Call = %v, want none", err)
		}
		if err := r.call(nil); err != nil {
			t.Errorf("Call = %v, want none: overload must not open the circuit", err)
		}
		r.wantCounts(ports.BreakerCounts{Success: 2, Rejected: 20, Canceled: 1})
	})
}

// The wait for a slot counts into the timeout.
func TestWaitingCountsIntoTheDeadline(t *testing.T) {
	t.Parallel()
	s := settings()
	s.MaxConcurrent = 1
	inBubble(t, s, func(t *testing.T, r *rig) {
		holder := r.start(t.Context())
		done := make(chan error)
		begin := bubbleClock{}.Now()
		go func() { done <- r.hang(t.Context()) }()
		pass(600 * time.Millisecond)
		if err := holder.finish(nil); err != nil {
			t.Errorf("Call = %v, want none", err)
		}
		wantKind(t, <-done, ports.ErrUnavailable, time.Second)
		if got := (bubbleClock{}).Now().Sub(begin); got != time.Second {
			t.Errorf("waiting and call took %s, want 1s", got)
		}
	})
}

func TestOverloadedDependencyIsRejected(t *testing.T) {
	t.Parallel()
	inBubble(t, settings(), func(t *testing.T, r *rig) {
		for range 30 {
			wantKind(t, r.call(ports.ErrOverloaded), ports.ErrOverloaded, time.Second)
		}
		wantKind(t, r.call(ports.ErrOverloaded.WithRetryAfter(3*time.Second)), ports.ErrOverloaded, 3*time.Second)
		r.wantState(ports.BreakerClosed)
		r.wantCounts(ports.BreakerCounts{Rejected: 31})
	})
}

// A panic inside a hystrix command ends the process.
func TestPanicCountsAndGoesOn(t *testing.T) {
	t.Parallel()
	s := settings()
	s.MaxConcurrent = 1
	inBubble(t, s, func(t *testing.T, r *rig) {
		for range 4 {
			func() {
				defer func() {
					if got := recover(); got != "nil map" {
						t.Errorf("recovered %v, want the panic of the function", got)
					}
				}()
				_, _ = guard.Call(t.Context(), r.circuit, "test", func(context.Context) (int, error) { panic("nil map") })
			}()
		}
		synctest.Wait()
		if got := r.status().InFlight; got != 0 {
			t.Errorf("in flight = %d, want 0", got)
		}
		if err := r.call(nil); !errors.Is(err, ports.ErrUnavailable) {
			t.Errorf("Call = %v, want the refusal of an open circuit", err)
		}
		r.wantCounts(ports.BreakerCounts{Failure: 4, Refused: 1})
	})
}

// hystrix's queue of samples is bounded; a full one must not hold up a call.
func TestFullQueueOfHystrixDropsTheSample(t *testing.T) {
	t.Parallel()
	inBubble(t, settings(), func(t *testing.T, r *rig) {
		synctest.Wait()
		undo := guard.StallHystrix(r.circuit)
		for range 20 {
			if err := r.call(errBroken); !errors.Is(err, errBroken) {
				t.Fatalf("Call = %v, want the dependency's error", err)
			}
		}
		undo()
		r.wantCounts(ports.BreakerCounts{Failure: 20})
	})
}
