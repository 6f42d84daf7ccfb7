package passhash

import (
	"context"
	"fmt"

	"authserve/core/domain"
	"authserve/ports"
)

// Hash implements ports.Hasher. With bcrypt, a password of more than 72 bytes is
// refused with KindInvalid.
func (p *Pool) Hash(ctx context.Context, password domain.Password) (domain.PasswordHash, error) {
	plain := password.Reveal()
	if p.cfg.Algorithm == Bcrypt && len(plain) > domain.MaxBcryptBytes {
		return domain.PasswordHash{}, domain.Invalid(domain.FieldError{
			Field: "password", Code: domain.CodeTooLong,
			Message: fmt.Sprintf("The password has more than %d bytes.", domain.MaxBcryptBytes),
		})
	}
	hash, err := run(ctx, p, p.cfg.kind(), func() (storedHash, error) {
		if p.cfg.Algorithm == Bcrypt {
			return newBcryptHash(plain, p.cfg.BcryptCost)
		}
		return newArgon2Hash(plain, p.cfg.argon2Cost(), p.random.Bytes(argon2SaltSize), argon2KeySize), nil
	})
	if err != nil {
		return domain.PasswordHash{}, err
	}
	return domain.NewSecret(hash.encode()), nil
}

// Verify implements ports.Hasher.
func (p *Pool) Verify(ctx context.Context, password domain.Password, hash domain.PasswordHash) (match, needsRehash bool, err error) {
	stored, err := parse(hash.Reveal())
	if err != nil {
		return false, false, err
	}
	match, err = run(ctx, p, stored.kind(), func() (bool, error) { return stored.matches(password.Reveal()) })
	if err != nil {
		return false, false, err
	}
	return match, stored.weakerThan(p.cfg), nil
}

// Dummy implements ports.Hasher.
func (p *Pool) Dummy() domain.PasswordHash { return p.dummy }

// newDummy encodes a random salt and a random key. That a password hashes to a
// key that was drawn instead of computed is as likely as guessing the key, and
// drawing costs nothing at start-up.
func newDummy(cfg Config, random ports.Random) domain.PasswordHash {
	if cfg.Algorithm == Bcrypt {
		return domain.NewSecret(bcryptDummy(cfg.BcryptCost, random.Bytes(bcryptSaltSize), random.Bytes(bcryptKeySize)).encode())
	}
	h := argon2Hash{cost: cfg.argon2Cost(), salt: random.Bytes(argon2SaltSize), key: random.Bytes(argon2KeySize)}
	return domain.NewSecret(h.encode())
}

var _ ports.Hasher = (*Pool)(nil)
