package ports

import (
	"context"
	"time"

	"authserve/core/domain"
)

// Erasures removes accounts with everything that is kept of them. The audit log stays,
// and what is personal in it is taken away in batches later.
type Erasures interface {
	// Erase removes the account with its credential, sessions, one-time tokens and
	// messages, settled ones too, and notes that its audit events are to be anonymised.
	// Errors: ErrStale when the account's version is not from, or the account is gone.
	Erase(ctx context.Context, accountID domain.ID, from domain.AccountVersion, at time.Time) error
	// ByAccount returns the note. Errors: ErrNotFound.
	ByAccount(ctx context.Context, accountID domain.ID) (domain.Erasure, error)
	// Pending returns at most limit notes that are not finished, oldest first.
	Pending(ctx context.Context, limit int) ([]domain.Erasure, error)
	// Anonymise takes the address and the program of the actor out of at most limit audit
	// events that the account is the subject or the actor of, and the salt with them
	// (domain.AuditLink); it returns how many it changed: 0 when nothing is left.
	Anonymise(ctx context.Context, accountID domain.ID, limit int) (int, error)
	// Finish notes that nothing is left to anonymise. Errors: ErrNotFound.
	Finish(ctx context.Context, accountID domain.ID, at time.Time) error
	// Unverified returns at most limit accounts made before the instant whose address was
	// never verified, oldest first.
	Unverified(ctx context.Context, before time.Time, limit int) ([]domain.Account, error)
}
