package httpkit

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"authserve/core/domain"
)

// Bounds of request bodies.
const (
	MaxBodyBytes = 64 << 10
	maxJSONDepth = 32
)

const maxEchoedName = 64 // bytes of a name that the client chose

var (
	errBodyTooLarge   = domain.NewError(domain.KindMalformed, CodeBodyTooLarge, "The body is larger than 64 KiB.")
	errNotJSON        = domain.NewError(domain.KindMalformed, CodeUnsupportedMediaType, "The body must be application/json in UTF-8, not compressed.")
	errRequestTimeout = domain.NewError(domain.KindMalformed, CodeRequestTimeout, "The body did not arrive in time.")
	errEmptyBody      = domain.NewError(domain.KindMalformed, CodeMalformedJSON, "The body is empty.")
	errCutBody        = domain.NewError(domain.KindMalformed, CodeMalformedJSON, "The body ended early.")
	errNotUTF8        = domain.NewError(domain.KindMalformed, CodeMalformedJSON, "The body is not valid UTF-8.")
	errMalformedJSON  = domain.NewError(domain.KindMalformed, CodeMalformedJSON, "The body is not one JSON value, or nests too deeply.")
	errDuplicateKey   = domain.NewError(domain.KindMalformed, CodeDuplicateKey, "An object of the body names a member twice.")
	errUnknownField   = domain.NewError(domain.KindMalformed, CodeUnknownField, "The body has a member that this call does not know.")
	errWrongType      = domain.NewError(domain.KindMalformed, CodeWrongType, "A member of the body has the wrong JSON type.")
	errNullValue      = errors.New("null where a value belongs")
	errNotString      = errors.New("not a string")
)

// strictJSON is how bodies are read: RFC 8259 and RFC 7493 (I-JSON) to the
// letter, no member that is not asked for, no null but where it means something, and secrets
// straight into domain.Secret.
func strictJSON() json.Options {
	refuseNull := json.UnmarshalFromFunc(func(dec *jsontext.Decoder, target any) error {
		_, nullable := target.(interface{ takesNull() })
		if dec.PeekKind() == jsontext.KindNull && !nullable && reflect.TypeOf(target).Elem().Kind() != reflect.Pointer {
			return errNullValue
		}
		return errors.ErrUnsupported
	})
	secret := json.UnmarshalFromFunc(func(dec *jsontext.Decoder, target *domain.Secret) error {
		if dec.PeekKind() != jsontext.KindString {
			return errNotString
		}
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		*target = domain.NewSecret(token.String())
		return nil
	})
	return json.JoinOptions(
		json.RejectUnknownMembers(true),
		json.WithUnmarshalers(json.JoinUnmarshalers(secret, refuseNull)),
	)
}

// Nullable is a member of a body that may be missing, null, or a value: in changes
// (RFC 7396) null takes away what is there.
type Nullable[T any] struct {
	Present bool
	Value   *T // nil: null
}

var _ json.UnmarshalerFrom = (*Nullable[string])(nil)

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (n *Nullable[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	n.Present = true
	return json.UnmarshalDecode(dec, &n.Value)
}

func (*Nullable[T]) takesNull() {}

// decodeBody reads the body of r into target.
func decodeBody(w http.ResponseWriter, r *http.Request, options json.Options, target any) error {
	if !isJSON(r.Header) {
		return errNotJSON
	}
	if r.ContentLength > MaxBodyBytes {
		return errBodyTooLarge
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	return decodeJSON(body, options, target)
}

// readBody reads at most MaxBodyBytes.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBodyBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return body, nil
	case errors.As(err, &tooLarge):
		return nil, errBodyTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errRequestTimeout
	default:
		return nil, errCutBody.Wrap(err)
	}
}

func isJSON(h http.Header) bool {
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return false
	}
	types := h["Content-Type"]
	if len(types) != 1 {
		return false
	}
	if types[0] == "application/json" {
		return true
	}
	mediaType, params, err := mime.ParseMediaType(types[0])
	if err != nil || mediaType != "application/json" {
		return false
	}
	charset, declared := params["charset"]
	return !declared || strings.EqualFold(charset, "utf-8")
}

// decodeJSON parses body into target. Its errors name the member at fault and
// never repeat a value, which could be a password.
func decodeJSON(body []byte, options json.Options, target any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return errEmptyBody
	}
	if !utf8.Valid(body) {
		return errNotUTF8
	}
	if nestsDeeper(body, maxJSONDepth) {
		return errMalformedJSON
	}
	err := json.Unmarshal(body, target, options)
	if err == nil {
		return nil
	}
	var syntactic *jsontext.SyntacticError
	var semantic *json.SemanticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntactic):
		return atField(errDuplicateKey, syntactic.JSONPointer, "This member stands twice.")
	case errors.As(err, &syntactic):
		return errMalformedJSON
	case errors.Is(err, json.ErrUnknownName) && errors.As(err, &semantic):
		return atField(errUnknownField, semantic.JSONPointer, "This member is not known.")
	case errors.As(err, &semantic):
		return atField(errWrongType, semantic.JSONPointer, "This member has the wrong JSON type.")
	default:
		return errMalformedJSON
	}
}

// nestsDeeper reports whether arrays and objects of body nest deeper than limit.
// The library's own limit of 10,000 is not ours to set.
func nestsDeeper(body []byte, limit int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// atField names the member at fault: its path with dots, nothing for the body as
// a whole.
func atField(e *domain.Error, at jsontext.Pointer, message string) *domain.Error {
	var path []string
	for token := range at.Tokens() {
		path = append(path, token)
	}
	if len(path) == 0 {
		return e
	}
	return e.WithFields(domain.FieldError{Field: echo(strings.Join(path, ".")), Code: e.Code, Message: message})
}

// echo cuts a name that the client chose, so that an answer stays small.
func echo(name string) string {
	if len(name) > maxEchoedName {
		name = name[:maxEchoedName] + "..."
	}
	return strings.ToValidUTF8(name, "")
}
