package passhash

import (
	"errors"
	"strings"

	"authserve/core/domain"
)

var errUnreadable = domain.NewError(domain.KindInternal, domain.CodeInternal, "A stored password hash cannot be read.")

// storedHash is one hash of either algorithm.
type storedHash interface {
	// matches does the costly work.
	matches(password string) (bool, error)
	// kind is that of the work.
	kind() kind
	// weakerThan reports that new hashes of c are better.
	weakerThan(c Config) bool
	encode() string
}

// maxEncoded is longer than any hash within the bounds.
const maxEncoded = 256

// parse reads a hash of either algorithm. Its errors never hold any part of it.
func parse(encoded string) (storedHash, error) {
	var (
		h   storedHash
		err error
	)
	switch {
	case len(encoded) > maxEncoded:
		err = errors.New("longer than any hash")
	case strings.HasPrefix(encoded, "$argon2id$"):
		h, err = parseArgon2(encoded)
	case strings.HasPrefix(encoded, "$2"):
		h, err = parseBcrypt(encoded)
	default:
		err = errors.New("unknown algorithm")
	}
	if err != nil {
		return nil, errUnreadable.Wrap(err)
	}
	return h, nil
}
