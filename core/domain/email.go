package domain

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Email is an address as its owner typed it, with the form by which addresses
// are compared: local part and domain in lower case, the domain in its ASCII
// (IDNA 2008) form.
type Email struct {
	Address   string
	Canonical string
}

const (
	maxEmailLength = 254 // RFC 5321 section 4.5.3.1.3, less the angle brackets
	maxLocalLength = 64  // RFC 5321 section 4.5.3.1.1
)

// ParseEmail accepts a dot-atom local part (RFC 5322 section 3.2.3) and a domain
// name; quoted local parts, comments and address literals are refused. Nothing is
// trimmed or rewritten.
func ParseEmail(s string) (Email, error) {
	fault := func(code Code, message string) (Email, error) {
		return Email{}, Invalid(FieldError{Field: "email", Code: code, Message: message})
	}
	switch {
	case s == "":
		return fault(CodeRequired, "An e-mail address is required.")
	case len(s) > maxEmailLength:
		return fault(CodeTooLong, "An e-mail address has at most 254 bytes.")
	}
	local, host, found := strings.Cut(s, "@")
	if !found || !isDotAtom(local) || len(local) > maxLocalLength {
		return fault(CodeInvalidFormat, "This is not an e-mail address.")
	}
	ascii, err := idna.Lookup.ToASCII(host)
	if err != nil || !utf8.ValidString(host) || !isHostname(ascii) {
		return fault(CodeInvalidFormat, "The part after the @ is not a domain name.")
	}
	canonical := strings.ToLower(local) + "@" + ascii
	if len(canonical) > maxEmailLength {
		return fault(CodeTooLong, "An e-mail address has at most 254 bytes.")
	}
	return Email{Address: s, Canonical: canonical}, nil
}

func isDotAtom(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for i := range len(atom) {
			c := atom[i]
			letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
			if !letter && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", rune(c)) {
				return false
			}
		}
	}
	return true
}

func isHostname(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return true
}
