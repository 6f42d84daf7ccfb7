package scheme

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// Parts of a bcrypt text after its settings, in bytes and in characters.
const (
	bcryptSaltSize = 16
	bcryptKeySize  = 23
	bcryptSaltText = 22
	bcryptBodyText = 53
	bcryptPassword = 72 // all that bcrypt reads of a password, in bytes
)

// bcryptRecipe is bcrypt. Its variants 2a, 2b and 2y are one algorithm here: they
// differ in faults that their first implementations had.
type bcryptRecipe struct {
	variant string
	cost    uint32 // log2 of the rounds
}

var _ recipe = bcryptRecipe{}

// Bcrypt returns the settings of new bcrypt hashes; an error names the bound that the
// cost breaks. Hashes of lower and higher cost can be verified, not made.
func Bcrypt(cost int) (Settings, error) {
	if cost < lowestNewBcryptCost || cost > highestNewBcryptCost {
		return Settings{}, fmt.Errorf("bcrypt cost is not %d to %d", lowestNewBcryptCost, highestNewBcryptCost)
	}
	return Settings{recipe: bcryptRecipe{variant: "2b", cost: uint32(cost)}}, nil
}

func readBcrypt(variant, text string) (recipe, error) {
	cost, err := number(text)
	if err != nil {
		return nil, errors.New("bcrypt without a cost")
	}
	return bcryptRecipe{variant: variant, cost: cost}, nil
}

func isBcrypt(text string) bool { return strings.HasPrefix(text, "$2") }

func (bcryptRecipe) algorithm() string { return "bcrypt" }

func (r bcryptRecipe) String() string { return fmt.Sprintf("$%s$%02d", r.variant, r.cost) }

func (r bcryptRecipe) bounds() error {
	if r.cost < lowestBcryptCost || r.cost > highestBcryptCost {
		return fmt.Errorf("bcrypt cost is not %d to %d", lowestBcryptCost, highestBcryptCost)
	}
	return nil
}

func (bcryptRecipe) memory() int64 { return sundries }

func (bcryptRecipe) check(_, body string) error {
	if len(body) != bcryptBodyText {
		return fmt.Errorf("bcrypt salt and digest are not %d characters", bcryptBodyText)
	}
	salt, key := body[:bcryptSaltText], body[bcryptSaltText:]
	if !isBcrypt64(salt, bcryptSaltSize) || !isBcrypt64(key, bcryptKeySize) {
		return errors.New("bcrypt salt or digest is not in canonical form")
	}
	return nil
}

func (bcryptRecipe) invent(random func(n int) []byte) (salt, key string) {
	e := bcryptEncoding()
	return "", e.EncodeToString(random(bcryptSaltSize)) + e.EncodeToString(random(bcryptKeySize))
}

func (r bcryptRecipe) verify(password []byte, _, body string) (bool, error) {
	password = password[:min(len(password), bcryptPassword)]
	err := bcrypt.CompareHashAndPassword([]byte(r.String()+"$"+body), password)
	if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return false, nil
	}
	return err == nil, err
}

func (r bcryptRecipe) make(password []byte) (Hash, error) {
	text, err := bcrypt.GenerateFromPassword(password, int(r.cost))
	if err != nil {
		return Hash{}, err
	}
	_, body, _ := cutLast(string(text)) // the library writes 2a in front of it
	return Hash{settings: Settings{recipe: r}, key: body}, nil
}

// bcryptEncoding is bcrypt's own base64 alphabet.
func bcryptEncoding() *base64.Encoding {
	return base64.NewEncoding("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789").WithPadding(base64.NoPadding)
}

func isBcrypt64(s string, size int) bool {
	b, err := bcryptEncoding().DecodeString(s)
	return err == nil && len(b) == size && bcryptEncoding().EncodeToString(b) == s
}
