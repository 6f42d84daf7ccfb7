package ports

import (
	"time"

	"authserve/core/domain"
)

// Clock tells the time: UTC, whole microseconds (domain.Instant).
type Clock interface {
	Now() time.Time
}

// IDs makes identifiers that no other call ever returns: UUIDv7 (RFC 9562
// section 5.7), so that they sort roughly by creation.
type IDs interface {
	New() domain.ID
}

// Random returns n bytes that nobody can predict, from the system's CSPRNG. It
// cannot fail: a system without randomness must not go on.
type Random interface {
	Bytes(n int) []byte
}
