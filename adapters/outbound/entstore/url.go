package entstore

import (
	"errors"
	"net/url"
	"strings"
)

var (
	errURLPassword = errors.New("the database URL has a password among its parameters: it belongs before the host, as in scheme://user:password@host, and a private key for TLS must need none")
	errURLParts    = errors.New("the database URL has an `@` or a `#` where none can stand: the password must be percent-encoded (`@` is `%40`, `/` is `%2F`, `?` is `%3F`, `#` is `%23`)")
)

// CheckURL fails where a password that is not percent-encoded would end up in the host,
// the database or the parameters (RFC 3986 section 3.2.1), which errors and logs name, or
// where one stands among the parameters: behind an ampersand in it the rest is the name
// of another parameter, which the server tells. The error repeats nothing of the URL. URLs
// of files have no such parts.
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
	_, query, _ := strings.Cut(rest, "?")
	for parameter := range strings.SplitSeq(query, "&") {
		if isPassword(parameter) {
			return errURLPassword
		}
	}
	return nil
}

// isPassword goes by the name. passfile, of libpq, is a path.
func isPassword(parameter string) bool {
	name, _, _ := strings.Cut(parameter, "=")
	if plain, err := url.QueryUnescape(name); err == nil {
		name = plain
	}
	name = strings.ToLower(name)
	return name != "passfile" && (strings.Contains(name, "pass") || strings.Contains(name, "pwd"))
}
