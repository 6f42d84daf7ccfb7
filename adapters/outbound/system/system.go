package system

import (
	"crypto/rand"
	"time"

	"github.com/google/uuid"

	"authserve/core/domain"
	"authserve/ports"
)

var (
	_ ports.Clock  = Clock{}
	_ ports.IDs    = IDs{}
	_ ports.Random = Random{}
)

// Clock is the system's clock.
type Clock struct{}

// Now returns the present instant: UTC, whole microseconds.
func (Clock) Now() time.Time { return domain.Instant(time.Now()) }

// IDs makes UUIDv7 (RFC 9562 section 5.7); within one process they rise
// strictly.
type IDs struct{}

// New returns an identifier that no other call ever returns. It panics when the
// system has no randomness.
func (IDs) New() domain.ID { return domain.ID(uuid.Must(uuid.NewV7()).String()) }

// Random is the system's CSPRNG.
type Random struct{}

// Bytes returns n unpredictable bytes. rand.Read never fails: a system without
// randomness ends the process there.
func (Random) Bytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
