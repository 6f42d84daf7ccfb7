package httpkit

import (
	"net/url"
	"slices"
	"strconv"

	"authserve/core/domain"
)

var (
	errMalformedQuery   = domain.NewError(domain.KindMalformed, CodeMalformedQuery, "The query string cannot be parsed.")
	errRepeatedQuery    = domain.NewError(domain.KindMalformed, CodeMalformedQuery, "The query string gives a parameter twice.")
	errUnknownParameter = domain.NewError(domain.KindMalformed, CodeUnknownParameter, "The query string has a parameter that this call does not know.")
)

// parseQuery reads the query string of a call that knows the parameters known,
// each at most once.
func parseQuery(raw string, known []string) (url.Values, error) {
	if raw == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errMalformedQuery
	}
	for name, given := range values {
		field := domain.FieldError{Field: echo(name), Code: CodeUnknownParameter, Message: "This parameter is not known."}
		switch {
		case !slices.Contains(known, name):
			return nil, errUnknownParameter.WithFields(field)
		case len(given) > 1:
			return nil, errRepeatedQuery
		}
	}
	return values, nil
}

// parseFlag reads a parameter that is true or false; absent means false.
func parseFlag(values url.Values, name string) (bool, error) {
	if !values.Has(name) {
		return false, nil
	}
	switch values.Get(name) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, domain.Invalid(domain.FieldError{Field: name, Code: domain.CodeUnknownValue, Message: "This parameter is true or false."})
	}
}

// parseLimit reads `limit`; absent means domain.DefaultPageLimit.
func parseLimit(values url.Values) (int, error) {
	if !values.Has("limit") {
		return domain.DefaultPageLimit, nil
	}
	text := values.Get("limit")
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > domain.MaxPageLimit || strconv.Itoa(limit) != text {
		return 0, domain.Invalid(domain.FieldError{Field: "limit", Code: domain.CodeInvalidFormat, Message: "The limit is a whole number from 1 to 200."})
	}
	return limit, nil
}
