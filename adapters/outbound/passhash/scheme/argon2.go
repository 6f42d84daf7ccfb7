package scheme

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

const (
	argon2id = "argon2id"
	argon2i  = "argon2i"
)

// argon2Recipe is argon2id or argon2i, version 19 (RFC 9106 section 3.1).
type argon2Recipe struct {
	id     string
	memKiB uint32
	time   uint32
	lanes  uint32
}

var _ recipe = argon2Recipe{}

// Argon2id returns the settings of argon2id with the given memory in KiB, passes and
// lanes; an error names the bound that they break.
func Argon2id(memoryKiB, time uint32, parallelism uint8) (Settings, error) {
	r := argon2Recipe{id: argon2id, memKiB: memoryKiB, time: time, lanes: uint32(parallelism)}
	if err := r.bounds(); err != nil {
		return Settings{}, err
	}
	return Settings{recipe: r}, nil
}

func readArgon2(id, text string) (recipe, error) {
	text, ok := strings.CutPrefix(text, "v=19$")
	if !ok {
		return nil, fmt.Errorf("%s of another version than 19", id)
	}
	n, err := numbers(text, "m", "t", "p")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", id, err)
	}
	return argon2Recipe{id: id, memKiB: n[0], time: n[1], lanes: n[2]}, nil
}

func (r argon2Recipe) algorithm() string { return r.id }

func (r argon2Recipe) String() string {
	return fmt.Sprintf("$%s$v=%d$m=%d,t=%d,p=%d", r.id, argon2.Version, r.memKiB, r.time, r.lanes)
}

func (r argon2Recipe) bounds() error {
	switch {
	case r.lanes < 1 || r.lanes > maxArgon2Lanes:
		return fmt.Errorf("%s parallelism is not 1 to %d", r.id, maxArgon2Lanes)
	case r.memKiB < 8*r.lanes || r.memKiB > maxArgon2MemoryKiB:
		return fmt.Errorf("%s memory is not 8 KiB per lane to %d MiB", r.id, maxArgon2MemoryKiB>>10)
	case r.time < 1 || r.time > maxArgon2Time:
		return fmt.Errorf("%s time is not 1 to %d", r.id, maxArgon2Time)
	case r.memKiB*r.time > maxArgon2Work:
		return fmt.Errorf("%s memory times time is beyond %d MiB", r.id, maxArgon2Work>>10)
	default:
		return nil
	}
}

func (r argon2Recipe) memory() int64 { return int64(r.memKiB)<<10 + sundries }

func (argon2Recipe) sizes() sizes {
	return sizes{lowestSaltArg, SaltSize, highestSalt, lowestKey, newKeySize, highestKey}
}

func (r argon2Recipe) check(salt, key string) error { return r.sizes().check(salt, key) }

func (r argon2Recipe) invent(random func(n int) []byte) (salt, key string) {
	return r.sizes().invent(random)
}

func (r argon2Recipe) verify(password []byte, salt, key string) (bool, error) {
	return verifyBase64(r.derive, password, salt, key)
}

func (r argon2Recipe) derive(password, salt []byte, size int) ([]byte, error) {
	function := argon2.IDKey
	if r.id == argon2i {
		function = argon2.Key
	}
	return function(password, salt, r.time, r.memKiB, uint8(r.lanes), uint32(size)), nil //nolint:gosec // bounds keep them small
}

func (r argon2Recipe) make(password, salt []byte) (Hash, error) {
	if len(salt) != SaltSize {
		return Hash{}, errors.New("the salt of a new argon2id hash has the wrong size")
	}
	key, err := r.derive(password, salt, newKeySize)
	return Hash{settings: Settings{recipe: r}, salt: encode(salt), key: encode(key)}, err
}

func (r argon2Recipe) weakerThan(now argon2Recipe) bool {
	return r.id != now.id || r.memKiB < now.memKiB || r.time < now.time || r.lanes < now.lanes
}
