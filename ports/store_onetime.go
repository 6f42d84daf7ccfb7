package ports

import (
	"context"
	"time"

	"authserve/core/domain"
)

// OneTimeTokens keeps the one-time tokens that can be spent, at most one for each
// account, purpose and slot (domain.OneTimeToken.Slot).
type OneTimeTokens interface {
	// Put adds t in the place of an older one, by CreatedAt, in its slot, or of itself.
	// Errors: ErrStale when the slot holds a newer one, Conflict("hash") when another slot
	// holds the hash, Conflict("slot") when another contender put one there meanwhile (the
	// same one: either), ErrNotFound when there is no such account.
	Put(ctx context.Context, t domain.OneTimeToken) error
	// ByHash returns the token, expired or not. Errors: ErrNotFound.
	ByHash(ctx context.Context, hash []byte) (domain.OneTimeToken, error)
	// Spend removes the token. Of many contenders one succeeds. Errors: ErrStale.
	Spend(ctx context.Context, hash []byte) error
	// EndAll removes the account's tokens of the purposes and returns how many.
	EndAll(ctx context.Context, accountID domain.ID, purposes ...domain.TokenPurpose) (int, error)
	// ListByAccount returns the account's tokens, oldest first by (CreatedAt, Hash).
	ListByAccount(ctx context.Context, accountID domain.ID) ([]domain.OneTimeToken, error)
	// Holder returns the account that can take the canonical address back, by a token to
	// undo that has not expired at now: of several, by the oldest. Errors: ErrNotFound.
	Holder(ctx context.Context, canonical string, now time.Time) (domain.ID, error)
	// Purge removes at most limit tokens that expired before the instant, and returns
	// how many.
	Purge(ctx context.Context, before time.Time, limit int) (int, error)
}

// Throttles keeps the counts of failures in a row, by key.
type Throttles interface {
	// ByKey returns the count, zero for a key without failures.
	ByKey(ctx context.Context, key []byte) (domain.Throttle, error)
	// Fail counts one more failure at the instant, and returns the count with it. Of many
	// contenders each is counted.
	Fail(ctx context.Context, key []byte, at time.Time) (domain.Throttle, error)
	// Clear forgets the failures of the key; none are no error.
	Clear(ctx context.Context, key []byte) error
	// Purge removes at most limit counts whose last failure was before the instant, and
	// returns how many.
	Purge(ctx context.Context, before time.Time, limit int) (int, error)
}
