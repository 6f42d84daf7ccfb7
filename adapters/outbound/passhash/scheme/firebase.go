package scheme

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const fbscryptID = "fbscrypt"

// Sizes in Firebase's hashes, in bytes.
const (
	firebaseSaltSize     = 10
	firebaseSeparator    = 1
	maxFirebaseSeparator = 16
	firebaseKeySize      = 64
	firebaseCipherKey    = 32 // AES-256
)

// firebaseRecipe is Firebase Authentication's variant of scrypt: the digest is the
// project's signer key, encrypted under what scrypt derives. Source:
// https://github.com/firebase/scrypt. The signer key is the project's secret, so it
// stands in the salt's part of the text and not among the settings.
type firebaseRecipe struct{ inner scryptRecipe }

var _ recipe = firebaseRecipe{}

func readFirebase(text string) (recipe, error) {
	n, err := numbers(text, "n", "r")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fbscryptID, err)
	}
	return firebaseRecipe{inner: scryptRecipe{logN: n[0], r: n[1], p: 1}}, nil
}

func (firebaseRecipe) algorithm() string { return fbscryptID }

func (f firebaseRecipe) String() string {
	return fmt.Sprintf("$%s$n=%d,r=%d", fbscryptID, f.inner.logN, f.inner.r)
}

func (f firebaseRecipe) bounds() error { return f.inner.bounds() }

func (f firebaseRecipe) memory() int64 { return f.inner.memory() }

func (firebaseRecipe) check(salt, key string) error {
	parts := strings.Split(salt, ".")
	if len(parts) != 3 {
		return errors.New("fbscrypt salt is not salt, separator and signer key")
	}
	s := sizes{minSalt: lowestSalt, maxSalt: highestSalt, minKey: lowestKey, maxKey: highestKey}
	if err := s.check(parts[0], parts[2]); err != nil {
		return errors.New("fbscrypt salt or signer key is of the wrong size or not in unpadded base64")
	}
	if n := sizeOf(parts[1]); n < 0 || n > maxFirebaseSeparator {
		return fmt.Errorf("fbscrypt separator is not 0 to %d bytes in unpadded base64", maxFirebaseSeparator)
	}
	if sizeOf(key) != sizeOf(parts[2]) {
		return errors.New("fbscrypt digest is not of the signer key's size in unpadded base64")
	}
	return nil
}

func (firebaseRecipe) invent(random func(n int) []byte) (salt, key string) {
	parts := []string{encode(random(firebaseSaltSize)), encode(random(firebaseSeparator)), encode(random(firebaseKeySize))}
	return strings.Join(parts, "."), encode(random(firebaseKeySize))
}

func (f firebaseRecipe) verify(password []byte, salt, key string) (bool, error) {
	parts := strings.Split(salt, ".")
	derived, err := f.inner.derive(password, slices.Concat(decode(parts[0]), decode(parts[1])), firebaseCipherKey)
	if err != nil {
		return false, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return false, err
	}
	digest := decode(parts[2])
	var zero [aes.BlockSize]byte
	cipher.NewCTR(block, zero[:]).XORKeyStream(digest, digest)
	return subtle.ConstantTimeCompare(digest, decode(key)) == 1, nil
}
