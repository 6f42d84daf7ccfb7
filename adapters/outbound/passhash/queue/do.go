package queue

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errNoEnd is the outcome of work that ended its goroutine.
var errNoEnd = errors.New("queue: the work did not return")

// Do runs work when its turn comes, on a slot number that no other job has
// meanwhile, and returns what it returns. Errors of its own, all without any work
// done: ErrOverloaded with RetryAfter when the queue leaves it no place or too
// little time, wrapping the deadline that passed in the queue if one did;
// ErrUnavailable when q is closed; ctx.Err() when the caller left.
//
// Work that has begun cannot be stopped: when ctx ends during it, Do returns
// ctx.Err(), or ErrOverloaded wrapping a deadline that was spent in the queue for
// the most part, and the slot stays taken until work ends. A panic of work is an
// error.
func Do[T any](ctx context.Context, q *Queue, t Ticket, work func(slot int) (T, error)) (T, error) {
	var zero T
	j := q.enter(ctx, t)
	if j.refused != nil {
		if q.cfg.Events.Refused != nil {
			q.cfg.Events.Refused(ctx, t, j.refused.why)
		}
		return zero, j.refused.err
	}
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	begun := q.clock.Now()
	waited := max(0, begun.Sub(j.arrived))
	go func() {
		out := outcome{err: errNoEnd}
		defer func() {
			// Here a panic would end the process: no handler's recovery is above.
			if fault := recover(); fault != nil {
				out.err = fmt.Errorf("queue: panic of the work: %v", fault)
			}
			var took time.Duration
			if out.err == nil {
				took = q.clock.Now().Sub(begun)
			}
			q.release(j, took)
			done <- out
		}()
		out.value, out.err = work(j.slot)
	}()
	if q.cfg.Events.Waited != nil {
		q.cfg.Events.Waited(ctx, t, waited)
	}
	select {
	case out := <-done:
		return out.value, out.err
	case <-ctx.Done():
		if waited > q.clock.Now().Sub(begun) {
			return zero, q.spent(t, ctx.Err())
		}
		return zero, ctx.Err()
	}
}
