package domain

import (
	"fmt"
	"slices"
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

// Password is a password in two forms. The normal one, by precis.OpaqueString (RFC
// 8265 section 4.2, which applies NFC; never trimmed, cut or case-folded), is what
// this service hashes. The raw one is what was typed, for hashes that came from
// programs that do not normalise.
type Password struct {
	normal Secret // zero: no new password could be this
	raw    Secret
}

// Reveal returns the normalised password; empty where IsValid is false.
func (p Password) Reveal() string { return p.normal.Reveal() }

// RevealRaw returns the password as it was typed; empty where it is longer than
// any password that could be meant.
func (p Password) RevealRaw() string { return p.raw.Reveal() }

// IsValid reports whether the password has a normal form of legal length. One that
// has not can only be that of an imported hash.
func (p Password) IsValid() bool { return !p.normal.IsZero() }

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
	// MaxRawPasswordBytes bounds what is held against imported hashes.
	MaxRawPasswordBytes = 1024
	// MaxBcryptBytes is what bcrypt reads of a password; longer ones are refused
	// rather than cut when bcrypt is the configured algorithm.
	MaxBcryptBytes = 72
)

// PasswordPolicy says which new passwords are accepted.
type PasswordPolicy struct {
	MinLength int      // in code points
	MaxBytes  int      // zero: no limit beside MaxPasswordLength
	Context   []string // names of the service, beside authserve
}

// NewPassword normalises raw and holds it against the policy, and against own:
// what is known of the account that it is for, such as its e-mail address, username
// and display name. Empty ones are left out. The error names the first rule that was
// broken and never repeats the password or a part of it.
func NewPassword(raw string, policy PasswordPolicy, own ...string) (Password, error) {
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
	switch folded := foldPassword(normal); {
	case isCommon(folded):
		return fault(CodeTooCommon, "The password is one of the most common passwords, or one with little more than digits or punctuation at its end.")
	case isContextual(folded, slices.Concat([]string{serviceName}, policy.Context, own)):
		return fault(CodeContainsContext, "The password is little more than the name of the service, or the e-mail address, username or display name of the account.")
	case isMonotonous(folded):
		return fault(CodeTooCommon, "The password is made of fewer than 5 different characters.")
	}
	return Password{normal: NewSecret(normal), raw: NewSecret(raw)}, nil
}

// PresentedPassword takes a password that somebody claims to know. It may be none
// that this service could have hashed; the caller still spends the cost of a
// comparison on it.
func PresentedPassword(raw string) Password {
	var p Password
	if len(raw) <= MaxRawPasswordBytes {
		p.raw = NewSecret(raw)
	}
	normal, err := normalisePassword(raw)
	if err == nil && utf8.RuneCountInString(normal) <= MaxPasswordLength {
		p.normal = NewSecret(normal)
	}
	return p
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
