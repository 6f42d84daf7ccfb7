package ports

import (
	"context"
	"time"

	"authserve/core/domain"
)

// Outbox keeps messages until they are sent. Every settling call names the
// attempt that Claim counted; when another claimant has taken the message over
// since, it fails with ErrStale and changes nothing.
type Outbox interface {
	// Enqueue adds m as pending and not settled, whatever its State and SettledAt say.
	// Errors: Conflict("id").
	Enqueue(ctx context.Context, m domain.Message) error
	// Claim takes at most limit pending messages whose DueAt is not after now,
	// longest due first, raises Attempt and sets DueAt to leaseEnd. No message is
	// in the claims of two callers at a time before leaseEnd.
	Claim(ctx context.Context, now, leaseEnd time.Time, limit int) ([]domain.Message, error)
	// Sent settles a claimed message as delivered and empties LastError. Errors: ErrStale.
	Sent(ctx context.Context, id domain.ID, attempt int, at time.Time) error
	// Retry gives a claimed message back until due after a failure: it raises
	// Failures by one and writes reason as LastError. Errors: ErrStale.
	Retry(ctx context.Context, id domain.ID, attempt int, due time.Time, reason string) error
	// Return gives a claimed message back until due without a failure: Failures and
	// LastError stay. Errors: ErrStale.
	Return(ctx context.Context, id domain.ID, attempt int, due time.Time) error
	// Abandon settles a claimed message as undeliverable. Errors: ErrStale.
	Abandon(ctx context.Context, id domain.ID, attempt int, at time.Time, reason string) error
	// Purge removes at most limit messages settled before the instant, and returns
	// how many.
	Purge(ctx context.Context, before time.Time, limit int) (int, error)
}
