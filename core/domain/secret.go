package domain

const redacted = "[redacted]"

// Secret is a string that never shows itself: not by fmt, not in JSON, not in a
// log. Reveal is the only way to its value, so every use can be found.
type Secret struct{ value string }

// NewSecret hides value.
func NewSecret(value string) Secret { return Secret{value: value} }

// Reveal returns the hidden value.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether nothing is hidden.
func (s Secret) IsZero() bool { return s.value == "" }

// String implements fmt.Stringer without the value.
func (s Secret) String() string { return redacted }

// GoString implements fmt.GoStringer without the value.
func (s Secret) GoString() string { return redacted }

// MarshalText implements encoding.TextMarshaler without the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
