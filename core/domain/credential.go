package domain

import (
	"fmt"
	"time"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

// PasswordHash is a password hash in PHC string format
// (https://github.com/P-H-C/phc-string-format). It is secret like a password.
type PasswordHash = Secret

// Credential is the password of one account. Version equals the account's
// AccountVersion.Credential as long as both belong together.
type Credential struct {
	AccountID ID
	Hash      PasswordHash
	Version   int64
	ChangedAt time.Time
}

// Password is a password ready to be hashed: normalised by precis.OpaqueString
// (RFC 8265 section 4.2, which applies NFC), never trimmed, cut or case-folded.
type Password struct{ secret Secret }

// Reveal returns the normalised password.
func (p Password) Reveal() string { return p.secret.Reveal() }

// String implements fmt.Stringer without the value.
func (p Password) String() string { return redacted }

// GoString implements fmt.GoStringer without the value.
func (p Password) GoString() string { return redacted }

// Limits of passwords, in code points (NIST SP 800-63B-4 section 3.1.1.2,
// OWASP ASVS 5.0 6.2.1 and 6.2.9).
const (
	DefaultPasswordMinimum = 15
	LowestPasswordMinimum  = 8
	MaxPasswordLength      = 128
	// MaxBcryptBytes is what bcrypt reads of a password; longer ones are refused
	// rather than cut when bcrypt is the configured algorithm.
	MaxBcryptBytes = 72
)

// PasswordPolicy says which new passwords are accepted.
type PasswordPolicy struct {
	MinLength int // in code points
	MaxBytes  int // zero: no limit beside MaxPasswordLength
}

// NewPassword normalises raw and holds it against the policy. The field errors
// name the rule that was broken and never repeat the password.
func NewPassword(raw string, policy PasswordPolicy) (Password, error) {
	fault := func(code Code, message string) (Password, error) {
		return Password{}, Invalid(FieldError{Field: "password", Code: code, Message: message})
	}
	if raw == "" {
		return fault(CodeRequired, "A password is required.")
	}
	normal, err := normalisePassword(raw)
	if err != nil {
		return fault(CodeInvalidCharacter, "The password holds a character that cannot be typed reliably, such as a control character.")
	}
	switch length := utf8.RuneCountInString(normal); {
	case length < policy.MinLength:
		return fault(CodeTooShort, fmt.Sprintf("The password has fewer than %d characters.", policy.MinLength))
	case length > MaxPasswordLength:
		return fault(CodeTooLong, fmt.Sprintf("The password has more than %d characters.", MaxPasswordLength))
	case policy.MaxBytes > 0 && len(normal) > policy.MaxBytes:
		return fault(CodeTooLong, fmt.Sprintf("The password has more than %d bytes, which is all that the configured algorithm reads.", policy.MaxBytes))
	}
	return Password{secret: NewSecret(normal)}, nil
}

// PresentedPassword normalises a password that somebody claims to know. ok is
// false when no account can have it; the caller must still spend the cost of a
// comparison.
func PresentedPassword(raw string) (password Password, ok bool) {
	normal, err := normalisePassword(raw)
	if err != nil || normal == "" || utf8.RuneCountInString(normal) > MaxPasswordLength {
		return Password{secret: NewSecret("no account has this password")}, false
	}
	return Password{secret: NewSecret(normal)}, true
}

func normalisePassword(raw string) (string, error) {
	// The longest password is 128 code points; NFC can shorten a string, but not
	// by this factor. Longer input is not worth normalising.
	if len(raw) > 16*MaxPasswordLength {
		return raw, nil
	}
	if !utf8.ValidString(raw) { // precis would put a replacement character
		return "", errNotUTF8
	}
	return precis.OpaqueString.String(raw)
}

var errNotUTF8 = NewError(KindInvalid, CodeInvalidCharacter, "The text is not valid UTF-8.")
