package fake

import (
	"context"
	"errors"
	"sync"

	"authserve/ports"
)

// Twice returns a store that runs every closure twice: that of Update the first time
// in a transaction that is rolled back, as after a serialization failure, and that of
// View over one snapshot. A use case that does not reset what its closure captures
// shows itself.
func Twice(s ports.Store) ports.Store { return twice{s} }

type twice struct{ ports.Store }

var _ ports.Store = twice{}

var errRehearsal = errors.New("fake: rolled back before the second run")

// View implements ports.Store.
func (t twice) View(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	return t.Store.View(ctx, func(ctx context.Context, tx ports.Tx) error {
		_ = fn(ctx, tx) // the second run decides
		return fn(ctx, tx)
	})
}

// Update implements ports.Store.
func (t twice) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	err := t.Store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		_ = fn(ctx, tx) // the second run decides
		return errRehearsal
	})
	if !errors.Is(err, errRehearsal) {
		return err
	}
	return t.Store.Update(ctx, fn)
}

// BrokenStore is a store that fails when told to. Each fault happens once, to the
// next call that it fits. Safe for concurrent use.
type BrokenStore struct {
	store  ports.Store
	mu     sync.Mutex
	view   error
	update error
	commit error
	answer error
}

var _ ports.Store = (*BrokenStore)(nil)

// Broken wraps s; without a fault it behaves as s does.
func Broken(s ports.Store) *BrokenStore { return &BrokenStore{store: s} }

// FailView makes the next View fail with err before its closure runs.
func (b *BrokenStore) FailView(err error) { b.arm(&b.view, err) }

// FailUpdate makes the next Update fail with err before its closure runs.
func (b *BrokenStore) FailUpdate(err error) { b.arm(&b.update, err) }

// FailCommit makes the next Update whose closure succeeds roll back and fail with
// err.
func (b *BrokenStore) FailCommit(err error) { b.arm(&b.commit, err) }

// LoseAnswer makes the next Update that commits fail with ErrUnavailable all the
// same: what was written stays, and the caller does not know.
func (b *BrokenStore) LoseAnswer() { b.arm(&b.answer, ports.ErrUnavailable) }

// View implements ports.Store.
func (b *BrokenStore) View(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	if err := b.take(&b.view); err != nil {
		return err
	}
	return b.store.View(ctx, fn)
}

// Update implements ports.Store.
func (b *BrokenStore) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	if err := b.take(&b.update); err != nil {
		return err
	}
	err := b.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		if err := fn(ctx, tx); err != nil {
			return err
		}
		return b.take(&b.commit)
	})
	if err != nil {
		return err
	}
	return b.take(&b.answer)
}

func (b *BrokenStore) arm(fault *error, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*fault = err
}

func (b *BrokenStore) take(fault *error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := *fault
	*fault = nil
	return err
}
