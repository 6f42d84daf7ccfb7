package passhash

import (
	"fmt"

	"authserve/adapters/outbound/passhash/scheme"
)

// The algorithms for new hashes.
const (
	Argon2id = "argon2id"
	Bcrypt   = "bcrypt"
)

// Config says how new passwords are hashed, and how much work runs and waits.
type Config struct {
	Algorithm         string // Argon2id or Bcrypt
	Argon2Memory      uint32 // KiB
	Argon2Time        uint32 // passes
	Argon2Parallelism uint8  // lanes
	BcryptCost        int    // log2 of the rounds, 10 to 14
	Pepper            bool   // hash an HMAC of the password under the active key of the keyring
	Workers           int    // jobs at a time
	Queue             int    // jobs that wait beyond those
}

// Settings are those of new hashes. The error names what is wrong with them.
func (c Config) Settings() (scheme.Settings, error) {
	switch c.Algorithm {
	case Argon2id:
		return scheme.Argon2id(c.Argon2Memory, c.Argon2Time, c.Argon2Parallelism)
	case Bcrypt:
		return scheme.Bcrypt(c.BcryptCost)
	default:
		return scheme.Settings{}, fmt.Errorf("unknown algorithm %q", c.Algorithm)
	}
}
