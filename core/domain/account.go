package domain

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// AccountStatus tells whether an account may be used.
type AccountStatus string

// The account states.
const (
	AccountActive   AccountStatus = "active"
	AccountDisabled AccountStatus = "disabled"
)

// Account is one person's account. Its password stands apart, in Credential.
type Account struct {
	ID              ID
	Email           Email
	Username        Username // zero: none
	DisplayName     string   // empty: none
	Locale          string   // BCP 47; empty: the service's own
	Status          AccountStatus
	Roles           []Role
	EmailVerifiedAt time.Time // zero: not verified
	Version         AccountVersion
	CreatedAt       time.Time
	UpdatedAt       time.Time // last change of the profile
	LastLoginAt     time.Time // zero: never
}

// AccountVersion is what conditional writes to an account compare.
type AccountVersion struct {
	// AuthGeneration is the `ver` of access tokens. It rises with every event
	// after which earlier tokens must not be accepted.
	AuthGeneration int64
	// Credential rises with every change of the password.
	Credential int64
	// Profile rises with every change the owner can see; it is the ETag.
	Profile int64
}

// MaxDisplayName is the longest display name, in code points.
const MaxDisplayName = 100

// NewAccount makes an active account at its first version.
func NewAccount(id ID, email Email, username Username, displayName string, roles []Role, now time.Time) Account {
	return Account{
		ID: id, Email: email, Username: username, DisplayName: displayName,
		Status: AccountActive, Roles: slices.Clone(roles),
		Version:   AccountVersion{AuthGeneration: 1, Credential: 1, Profile: 1},
		CreatedAt: Instant(now), UpdatedAt: Instant(now),
	}
}

// IsActive reports whether the account may log in and use its tokens.
func (a Account) IsActive() bool { return a.Status == AccountActive }

// EmailVerified reports whether the owner has proved to read the address.
func (a Account) EmailVerified() bool { return !a.EmailVerifiedAt.IsZero() }

// Clone returns a copy that shares no memory with a.
func (a Account) Clone() Account {
	a.Roles = slices.Clone(a.Roles)
	return a
}

// CheckDisplayName refuses names that are too long or hold control or invisible
// formatting characters, with which one could forge lines or imitate others.
func CheckDisplayName(s string) error {
	fault := func(code Code, message string) error {
		return Invalid(FieldError{Field: "display_name", Code: code, Message: message})
	}
	if !utf8.ValidString(s) {
		return fault(CodeInvalidCharacter, "The display name is not valid UTF-8.")
	}
	if utf8.RuneCountInString(s) > MaxDisplayName {
		return fault(CodeTooLong, "A display name has at most 100 characters.")
	}
	for _, r := range s {
		joiner := r == '\u200c' || r == '\u200d' // scripts and emoji need them
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && !joiner {
			return fault(CodeInvalidCharacter, "The display name holds a control or an invisible character.")
		}
	}
	if s != "" && strings.TrimSpace(s) == "" {
		return fault(CodeInvalidFormat, "The display name is blank.")
	}
	return nil
}

// AccountOrder is a text of accounts by which they are listed and found, in the order
// of its bytes.
type AccountOrder string

// The orders. Accounts without a username are not in the second one.
const (
	AccountsByEmail    AccountOrder = "email"
	AccountsByUsername AccountOrder = "username"
)

// Position is a's place in a list of the order.
func (o AccountOrder) Position(a Account) Position {
	if o == AccountsByUsername {
		return Position{Text: a.Username.Canonical, ID: a.ID}
	}
	return Position{Text: a.Email.Canonical, ID: a.ID}
}

// AccountSearch asks for the accounts whose canonical e-mail address or username
// begins with Prefix (empty: all).
type AccountSearch struct {
	Order  AccountOrder
	Prefix string
}
