package passhash

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/crypto/bcrypt"

	"authserve/core/domain"
)

// Parts of a bcrypt hash: `$2b$`, two digits of cost, `$`, salt, key.
const (
	bcryptLength      = 60
	bcryptSaltSize    = 16
	bcryptKeySize     = 23
	bcryptEncodedSalt = 22
	bcryptBodyOffset  = 7

	lowestBcryptCost  = 4
	highestBcryptCost = 15 // about 2 s; what is beyond would hold a worker for too long
)

// bcryptHash is one bcrypt hash in its text form.
type bcryptHash struct {
	text string
	cost int
}

var _ storedHash = bcryptHash{}

// newBcryptHash hashes with a salt that the library draws from the system's
// CSPRNG: it takes none from its caller.
func newBcryptHash(password string, cost int) (bcryptHash, error) {
	text, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	return bcryptHash{text: string(text), cost: cost}, err
}

// matches never accepts more than 72 bytes, and works on the first 72 all the same:
// otherwise the quick answer would tell which accounts have a bcrypt hash.
func (h bcryptHash) matches(password string) (bool, error) {
	plain := []byte(password)
	tooLong := len(plain) > domain.MaxBcryptBytes
	if tooLong {
		plain = plain[:domain.MaxBcryptBytes]
	}
	err := bcrypt.CompareHashAndPassword([]byte(h.text), plain)
	if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return false, nil
	}
	return err == nil && !tooLong, err
}

func (h bcryptHash) kind() kind { return kind{bcrypt: h.cost} }

func (h bcryptHash) weakerThan(c Config) bool {
	return c.Algorithm != Bcrypt || h.cost < c.BcryptCost
}

func (h bcryptHash) encode() string { return h.text }

// parseBcrypt accepts the variants a, b and y, which are one algorithm for
// passwords of up to 72 bytes. Variant x is not: it stands for hashes of an
// implementation that misread bytes above 127.
func parseBcrypt(encoded string) (bcryptHash, error) {
	var h bcryptHash
	if len(encoded) != bcryptLength || encoded[3] != '$' || encoded[6] != '$' {
		return h, errors.New("not a bcrypt hash of 60 characters")
	}
	if variant := encoded[2]; variant != 'a' && variant != 'b' && variant != 'y' {
		return h, errors.New("bcrypt variant is not a, b or y")
	}
	cost, err := strconv.Atoi(encoded[4:6])
	if err != nil || encoded[4] == '+' || cost < lowestBcryptCost || cost > highestBcryptCost {
		return h, fmt.Errorf("bcrypt cost is not %d to %d", lowestBcryptCost, highestBcryptCost)
	}
	salt, key := encoded[bcryptBodyOffset:][:bcryptEncodedSalt], encoded[bcryptBodyOffset:][bcryptEncodedSalt:]
	if !isCanonical(salt, bcryptSaltSize) || !isCanonical(key, bcryptKeySize) {
		return h, errors.New("bcrypt salt or hash is not in canonical form")
	}
	return bcryptHash{text: encoded, cost: cost}, nil
}

// bcryptDummy encodes a salt and a key that no hashing produced.
func bcryptDummy(cost int, salt, key []byte) bcryptHash {
	text := fmt.Sprintf("$2a$%02d$%s%s", cost, bcryptEncoding().EncodeToString(salt), bcryptEncoding().EncodeToString(key))
	return bcryptHash{text: text, cost: cost}
}

func isCanonical(s string, size int) bool {
	b, err := bcryptEncoding().DecodeString(s)
	return err == nil && len(b) == size && bcryptEncoding().EncodeToString(b) == s
}

// bcryptEncoding is bcrypt's own base64 alphabet.
func bcryptEncoding() *base64.Encoding {
	return base64.NewEncoding("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789").WithPadding(base64.NoPadding)
}
