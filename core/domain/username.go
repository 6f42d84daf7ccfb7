package domain

import (
	"regexp"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

// Username is a name as its owner typed it, with the form by which names are
// compared. The zero value is "no username".
type Username struct {
	Name      string
	Canonical string
}

// IsZero reports whether there is no username.
func (u Username) IsZero() bool { return u.Name == "" }

var usernameForm = regexp.MustCompile(`^[a-z0-9._-]{3,32}$`)

// ParseUsername accepts 3 to 32 characters of [a-z0-9._-] after
// precis.UsernameCaseMapped (RFC 8265 section 3.3). The
// alphabet keeps usernames apart from e-mail addresses.
func ParseUsername(s string) (Username, error) {
	fault := func(code Code, message string) (Username, error) {
		return Username{}, Invalid(FieldError{Field: "username", Code: code, Message: message})
	}
	if s == "" {
		return fault(CodeRequired, "A username must not be empty.")
	}
	if len(s) > 256 {
		return fault(CodeTooLong, "A username has 3 to 32 characters.")
	}
	canonical, err := precis.UsernameCaseMapped.String(s)
	if err != nil || !utf8.ValidString(s) || !usernameForm.MatchString(canonical) {
		return fault(CodeInvalidFormat, "A username has 3 to 32 characters of a-z, 0-9, dot, underscore and hyphen.")
	}
	return Username{Name: s, Canonical: canonical}, nil
}

// IsReserved reports whether a reader could take the name for the service itself:
// the mailbox names of RFC 2142 and the words of our own paths. Such names are not
// for self-registration; an operator may give them.
func (u Username) IsReserved() bool {
	switch u.Canonical {
	case "abuse", "admin", "administrator", "api", "audit", "auditor", "auth", "authserve", "daemon", "help", "hostmaster",
		"info", "login", "logout", "me", "moderator", "no-reply", "noc", "noreply", "null", "oauth2", "operator", "owner",
		"postmaster", "root", "security", "staff", "support", "sysadmin", "system", "undefined", "user", "users",
		"webmaster", "well-known", "www":
		return true
	default:
		return false
	}
}
