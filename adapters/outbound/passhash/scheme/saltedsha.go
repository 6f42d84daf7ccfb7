package scheme

import (
	"crypto/sha256"
	"crypto/sha512"
)

const (
	ssha256 = "ssha256"
	ssha512 = "ssha512"
)

// saltedSHA is one SHA-2 of password and salt, as LDAP servers write it ({SSHA256},
// {SSHA512}; OpenLDAP's pw-sha2). It costs an attacker next to nothing, so it is only
// good until the next login.
type saltedSHA string

var _ recipe = saltedSHA("")

func (r saltedSHA) algorithm() string { return string(r) }

func (r saltedSHA) String() string { return "$" + string(r) }

func (saltedSHA) bounds() error { return nil }

func (saltedSHA) memory() int64 { return sundries }

func (r saltedSHA) sizes() sizes {
	size := sha256.Size
	if r == ssha512 {
		size = sha512.Size
	}
	return sizes{lowestSalt, 8, highestSalt, size, size, size}
}

func (r saltedSHA) check(salt, key string) error { return r.sizes().check(salt, key) }

func (r saltedSHA) invent(random func(n int) []byte) (salt, key string) {
	return r.sizes().invent(random)
}

func (r saltedSHA) verify(password []byte, salt, key string) (bool, error) {
	return verifyBase64(r.derive, password, salt, key)
}

func (r saltedSHA) derive(password, salt []byte, _ int) ([]byte, error) {
	h := sha256.New()
	if r == ssha512 {
		h = sha512.New()
	}
	h.Write(password)
	h.Write(salt)
	return h.Sum(nil), nil
}
