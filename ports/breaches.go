package ports

import (
	"context"

	"authserve/core/domain"
)

// Breaches knows passwords that became public in a breach. Neither the password
// nor a full hash of it leaves the service.
type Breaches interface {
	// Contains reports whether p is known from a breach. Errors: ErrUnavailable
	// when that cannot be told.
	Contains(ctx context.Context, p domain.Password) (bool, error)
}
