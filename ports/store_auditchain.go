package ports

import (
	"context"

	"authserve/core/domain"
)

// AuditChain chains what Audit keeps. It computes no MAC and trusts those it is given.
type AuditChain interface {
	// Head returns the end of the chain, and anchor the link before its first event. Both
	// are zero before the first Link and the first Prune.
	Head(ctx context.Context) (head, anchor domain.AuditHead, err error)
	// Unchained returns at most limit events without a link, oldest first by (At, ID).
	Unchained(ctx context.Context, limit int) ([]domain.AuditEvent, error)
	// Link writes the links and moves the head from the sequence number from to head. Of
	// many contenders one succeeds. Without links it writes the head alone. Errors:
	// ErrStale when the head is not at from, or an event is gone or has a link; then
	// nothing is written.
	Link(ctx context.Context, links []domain.AuditLink, head domain.AuditHead, from int64) error
	// Read returns at most limit chained events after the sequence number, in its order,
	// whatever numbers are there: two of one, or some before the anchor, are faults that
	// the reader looks for.
	Read(ctx context.Context, after int64, limit int) ([]domain.ChainedEvent, error)
	// Prune removes the chained events up to anchor.Seq, which becomes the anchor, and
	// returns how many. Errors: ErrStale when the anchor is not at from.
	Prune(ctx context.Context, anchor domain.AuditHead, from int64) (int, error)
}
