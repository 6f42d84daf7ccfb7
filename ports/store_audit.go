package ports

import (
	"context"
	"time"

	"authserve/core/domain"
)

// Audit keeps the audit log. There is no way to change a line.
type Audit interface {
	// Append adds e. Errors: Conflict("id").
	Append(ctx context.Context, e domain.AuditEvent) error
	// List returns the events that match, newest first by (At, ID).
	List(ctx context.Context, filter domain.AuditFilter, page domain.PageRequest) (domain.Page[domain.AuditEvent], error)
}

// Idempotency keeps what keyed calls created.
type Idempotency interface {
	// ByKey returns the record, expired or not. Errors: ErrNotFound.
	ByKey(ctx context.Context, key []byte) (domain.IdempotencyRecord, error)
	// Create adds r; a record of the same key that has expired at r.CreatedAt is
	// replaced. Errors: Conflict("key").
	Create(ctx context.Context, r domain.IdempotencyRecord) error
	// Purge removes at most limit records that expired before the instant, and
	// returns how many.
	Purge(ctx context.Context, before time.Time, limit int) (int, error)
}
