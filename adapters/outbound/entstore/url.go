package entstore

import (
	"errors"
	"strings"
)

var errURLParts = errors.New("the database URL has an `@` or a `#` where none can stand: the password must be percent-encoded (`@` is `%40`, `/` is `%2F`, `?` is `%3F`, `#` is `%23`)")

// CheckURL fails where a password that is not percent-encoded would end up in the host,
// the database or the parameters (RFC 3986 section 3.2.1), which errors and logs name. The
// error repeats nothing of the URL. URLs of files have no such parts.
func CheckURL(raw string) error {
	scheme, rest, _ := strings.Cut(raw, "://")
	switch strings.ToLower(scheme) {
	case "postgres", "postgresql", "mysql":
	default:
		return nil
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	if strings.Count(rest, "@") > 1 || strings.Contains(rest[len(authority):], "@") || strings.Contains(rest, "#") {
		return errURLParts
	}
	return nil
}
