package ports

import (
	"context"
	"time"

	"authserve/core/domain"
)

// Keys keeps the signing keys, their private halves sealed.
type Keys interface {
	// List returns every key, oldest first by (CreatedAt, ID).
	List(ctx context.Context) ([]domain.SigningKey, error)
	// Create adds k. Errors: Conflict("id").
	Create(ctx context.Context, k domain.SigningKey) error
	// SetState moves the key from one state to another. Errors: ErrStale when it
	// is not in state from, or gone.
	SetState(ctx context.Context, id domain.ID, from, to domain.KeyState, at time.Time) error
	// Delete removes the key. Errors: ErrNotFound.
	Delete(ctx context.Context, id domain.ID) error
}

// Guards keeps named counters. A use case whose invariant spans several rows
// advances the one that guards it: of two that read the same count one commits,
// whatever the isolation level.
type Guards interface {
	// Read returns the count, 0 for a name never advanced.
	Read(ctx context.Context, name string) (int64, error)
	// Advance moves the count from from to from+1. Errors: ErrStale. On a store
	// with pessimistic locks the loser may learn it only after the winner's end.
	Advance(ctx context.Context, name string, from int64) error
}
