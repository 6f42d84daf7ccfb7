package scheme

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"strings"
)

const (
	shaCrypt256ID = "5"
	shaCrypt512ID = "6"
)

// The alphabet of crypt(3), and the bounds of a salt in it, in characters.
const (
	cryptAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	lowestCrypt   = 4
	highestCrypt  = 16
)

// shaCryptRecipe is SHA-crypt. Source: Ulrich Drepper, Unix crypt using SHA-256 and
// SHA-512, version 0.6 (https://www.akkadia.org/drepper/SHA-crypt.txt), whose steps the
// comments below count.
type shaCryptRecipe struct {
	id     string
	rounds uint32
}

var _ recipe = shaCryptRecipe{}

func readSHACrypt(id, text string) (recipe, error) {
	n, err := numbers(text, "rounds")
	if err != nil {
		return nil, fmt.Errorf("SHA-crypt: %w", err)
	}
	return shaCryptRecipe{id: id, rounds: n[0]}, nil
}

func (r shaCryptRecipe) algorithm() string {
	if r.id == shaCrypt256ID {
		return "sha256-crypt"
	}
	return "sha512-crypt"
}

func (r shaCryptRecipe) String() string { return fmt.Sprintf("$%s$rounds=%d", r.id, r.rounds) }

func (r shaCryptRecipe) bounds() error {
	if r.rounds < lowestSHACryptRounds || r.rounds > highestSHACryptRounds {
		return fmt.Errorf("SHA-crypt rounds are not %d to %d", lowestSHACryptRounds, highestSHACryptRounds)
	}
	return nil
}

func (shaCryptRecipe) memory() int64 { return sundries }

func (r shaCryptRecipe) hash() hash.Hash {
	if r.id == shaCrypt256ID {
		return sha256.New()
	}
	return sha512.New()
}

func (r shaCryptRecipe) check(salt, key string) error {
	if len(salt) < lowestCrypt || len(salt) > highestCrypt || !isCrypt64(salt) {
		return fmt.Errorf("SHA-crypt salt is not %d to %d characters of its alphabet", lowestCrypt, highestCrypt)
	}
	if len(key) != (r.hash().Size()*8+5)/6 || !isCrypt64(key) {
		return errors.New("SHA-crypt digest is not of its length or alphabet")
	}
	used := 4 // of the last character's 6 bits; SHA-512 leaves it 2
	if r.id == shaCrypt512ID {
		used = 2
	}
	if last := rune(key[len(key)-1]); !strings.ContainsRune(cryptAlphabet[:1<<used], last) {
		return errors.New("SHA-crypt digest is not in canonical form")
	}
	return nil
}

func isCrypt64(s string) bool { return strings.Trim(s, cryptAlphabet) == "" }

func (r shaCryptRecipe) invent(random func(n int) []byte) (salt, key string) {
	text := random(highestCrypt)
	for i, b := range text {
		text[i] = cryptAlphabet[b%64]
	}
	return string(text), r.encode(random(r.hash().Size()))
}

func (r shaCryptRecipe) verify(password []byte, salt, key string) (bool, error) {
	tooLong := len(password) > longestSHACryptPassword
	if tooLong {
		password = password[:longestSHACryptPassword]
	}
	got := r.encode(r.digest(password, []byte(salt)))
	return subtle.ConstantTimeCompare([]byte(got), []byte(key)) == 1 && !tooLong, nil
}

func (r shaCryptRecipe) digest(password, salt []byte) []byte {
	h := r.hash()
	write := func(parts ...[]byte) {
		for _, p := range parts {
			h.Write(p)
		}
	}
	write(password, salt, password) // 4 to 8
	b := h.Sum(nil)

	h.Reset()
	write(password, salt, stretch(b, len(password))) // 1 to 3, 9 and 10
	for n := len(password); n > 0; n >>= 1 {         // 11
		if n&1 != 0 {
			write(b)
		} else {
			write(password)
		}
	}
	a := h.Sum(nil) // 12

	h.Reset()
	for range password { // 13 to 16
		write(password)
	}
	p := stretch(h.Sum(nil), len(password))

	h.Reset()
	for range 16 + int(a[0]) { // 17 to 20
		write(salt)
	}
	s := stretch(h.Sum(nil), len(salt))

	for i := range r.rounds { // 21
		h.Reset()
		if i%2 != 0 {
			write(p)
		} else {
			write(a)
		}
		if i%3 != 0 {
			write(s)
		}
		if i%7 != 0 {
			write(p)
		}
		if i%2 != 0 {
			write(a)
		} else {
			write(p)
		}
		a = h.Sum(a[:0])
	}
	return a
}

// stretch repeats b up to the size.
func stretch(b []byte, size int) []byte {
	s := make([]byte, 0, size+len(b))
	for len(s) < size {
		s = append(s, b...)
	}
	return s[:size]
}

// encode writes a digest (22). Each four characters hold a byte of each third of the
// digest, and which third comes first rotates: one way for SHA-256, the other for
// SHA-512. What is left are two bytes of the one and one byte of the other.
func (r shaCryptRecipe) encode(digest []byte) string {
	third, turn := len(digest)/3, len(digest)/32
	text := make([]byte, 0, 86)
	put := func(high, middle, low byte, characters int) {
		w := uint32(high)<<16 | uint32(middle)<<8 | uint32(low)
		for range characters {
			text = append(text, cryptAlphabet[w%64])
			w /= 64
		}
	}
	for i := range third {
		at := func(n int) byte { return digest[i+third*((n+(3-turn)*i)%3)] }
		put(at(0), at(1), at(2), 4)
	}
	if r.id == shaCrypt256ID {
		put(0, digest[31], digest[30], 3)
	} else {
		put(0, 0, digest[63], 2)
	}
	return string(text)
}
