package scheme

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
)

const bcryptSHA256 = "bcrypt-sha256"

// What bcrypt is given in the password's place.
const (
	plainSHA256 = "1"   // base64 of the SHA-256: passlib before 1.7.3
	hmacSHA256  = "2"   // base64 of the HMAC-SHA-256 under the salt's text: passlib
	hexSHA256   = "hex" // hexadecimal digits of the SHA-256: Django
)

// bcryptSHA256Recipe is bcrypt of a SHA-256, which lifts bcrypt's limit of 72 bytes.
// Source: passlib's bcrypt_sha256, Django's BCryptSHA256PasswordHasher.
type bcryptSHA256Recipe struct {
	version string
	inner   bcryptRecipe
}

var _ recipe = bcryptSHA256Recipe{}

func readBcryptSHA256(text string) (recipe, error) {
	p, err := parameters(text, "v", "t", "r")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", bcryptSHA256, err)
	}
	cost, err := number(p[2])
	if err != nil {
		return nil, errors.New("bcrypt-sha256 without a cost")
	}
	return bcryptSHA256Recipe{version: p[0], inner: bcryptRecipe{variant: p[1], cost: cost}}, nil
}

func (bcryptSHA256Recipe) algorithm() string { return bcryptSHA256 }

func (r bcryptSHA256Recipe) String() string {
	return fmt.Sprintf("$%s$v=%s,t=%s,r=%d", bcryptSHA256, r.version, r.inner.variant, r.inner.cost)
}

func (r bcryptSHA256Recipe) bounds() error {
	switch r.version {
	case plainSHA256, hmacSHA256, hexSHA256:
	default:
		return errors.New("bcrypt-sha256 of an unknown version")
	}
	switch r.inner.variant {
	case "2a", "2b", "2y":
	default:
		return errors.New("bcrypt-sha256 of another bcrypt than 2a, 2b and 2y")
	}
	return r.inner.bounds()
}

func (bcryptSHA256Recipe) memory() int64 { return sundries }

func (r bcryptSHA256Recipe) check(salt, key string) error {
	if len(salt) != bcryptSaltText {
		return fmt.Errorf("bcrypt-sha256 salt is not %d characters", bcryptSaltText)
	}
	return r.inner.check("", salt+key)
}

func (r bcryptSHA256Recipe) invent(random func(n int) []byte) (salt, key string) {
	_, body := r.inner.invent(random)
	return body[:bcryptSaltText], body[bcryptSaltText:]
}

func (r bcryptSHA256Recipe) verify(password []byte, salt, key string) (bool, error) {
	return r.inner.verify(r.digest(password, salt), "", salt+key)
}

func (r bcryptSHA256Recipe) digest(password []byte, salt string) []byte {
	switch r.version {
	case hmacSHA256:
		mac := hmac.New(sha256.New, []byte(salt))
		mac.Write(password)
		return base64.StdEncoding.AppendEncode(nil, mac.Sum(nil))
	case hexSHA256:
		sum := sha256.Sum256(password)
		return hex.AppendEncode(nil, sum[:])
	default:
		sum := sha256.Sum256(password)
		return base64.StdEncoding.AppendEncode(nil, sum[:])
	}
}
