package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"authserve/ports"
	"authserve/ports/fake"
)

func contextCases() []Case {
	return []Case{
		{
			"contexts.ended_before", true,
			"View and Update with a context that was cancelled or has expired fail with its error and write nothing.",
			contextEndedBefore,
		},
		{
			"contexts.ended_inside", true,
			"Every method fails with the error of its context when that has ended.",
			contextEndedInside,
		},
		{
			"contexts.ended_before_commit", true,
			"When the context ends while the closure runs, Update fails with its error and keeps nothing.",
			contextEndedBeforeCommit,
		},
		{
			"contexts.ended_while_waiting", true,
			"View and Update that must wait for another transaction stop waiting when their context ends, and fail with its error.",
			contextEndedWhileWaiting,
		},
		{
			"contexts.reach_the_closure", true,
			"The closure's context carries the values of the caller's and ends with it.",
			contextReachesTheClosure,
		},
	}
}

// doors are both doors, by name.
func (s *subject) doors() map[string]func(context.Context, step) error {
	return map[string]func(context.Context, step) error{
		"View":   func(ctx context.Context, fn step) error { return s.store.View(ctx, fn) },
		"Update": func(ctx context.Context, fn step) error { return s.store.Update(ctx, fn) },
	}
}

func contextEndedBefore(s *subject) {
	cancelled, cancel := context.WithCancel(s.Context())
	cancel()
	expired, cancel := context.WithTimeout(s.Context(), -time.Second)
	defer cancel()
	for _, ctx := range []context.Context{cancelled, expired} {
		for door, open := range s.doors() {
			err := open(ctx, func(context.Context, ports.Tx) error { return nil })
			s.fails(door+" with an ended context", err, ctx.Err())
		}
		err := s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
			return tx.Guards().Advance(context.WithoutCancel(ctx), worldGuard, 0)
		})
		s.fails("a write with an ended context", err, ctx.Err())
	}
	equal(s, "the guard", s.guard(worldGuard), 0)
}

func contextEndedInside(s *subject) {
	populate(s)
	before := dump(s)
	for _, op := range append(writes(), reads()...) {
		err := s.try(func(ctx context.Context, tx ports.Tx) error {
			ended, cancel := context.WithCancel(ctx)
			cancel()
			return op.run(ended, tx)
		})
		s.fails(op.name+" with an ended context", err, context.Canceled)
	}
	s.unchanged("after calls with an ended context", before)
}

func contextEndedBeforeCommit(s *subject) {
	populate(s)
	before := dump(s)
	outer, cancel := context.WithCancel(s.Context())
	defer cancel()
	err := s.store.Update(outer, func(ctx context.Context, tx ports.Tx) error {
		if err := allWrites(ctx, tx); err != nil {
			return err
		}
		cancel()
		return nil
	})
	s.fails("an Update whose context ended", err, context.Canceled)
	s.unchanged("after a context that ended before the commit", before)
}

func contextEndedWhileWaiting(s *subject) {
	account := fake.Account(1)
	s.given(account)
	login := func(ctx context.Context, tx ports.Tx) error {
		return tx.Accounts().RecordLogin(ctx, account.ID, 1, 1, fake.Epoch())
	}
	look := func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Accounts().ByID(ctx, account.ID)
		return err
	}
	holder := s.hold(login)
	for name, attempt := range map[string]func(context.Context) error{
		"Update": func(ctx context.Context) error { return s.store.Update(ctx, login) },
		"View":   func(ctx context.Context) error { return s.store.View(ctx, look) },
	} {
		ctx, cancel := context.WithTimeout(s.Context(), impatience)
		result := make(chan error, 1)
		go func() { result <- attempt(ctx) }()
		watchdog, stop := context.WithTimeout(s.Context(), patience)
		select {
		case err := <-result:
			// An optimistic store need not wait at all.
			if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ports.ErrStale) {
				s.Errorf("%s beside an open Update: got error %v, want %v", name, err, context.DeadlineExceeded)
			}
		case <-watchdog.Done():
			s.Errorf("%s beside an open Update still waits %v after its context ended", name, patience)
		}
		stop()
		cancel()
	}
	holder.end(nil)
	if err := holder.wait(); err != nil && !errors.Is(err, ports.ErrStale) {
		s.Errorf("the Update that was waited for: got error %v, want none", err)
	}
	s.view(look)
}

type contextKey struct{}

func contextReachesTheClosure(s *subject) {
	for door, open := range s.doors() {
		outer, cancel := context.WithCancel(context.WithValue(s.Context(), contextKey{}, door))
		err := open(outer, func(ctx context.Context, _ ports.Tx) error {
			if got := ctx.Value(contextKey{}); got != door {
				return fmt.Errorf("got value %v in the closure, want %v", got, door)
			}
			cancel()
			watchdog, stop := context.WithTimeout(s.Context(), patience)
			defer stop()
			select {
			case <-ctx.Done():
			case <-watchdog.Done():
				s.Errorf("%s: the closure's context outlives the caller's", door)
			}
			return ctx.Err()
		})
		s.fails(door, err, context.Canceled)
		cancel()
	}
}
