package httpkit

import (
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"authserve/core/domain"
)

const (
	correlationHeader = "X-Correlation-Id" // canonical form of X-Correlation-ID
	maxCorrelationID  = 128
	maxUserAgent      = 512 // bytes
)

// correlationID returns the client's correlation ID when there is exactly one and
// it is of good form, so that it can stand in logs and headers as it is.
func correlationID(h http.Header) (string, bool) {
	values := h[correlationHeader]
	if len(values) != 1 || values[0] == "" || len(values[0]) > maxCorrelationID {
		return "", false
	}
	id := values[0]
	for i := range len(id) {
		c := id[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return "", false
		}
	}
	return id, true
}

// userAgent keeps of a User-Agent field what is fit for storing and showing:
// printable text of at most maxUserAgent bytes.
func userAgent(s string) string {
	printable := len(s) <= maxUserAgent
	for i := 0; printable && i < len(s); i++ {
		printable = s[i] >= ' ' && s[i] < 0x7f
	}
	if printable {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			continue
		}
		if b.Len()+utf8.RuneLen(r) > maxUserAgent {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

var (
	errMissingToken = domain.NewError(domain.KindUnauthenticated, domain.CodeMissingToken, "This call needs an access token in the Authorization header.")
	errBadBearer    = domain.NewError(domain.KindUnauthenticated, domain.CodeInvalidToken, "The Authorization header does not hold one bearer token.")
)

// bearerToken reads the access token from the Authorization header, the only
// place it is read from (RFC 6750 section 2.1). A credential of another scheme is
// none for us; two headers, or characters that no token has, are refused.
func bearerToken(h http.Header) (string, error) {
	values := h["Authorization"]
	switch len(values) {
	case 0:
		return "", errMissingToken
	case 1:
	default:
		return "", errBadBearer
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", errMissingToken
	}
	token = strings.TrimLeft(token, " ")
	if token == "" {
		return "", errMissingToken
	}
	body := strings.TrimRight(token, "=")
	for i := range len(body) {
		c := body[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._~+/", rune(c)) {
			return "", errBadBearer
		}
	}
	return token, nil
}
