package scheme

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/scrypt"
)

const scryptID = "scrypt"

// scryptRecipe is scrypt (RFC 7914 section 2).
type scryptRecipe struct {
	logN, r, p uint32
}

var _ recipe = scryptRecipe{}

func readScrypt(text string) (recipe, error) {
	n, err := numbers(text, "ln", "r", "p")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", scryptID, err)
	}
	return scryptRecipe{logN: n[0], r: n[1], p: n[2]}, nil
}

func (scryptRecipe) algorithm() string { return scryptID }

func (s scryptRecipe) String() string {
	return fmt.Sprintf("$%s$ln=%d,r=%d,p=%d", scryptID, s.logN, s.r, s.p)
}

func (s scryptRecipe) bounds() error {
	switch {
	case s.logN < 1 || s.logN > 30:
		return errors.New("scrypt cost is not 2 to the power of 1 to 30")
	case s.r < 1 || s.r > maxScryptR:
		return fmt.Errorf("scrypt r is not 1 to %d", maxScryptR)
	case s.p < 1 || s.p > maxScryptP:
		return fmt.Errorf("scrypt p is not 1 to %d", maxScryptP)
	case s.blocks() > maxScryptBlocks:
		return fmt.Errorf("scrypt needs more memory than %d MiB", maxScryptBlocks>>13)
	case max(s.r, leastScryptR)*s.p > maxScryptWork>>s.logN:
		return fmt.Errorf("scrypt N times r times p is beyond %d", maxScryptWork)
	default:
		return nil
	}
}

// blocks counts the blocks of 128 bytes that scrypt fills.
func (s scryptRecipe) blocks() uint64 { return uint64(s.r) << s.logN }

func (s scryptRecipe) memory() int64 {
	beside := 128*int64(s.r)*int64(s.p) + 256*int64(s.r)
	return 128*int64(s.blocks()) + beside + sundries //nolint:gosec // bounds keep it small
}

func (scryptRecipe) sizes() sizes {
	return sizes{lowestSalt, SaltSize, highestSalt, lowestKey, 32, highestKey}
}

func (s scryptRecipe) check(salt, key string) error { return s.sizes().check(salt, key) }

func (s scryptRecipe) invent(random func(n int) []byte) (salt, key string) {
	return s.sizes().invent(random)
}

func (s scryptRecipe) verify(password []byte, salt, key string) (bool, error) {
	return verifyBase64(s.derive, password, salt, key)
}

func (s scryptRecipe) derive(password, salt []byte, size int) ([]byte, error) {
	return scrypt.Key(password, salt, 1<<s.logN, int(s.r), int(s.p), size)
}
