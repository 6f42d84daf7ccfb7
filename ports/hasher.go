package ports

import (
	"context"

	"authserve/core/domain"
)

// Hasher turns passwords into PHC strings and holds passwords against them. It
// is the one costly dependency of a login, so it is bounded.
type Hasher interface {
	// Hash hashes with the present settings and a fresh salt. Errors:
	// ErrOverloaded when its turn comes too late, ErrUnavailable.
	Hash(ctx context.Context, p domain.Password) (domain.PasswordHash, error)
	// Verify reports whether p is the password of hash, in time that does not
	// depend on how they differ. needsRehash tells that hash is weaker than the
	// present settings, or of another algorithm. A hash that cannot be read, or
	// whose cost is out of bounds, is an error of KindInternal, never a mismatch.
	Verify(ctx context.Context, p domain.Password, hash domain.PasswordHash) (match, needsRehash bool, err error)
	// Dummy returns a hash of the present settings that matches no password:
	// verifying against it costs what verifying a real one costs.
	Dummy() domain.PasswordHash
}
