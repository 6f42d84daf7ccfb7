package scheme

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parameters returns the values of `a=1,b=2` for exactly the names a and b.
func parameters(text string, names ...string) ([]string, error) {
	fields := strings.Split(text, ",")
	if len(fields) != len(names) {
		return nil, fmt.Errorf("the parameters are not %s", strings.Join(names, ", "))
	}
	for i, name := range names {
		value, ok := strings.CutPrefix(fields[i], name+"=")
		if !ok {
			return nil, fmt.Errorf("the parameters are not %s", strings.Join(names, ", "))
		}
		fields[i] = value
	}
	return fields, nil
}

// numbers is parameters for decimal numbers of up to 32 bits.
func numbers(text string, names ...string) ([]uint32, error) {
	values, err := parameters(text, names...)
	if err != nil {
		return nil, err
	}
	result := make([]uint32, len(names))
	for i, name := range names {
		if result[i], err = number(values[i]); err != nil {
			return nil, fmt.Errorf("the parameter %s is not a number in range", name)
		}
	}
	return result, nil
}

var errNoNumber = errors.New("not a number in range")

func number(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, errNoNumber // strconv's error repeats its input
	}
	return uint32(n), nil
}

// sizes are the bounds of a salt and a key in base64, in bytes, and the usual sizes.
type sizes struct{ minSalt, salt, maxSalt, minKey, key, maxKey int }

func (s sizes) check(salt, key string) error {
	if n := sizeOf(salt); n < s.minSalt || n > s.maxSalt {
		return fmt.Errorf("the salt is not %d to %d bytes in unpadded base64", s.minSalt, s.maxSalt)
	}
	if n := sizeOf(key); n < s.minKey || n > s.maxKey {
		return fmt.Errorf("the digest is not %d to %d bytes in unpadded base64", s.minKey, s.maxKey)
	}
	return nil
}

func (s sizes) invent(random func(n int) []byte) (salt, key string) {
	return encode(random(s.salt)), encode(random(s.key))
}

func encode(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }

// decode reads what check accepted.
func decode(s string) []byte {
	b, _ := base64.RawStdEncoding.DecodeString(s)
	return b
}

// sizeOf is the number of bytes in s, -1 if s is not their canonical base64. The
// library alone accepts line breaks and loose bits at the end.
func sizeOf(s string) int {
	b := decode(s)
	if encode(b) != s {
		return -1
	}
	return len(b)
}

// derivation computes a key of size bytes.
type derivation func(password, salt []byte, size int) ([]byte, error)

// verifyBase64 is recipe.verify for salts and keys in base64.
func verifyBase64(derive derivation, password []byte, salt, key string) (bool, error) {
	want := decode(key)
	got, err := derive(password, decode(salt), len(want))
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1, err
}
