package scheme

import (
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // in PBKDF2 its collisions do no harm, and old programs used it
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
)

const (
	pbkdf2SHA1   = "pbkdf2-sha1"
	pbkdf2SHA256 = "pbkdf2-sha256"
	pbkdf2SHA512 = "pbkdf2-sha512"
)

// pbkdf2Recipe is PBKDF2 with an HMAC (RFC 8018 section 5.2).
type pbkdf2Recipe struct {
	id         string
	iterations uint32
}

var _ recipe = pbkdf2Recipe{}

func readPBKDF2(id, text string) (recipe, error) {
	n, err := numbers(text, "i")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", id, err)
	}
	return pbkdf2Recipe{id: id, iterations: n[0]}, nil
}

func (r pbkdf2Recipe) algorithm() string { return r.id }

func (r pbkdf2Recipe) String() string { return fmt.Sprintf("$%s$i=%d", r.id, r.iterations) }

func (r pbkdf2Recipe) bounds() error {
	if r.iterations < 1 || r.iterations > maxPBKDF2Iterations {
		return fmt.Errorf("%s iterations are not 1 to %d", r.id, maxPBKDF2Iterations)
	}
	return nil
}

func (pbkdf2Recipe) memory() int64 { return sundries }

// sizes has no room for keys longer than the hash: each further block would cost all
// the iterations again, and the settings would not tell.
func (r pbkdf2Recipe) sizes() sizes {
	size := sha256.Size
	switch r.id {
	case pbkdf2SHA1:
		size = sha1.Size
	case pbkdf2SHA512:
		size = sha512.Size
	}
	return sizes{lowestSalt, SaltSize, highestSalt, lowestKey, size, size}
}

func (r pbkdf2Recipe) check(salt, key string) error { return r.sizes().check(salt, key) }

func (r pbkdf2Recipe) invent(random func(n int) []byte) (salt, key string) {
	return r.sizes().invent(random)
}

func (r pbkdf2Recipe) verify(password []byte, salt, key string) (bool, error) {
	return verifyBase64(r.derive, password, salt, key)
}

func (r pbkdf2Recipe) derive(password, salt []byte, size int) ([]byte, error) {
	switch r.id {
	case pbkdf2SHA1:
		return pbkdf2.Key(sha1.New, string(password), salt, int(r.iterations), size)
	case pbkdf2SHA512:
		return pbkdf2.Key(sha512.New, string(password), salt, int(r.iterations), size)
	default:
		return pbkdf2.Key(sha256.New, string(password), salt, int(r.iterations), size)
	}
}
