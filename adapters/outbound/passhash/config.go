package passhash

import (
	"errors"
	"fmt"
	"runtime"
)

// The algorithms for new hashes.
const (
	Argon2id = "argon2id"
	Bcrypt   = "bcrypt"
)

// The settings where Config leaves them open: the OWASP Password Storage Cheat
// Sheet's for argon2id, and above its minimum (10) for bcrypt.
const (
	defaultArgon2Memory      = 19 * 1024 // KiB
	defaultArgon2Time        = 2
	defaultArgon2Parallelism = 1
	defaultBcryptCost        = 12
	defaultQueue             = 64
)

// Config says how new passwords are hashed, and how much work runs and waits.
type Config struct {
	Algorithm         string // Argon2id (the default) or Bcrypt
	Argon2Memory      uint32 // KiB, 8 per lane to 262144; 0: 19456
	Argon2Time        uint32 // passes, 1 to 10; 0: 2
	Argon2Parallelism uint8  // lanes, 1 to 8; 0: 1
	BcryptCost        int    // log2 of the rounds, 10 to 14; 0: 12
	Workers           int    // jobs at a time; 0: one per usable core
	Queue             int    // jobs that wait beyond those; 0: 64
}

// Bounds of bcrypt's cost for new hashes.
const (
	lowestNewBcryptCost  = 10
	highestNewBcryptCost = 14
)

func (c Config) withDefaults() Config {
	fill(&c.Algorithm, Argon2id)
	fill(&c.Argon2Memory, defaultArgon2Memory)
	fill(&c.Argon2Time, defaultArgon2Time)
	fill(&c.Argon2Parallelism, defaultArgon2Parallelism)
	fill(&c.BcryptCost, defaultBcryptCost)
	fill(&c.Workers, runtime.GOMAXPROCS(0))
	fill(&c.Queue, defaultQueue)
	return c
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// check names every fault of c at once.
func (c Config) check() error {
	var faults []error
	if c.Algorithm != Argon2id && c.Algorithm != Bcrypt {
		faults = append(faults, fmt.Errorf("unknown algorithm %q", c.Algorithm))
	}
	if err := c.argon2Cost().check(); err != nil {
		faults = append(faults, err)
	}
	if c.BcryptCost < lowestNewBcryptCost || c.BcryptCost > highestNewBcryptCost {
		faults = append(faults, fmt.Errorf("bcrypt cost is not %d to %d", lowestNewBcryptCost, highestNewBcryptCost))
	}
	if c.Workers < 1 || c.Queue < 1 {
		faults = append(faults, errors.New("workers and queue must be positive"))
	}
	return errors.Join(faults...)
}

func (c Config) argon2Cost() argon2Cost {
	return argon2Cost{memory: c.Argon2Memory, time: c.Argon2Time, parallelism: c.Argon2Parallelism}
}

// kind is that of the jobs that make new hashes.
func (c Config) kind() kind {
	if c.Algorithm == Bcrypt {
		return kind{bcrypt: c.BcryptCost}
	}
	return kind{argon2: c.argon2Cost()}
}
