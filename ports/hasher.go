package ports

import (
	"context"

	"authserve/core/domain"
)

// Hasher turns passwords into hashes in PHC string format and holds passwords
// against them. It is the one costly dependency of a login, so it is bounded, and
// fair to the networks that its callers come from (domain.ActorFrom). Safe for
// concurrent use.
type Hasher interface {
	// Hash hashes with the present settings and a fresh salt. Errors:
	// ErrOverloaded when its turn comes too late, ErrUnavailable, KindInvalid when
	// the present algorithm does not read that many bytes, KindInternal when the
	// keyring lacks its own active key.
	Hash(ctx context.Context, p domain.Password) (domain.PasswordHash, error)
	// Rehash is Hash at the lowest precedence: it begins when nothing else waits.
	Rehash(ctx context.Context, p domain.Password) (domain.PasswordHash, error)
	// Verify reports whether p is the password of hash, in time that does not
	// depend on how they differ. p matches a hash of our own by its normal form
	// only, and an imported one by its raw form. needsRehash tells that hash is
	// imported, weaker than the present settings, or of another algorithm or
	// pepper. A hash that cannot be read, or whose cost is out of bounds, is an
	// error of KindInternal, never a mismatch. Other errors: as Hash.
	Verify(ctx context.Context, p domain.Password, hash domain.PasswordHash) (match, needsRehash bool, err error)
	// Dummy returns a hash of the given settings (domain.SettingsOf) that matches
	// no password: verifying against it costs what verifying a real one costs.
	// Settings that are empty or cannot be read stand for the present ones.
	Dummy(settings string) domain.PasswordHash
	// Import reads a hash that another program made, in that program's encoding,
	// and returns it as Verify takes it. Errors: KindInvalid, with a message that
	// says what is wrong with it and does not repeat it.
	Import(encoded domain.Secret) (domain.PasswordHash, error)
}
