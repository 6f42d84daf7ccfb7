package httpkit

import (
	"net/http"

	"authserve/core/domain"
)

// The codes of HTTP itself, beside those of domain.Catalogue.
const (
	CodeMalformedJSON        domain.Code = "malformed_json"
	CodeDuplicateKey         domain.Code = "duplicate_key"
	CodeUnknownField         domain.Code = "unknown_field"
	CodeWrongType            domain.Code = "wrong_type"
	CodeBodyTooLarge         domain.Code = "body_too_large"
	CodeUnsupportedMediaType domain.Code = "unsupported_media_type"
	CodeRequestTimeout       domain.Code = "request_timeout"
	CodeUnknownRoute         domain.Code = "unknown_route"
	CodeMethodNotAllowed     domain.Code = "method_not_allowed"
	CodeMalformedQuery       domain.Code = "malformed_query"
	CodeUnknownParameter     domain.Code = "unknown_parameter"
	CodeInvalidCursor        domain.Code = "invalid_cursor"
)

// codeClientGone stands in the log for requests whose client left; nobody is
// answered with it.
const (
	codeClientGone   domain.Code = "client_closed_request"
	statusClientGone int         = 499
)

// Entry is one line of the catalogue of problems.
type Entry struct {
	Code    domain.Code
	Status  int
	Type    string // the stable URI of the problem type
	Title   string
	Meaning string
}

// Catalogue lists every code that stands in a problem document, with its status:
// those of the domain first, then those of HTTP.
func Catalogue() []Entry {
	docs := append(domain.Catalogue(), []domain.CodeDoc{
		{Code: CodeMalformedJSON, Kind: domain.KindMalformed, Meaning: "The body is empty, ends early, is followed by more data, nests deeper than 32 levels, is not UTF-8, or is not JSON (RFC 8259)."},
		{Code: CodeDuplicateKey, Kind: domain.KindMalformed, Meaning: "An object of the body names a member twice."},
		{Code: CodeUnknownField, Kind: domain.KindMalformed, Meaning: "The body has a member that this call does not know; `errors` names it."},
		{Code: CodeWrongType, Kind: domain.KindMalformed, Meaning: "A member of the body has another JSON type than this call takes; `errors` names it."},
		{Code: CodeBodyTooLarge, Kind: domain.KindMalformed, Meaning: "The body is larger than 64 KiB."},
		{Code: CodeUnsupportedMediaType, Kind: domain.KindMalformed, Meaning: "The body is not declared as application/json in UTF-8, or it is compressed."},
		{Code: CodeRequestTimeout, Kind: domain.KindMalformed, Meaning: "The body did not arrive in time."},
		{Code: CodeUnknownRoute, Kind: domain.KindNotFound, Meaning: "There is nothing at this path. Paths are compared as they are sent: doubled slashes and percent-encoded letters name other paths."},
		{Code: CodeMethodNotAllowed, Kind: domain.KindMalformed, Meaning: "The path exists and does not take this method; Allow lists those it takes."},
		{Code: CodeMalformedQuery, Kind: domain.KindMalformed, Meaning: "The query string cannot be parsed, or gives a parameter twice."},
		{Code: CodeUnknownParameter, Kind: domain.KindMalformed, Meaning: "The query string has a parameter that this call does not know; `errors` names it."},
		{Code: CodeInvalidCursor, Kind: domain.KindMalformed, Meaning: "The cursor was not made by this list, or was altered; start again without one."},
	}...)
	entries := make([]Entry, len(docs))
	for i, d := range docs {
		entries[i] = Entry{Code: d.Code, Status: statusOf(d.Kind, d.Code), Type: typeOf(d.Code), Title: titleOf(d.Code), Meaning: d.Meaning}
	}
	return entries
}

// statusOf is the only map from errors to HTTP status codes. The kind decides,
// but for the codes of HTTP that have a status of their own.
func statusOf(kind domain.Kind, code domain.Code) int {
	switch code {
	case CodeBodyTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeUnsupportedMediaType:
		return http.StatusUnsupportedMediaType
	case CodeRequestTimeout:
		return http.StatusRequestTimeout
	case CodeMethodNotAllowed:
		return http.StatusMethodNotAllowed
	}
	switch kind {
	case domain.KindMalformed:
		return http.StatusBadRequest
	case domain.KindInvalid:
		return http.StatusUnprocessableEntity
	case domain.KindUnauthenticated:
		return http.StatusUnauthorized
	case domain.KindForbidden:
		return http.StatusForbidden
	case domain.KindNotFound:
		return http.StatusNotFound
	case domain.KindConflict:
		return http.StatusConflict
	case domain.KindStale:
		return http.StatusPreconditionFailed
	case domain.KindTooMany:
		return http.StatusTooManyRequests
	case domain.KindUnavailable, domain.KindOverloaded:
		return http.StatusServiceUnavailable
	case domain.KindInternal:
	}
	return http.StatusInternalServerError
}
