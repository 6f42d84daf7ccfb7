package domain

import (
	"fmt"
	"time"
)

// IdempotencyWindow is how long a key answers as it did the first time.
const IdempotencyWindow = 24 * time.Hour

// IdempotencyRecord remembers that a keyed call created something. Neither the
// key nor the body is kept, only their MACs.
type IdempotencyRecord struct {
	Key       []byte // MAC over scope, actor and key
	Body      []byte // MAC over the canonical body
	Resource  ID     // what the call created
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Bounds of an Idempotency-Key header, in characters of [A-Za-z0-9._-].
const (
	MaxIdempotencyKey = 128
	// MinIdempotencyKey is 128 bits in base64url. Anonymous callers share one space
	// of keys, so a key must be unguessable.
	MinIdempotencyKey = 22
)

// CheckIdempotencyKey refuses keys outside the bounds or with other characters.
func CheckIdempotencyKey(s string) error {
	ok := len(s) >= MinIdempotencyKey && len(s) <= MaxIdempotencyKey
	for i := range len(s) {
		c := s[i]
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-')
	}
	if !ok {
		message := fmt.Sprintf("An Idempotency-Key has %d to %d characters of A-Z, a-z, 0-9, dot, underscore and hyphen.", MinIdempotencyKey, MaxIdempotencyKey)
		return Invalid(FieldError{Field: "Idempotency-Key", Code: CodeInvalidFormat, Message: message})
	}
	return nil
}
