package passhash

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Sizes of new argon2id hashes, in bytes (RFC 9106 section 4).
const (
	argon2SaltSize = 16
	argon2KeySize  = 32
)

// argon2Cost is the cost of one argon2id hash (RFC 9106 section 3.1).
type argon2Cost struct {
	memory      uint32 // KiB
	time        uint32
	parallelism uint8
}

// check holds the cost to its bounds: above the least that argon2 can do, below
// what would let one record stop the service.
func (c argon2Cost) check() error {
	switch {
	case c.parallelism < 1 || c.parallelism > 8:
		return errors.New("argon2id parallelism is not 1 to 8")
	case c.memory < 8*uint32(c.parallelism) || c.memory > 256*1024:
		return errors.New("argon2id memory is not 8 KiB per lane to 256 MiB")
	case c.time < 1 || c.time > 10:
		return errors.New("argon2id time is not 1 to 10")
	default:
		return nil
	}
}

func (c argon2Cost) weakerThan(d argon2Cost) bool {
	return c.memory < d.memory || c.time < d.time || c.parallelism < d.parallelism
}

// argon2Hash is one argon2id hash.
type argon2Hash struct {
	cost argon2Cost
	salt []byte
	key  []byte
}

var _ storedHash = argon2Hash{}

func newArgon2Hash(password string, cost argon2Cost, salt []byte, size int) argon2Hash {
	key := argon2.IDKey([]byte(password), salt, cost.time, cost.memory, cost.parallelism, uint32(size)) //nolint:gosec // 16 to 64
	return argon2Hash{cost: cost, salt: salt, key: key}
}

func (h argon2Hash) matches(password string) (bool, error) {
	other := newArgon2Hash(password, h.cost, h.salt, len(h.key))
	return subtle.ConstantTimeCompare(h.key, other.key) == 1, nil
}

func (h argon2Hash) kind() kind { return kind{argon2: h.cost} }

func (h argon2Hash) weakerThan(c Config) bool {
	return c.Algorithm != Argon2id || h.cost.weakerThan(c.argon2Cost()) ||
		len(h.salt) < argon2SaltSize || len(h.key) < argon2KeySize
}

func (h argon2Hash) encode() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		h.cost.memory, h.cost.time, h.cost.parallelism, b64.EncodeToString(h.salt), b64.EncodeToString(h.key))
}

// parseArgon2 accepts exactly what encode returns for a hash within the bounds.
func parseArgon2(encoded string) (argon2Hash, error) {
	var h argon2Hash
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[1] != Argon2id {
		return h, errors.New("not an argon2id PHC string of six parts")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.cost.memory, &h.cost.time, &h.cost.parallelism); err != nil {
		return h, errors.New("argon2id without m, t and p")
	}
	if err := h.cost.check(); err != nil {
		return h, err
	}
	// Scanning and decoding are lenient; the comparison below is not.
	h.salt, _ = base64.RawStdEncoding.DecodeString(parts[4])
	h.key, _ = base64.RawStdEncoding.DecodeString(parts[5])
	switch {
	case len(h.salt) < 8 || len(h.salt) > 64:
		return h, errors.New("argon2id salt is not 8 to 64 bytes")
	case len(h.key) < 16 || len(h.key) > 64:
		return h, errors.New("argon2id hash is not 16 to 64 bytes")
	case h.encode() != encoded:
		return h, errors.New("argon2id PHC string is not in canonical form")
	}
	return h, nil
}
