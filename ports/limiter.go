package ports

import (
	"context"
	"time"

	"authserve/core/domain"
)

// Limiter bounds how often things happen by the generic cell rate algorithm (ITU-T
// I.371): each bucket keeps one instant. Buckets are kept no longer than they say
// anything. Now is the caller's clock: where it goes back, no bucket is emptier than
// empty. Safe for concurrent use.
type Limiter interface {
	// Take takes one from each of the buckets at now, or from none where one of them is
	// empty. Of many contenders as many pass as the buckets hold. A bucket that was never
	// seen is full, and none is given twice. Without a bucket the attempt is allowed.
	// The verdict speaks of the tightest. Errors: ErrUnavailable, or the context's.
	Take(ctx context.Context, now time.Time, buckets ...domain.Bucket) (domain.RateVerdict, error)
	// Return gives back what Take took of each bucket; none becomes more than full.
	// Errors: ErrUnavailable, or the context's.
	Return(ctx context.Context, now time.Time, buckets ...domain.Bucket) error
}
