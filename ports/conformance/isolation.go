package conformance

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"authserve/ports"
	"authserve/ports/fake"
)

func isolationCases() []Case {
	return []Case{
		{
			"isolation.no_half_transaction", true,
			"Readers beside a writer that changes two rows in each Update never see one changed and the other not.",
			noHalfTransaction,
		},
		{
			"isolation.uncommitted_is_invisible", true,
			"What an open Update has written is seen by no View, and after its rollback by none either.",
			uncommittedIsInvisible,
		},
		{
			"isolation.view_is_one_snapshot", true,
			"A View that reads a row twice, or two rows of one transaction, reads what was there at first, whatever is committed in between.",
			viewIsOneSnapshot,
		},
		{
			"isolation.committed_is_visible", true,
			"Once Update has returned, every later View sees what it wrote.",
			committedIsVisible,
		},
	}
}

// Two guards that every Update of these cases advances together.
const left, right = "left", "right"

func advancePair(from int64) step {
	return func(ctx context.Context, tx ports.Tx) error {
		return errors.Join(tx.Guards().Advance(ctx, left, from), tx.Guards().Advance(ctx, right, from))
	}
}

func noHalfTransaction(s *subject) {
	const readers, rounds = 4, 50
	var reading atomic.Int64
	var all sync.WaitGroup
	ctx, stop := context.WithCancel(s.Context())
	defer stop()
	reading.Store(readers)
	for range readers {
		all.Go(func() {
			defer reading.Add(-1)
			for l, r := int64(0), int64(0); l < rounds && ctx.Err() == nil; {
				err := s.store.View(s.Context(), func(ctx context.Context, tx ports.Tx) (err error) {
					if l, err = tx.Guards().Read(ctx, left); err != nil {
						return err
					}
					r, err = tx.Guards().Read(ctx, right)
					return err
				})
				if err != nil || l != r {
					s.Errorf("a reader saw left %d and right %d (error %v), want the same", l, r, err)
					return
				}
			}
		})
	}
	for i := int64(0); reading.Load() > 0; i++ {
		if err := s.try(advancePair(i)); err != nil {
			s.Errorf("round %d: Update failed: %v", i, err)
			stop()
			break
		}
	}
	all.Wait()
}

func uncommittedIsInvisible(s *subject) {
	account := fake.Account(1)
	held := s.hold(func(ctx context.Context, tx ports.Tx) error { return tx.Accounts().Create(ctx, account) })
	look := func() error {
		ctx, cancel := context.WithTimeout(s.Context(), impatience)
		defer cancel()
		return s.store.View(ctx, func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Accounts().ByID(ctx, account.ID)
			return err
		})
	}
	// A store whose readers wait for the writer may give up with the context.
	if err := look(); !errors.Is(err, ports.ErrNotFound) && !errors.Is(err, context.DeadlineExceeded) {
		s.Errorf("reading a row of an open Update: got error %v, want %v", err, ports.ErrNotFound)
	}
	held.end(errTakenBack)
	s.fails("the held Update", held.wait(), errTakenBack)
	err := s.store.View(s.Context(), func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Accounts().ByID(ctx, account.ID)
		return err
	})
	s.fails("reading a row after its rollback", err, ports.ErrNotFound)
}

func viewIsOneSnapshot(s *subject) {
	s.view(func(ctx context.Context, tx ports.Tx) error {
		var counts [3]int64
		for i, name := range []string{left, left, right} {
			var err error
			if counts[i], err = tx.Guards().Read(ctx, name); err != nil {
				return err
			}
			if i == 0 {
				// Where writers wait for readers, this one gives up.
				meanwhile, cancel := context.WithTimeout(s.Context(), impatience)
				_ = contend(1, func(int) error { return s.store.Update(meanwhile, advancePair(0)) })
				cancel()
			}
		}
		equal(s, "left, left again and right in one View", counts, [3]int64{})
		return nil
	})
}

func committedIsVisible(s *subject) {
	for i := range int64(50) {
		s.update(func(ctx context.Context, tx ports.Tx) error { return tx.Guards().Advance(ctx, worldGuard, i) })
		equal(s, "the guard after an Update", s.guard(worldGuard), i+1)
	}
}

// held is an Update that stays open after its writes until end is called.
type held struct {
	verdict chan error
	result  chan error
}

// hold starts an Update, waits until fn has run in it, and leaves it open.
func (s *subject) hold(fn step) held {
	s.Helper()
	h := held{verdict: make(chan error), result: make(chan error, 1)}
	entered := make(chan struct{})
	enter := sync.OnceFunc(func() { close(entered) })
	go func() {
		var verdict error
		var settled bool
		h.result <- s.try(func(ctx context.Context, tx ports.Tx) error {
			if err := fn(ctx, tx); err != nil {
				return err
			}
			enter()
			if settled { // the closure runs once more
				return verdict
			}
			select {
			case verdict = <-h.verdict:
				settled = true
				return verdict
			case <-ctx.Done(): // the case was given up
				return ctx.Err()
			}
		})
	}()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	select {
	case <-entered:
	case err := <-h.result:
		s.Fatalf("an Update ended before it was held open: %v", err)
	case <-ctx.Done():
		s.Fatalf("an Update did not begin within %v", patience)
	}
	return h
}

// end lets the closure return err. It is called once.
func (h held) end(err error) { h.verdict <- err }

// wait returns the error of the Update.
func (h held) wait() error { return <-h.result }
