package seal

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"authserve/core/domain"
)

// Bounds of a decoded master key, in bytes (RFC 8725 section 3.5: at least as
// long as the MAC's output).
const (
	minKeyBytes = 32
	maxKeyBytes = 512
	// minDistinct is how many different byte values a random key always has: 32
	// random bytes have fewer with a probability below 2^-60.
	minDistinct = 16
)

// decodeKey returns the bytes of a base64 master key, or why it is not fit to be
// one. Its errors never hold any part of the key.
func decodeKey(secret domain.Secret) ([]byte, error) {
	text := secret.Reveal()
	alphabet := base64.StdEncoding
	if strings.ContainsAny(text, "-_") {
		alphabet = base64.URLEncoding
	}
	if !strings.HasSuffix(text, "=") {
		alphabet = alphabet.WithPadding(base64.NoPadding)
	}
	// The decoder skips line breaks, and a key is one line.
	key, err := alphabet.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("is not base64")
	}
	if len(key) < minKeyBytes || len(key) > maxKeyBytes {
		return nil, fmt.Errorf("does not have %d to %d bytes", minKeyBytes, maxKeyBytes)
	}
	if reason := weakness(key); reason != "" {
		return nil, errors.New(reason)
	}
	return key, nil
}

// weakness names what shows that a key was not drawn at random, or returns "".
// No check refuses a random key more often than once in 2^40.
func weakness(key []byte) string {
	switch {
	case isText(key):
		return "decodes to printable text, not random bytes"
	case isProgression(key):
		return "is a sequence, not random bytes"
	case isRepetition(key):
		return "repeats a shorter pattern"
	case distinct(key) < minDistinct:
		return "has too few different bytes to be random"
	case isPublished(key):
		return "is a published example"
	default:
		return ""
	}
}

func isText(key []byte) bool {
	for _, b := range key {
		if (b < ' ' || b > '~') && (b < '\t' || b > '\r') {
			return false
		}
	}
	return true
}

// isProgression sees keys such as 00 01 02 … or all bytes the same.
func isProgression(key []byte) bool {
	step := key[1] - key[0]
	for i := 2; i < len(key); i++ {
		if key[i]-key[i-1] != step {
			return false
		}
	}
	return true
}

func isRepetition(key []byte) bool {
	for period := 1; period <= len(key)/2; period++ {
		repeats := true
		for i := period; i < len(key) && repeats; i++ {
			repeats = key[i] == key[i-period]
		}
		if repeats {
			return true
		}
	}
	return false
}

func distinct(key []byte) int {
	var seen [256]bool
	n := 0
	for _, b := range key {
		if !seen[b] {
			seen[b] = true
			n++
		}
	}
	return n
}

// isPublished knows the 256-bit and longer example keys that get copied out of
// specifications. Those that are sequences or text are seen by other checks.
func isPublished(key []byte) bool {
	switch base64.RawURLEncoding.EncodeToString(key) {
	case
		"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow", // RFC 7515 appendix A.1
		"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",                                            // RFC 7520 section 3.5
		"AAPapAv4LbFbiVawEjagUBluYqN5rhna-8nuldDvOx8",                                            // RFC 7520 section 3.6
		"cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4":                                            // Fernet specification
		return true
	default:
		return false
	}
}
