package ports

import "context"

// Purpose separates the keys derived from one keyring key (HKDF labels), so that
// nothing made for one purpose is accepted for another.
type Purpose string

// The purposes.
const (
	PurposeSeal        Purpose = "seal"        // secrets at rest
	PurposeRefresh     Purpose = "refresh"     // refresh tokens
	PurposeCursor      Purpose = "cursor"      // page cursors
	PurposeIdempotency Purpose = "idempotency" // idempotency keys and bodies
	PurposePepper      Purpose = "pepper"      // passwords before they are hashed
	PurposeDummy       Purpose = "dummy"       // which dummy hash an unknown identifier gets
	PurposeImport      Purpose = "import"      // ids of imported accounts
	PurposeOneTime     Purpose = "onetime"     // secrets of one-time tokens
	PurposeThrottle    Purpose = "throttle"    // names of those whose attempts are counted
	PurposeDevice      Purpose = "device"      // device tokens
	PurposeAudit       Purpose = "audit"       // the chain of the audit log
)

// Purposes lists them all.
func Purposes() []Purpose {
	return []Purpose{
		PurposeSeal, PurposeRefresh, PurposeCursor, PurposeIdempotency, PurposePepper, PurposeDummy, PurposeImport,
		PurposeOneTime, PurposeThrottle, PurposeDevice, PurposeAudit,
	}
}

// Sealer is the keyring: authenticated encryption for secrets at rest, and MACs
// for what clients must not be able to forge. It holds one active key and any
// number of older ones.
type Sealer interface {
	// ActiveKey is the id of the key for new work: short, of [A-Za-z0-9_-].
	ActiveKey() string
	// Seal encrypts plaintext under the active key and binds it to associated.
	Seal(ctx context.Context, purpose Purpose, plaintext, associated []byte) ([]byte, error)
	// Open reverses Seal, under whichever key of the ring sealed it. Errors:
	// ErrNotFound when that key is not in the ring; an error of KindMalformed when
	// the bytes or associated are not what was sealed.
	Open(ctx context.Context, purpose Purpose, sealed, associated []byte) ([]byte, error)
	// MAC returns 32 bytes (HMAC-SHA-256) over data under the named key of the
	// ring. Errors: ErrNotFound when the key is not in the ring.
	MAC(ctx context.Context, purpose Purpose, keyID string, data []byte) ([]byte, error)
}
