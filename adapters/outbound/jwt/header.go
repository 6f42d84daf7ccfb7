package jwt

import (
	"encoding/base64"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"authserve/core/domain"
)

const (
	// maxTokenLength bounds the work for a token, in bytes. Ours have about 700.
	maxTokenLength = 8 << 10
	// tokenType is the `typ` of access tokens (RFC 9068 section 2.1), which may
	// also be written as a full media type (RFC 7515 section 4.1.9).
	tokenType     = "at+jwt"
	fullTokenType = "application/at+jwt"
)

// header is what of a JOSE header (RFC 7515 section 4.1) is believed before the
// signature is checked: enough to find the key.
type header struct {
	alg   string
	keyID domain.ID
}

// readHeader judges the form of a token and returns its header. Every error has
// the code domain.CodeInvalidToken.
func readHeader(token string) (header, error) {
	if len(token) > maxTokenLength {
		return header{}, invalid("longer than 8 KiB")
	}
	if !isCompactForm(token) {
		return header{}, invalid("not three parts of base64url")
	}
	first, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.Strict().DecodeString(first)
	if err != nil {
		return header{}, invalid("the header is not base64url")
	}
	var wire struct {
		Algorithm string         `json:"alg"`
		Type      string         `json:"typ"`
		KeyID     string         `json:"kid"`
		Critical  jsontext.Value `json:"crit"`
	}
	if err := json.Unmarshal(text, &wire); err != nil {
		return header{}, invalid("the header is not a JSON object of the right types")
	}
	// We implement no extension, so whatever `crit` names is not understood
	// (RFC 7515 section 4.1.11).
	if len(wire.Critical) > 0 {
		return header{}, invalid("a critical header")
	}
	if !strings.EqualFold(wire.Type, tokenType) && !strings.EqualFold(wire.Type, fullTokenType) {
		return header{}, invalid("another type of token")
	}
	keyID, err := domain.ParseID(wire.KeyID)
	if err != nil {
		return header{}, invalid("no key id of ours")
	}
	return header{alg: wire.Algorithm, keyID: keyID}, nil
}

// isCompactForm reports whether token is three parts of the base64url alphabet,
// empty or not. The decoder alone
// would skip line breaks, and so accept one token in many spellings.
func isCompactForm(token string) bool {
	dots := 0
	for i := range len(token) {
		switch c := token[i]; {
		case c == '.':
			dots++
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return dots == 2
}
