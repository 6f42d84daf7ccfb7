package domain

import (
	"errors"
	"fmt"
	"time"
)

// Kind groups errors by what the caller can do about them. Edges map a Kind,
// never a message, to their protocol.
type Kind uint8

// The kinds of error. The zero value is KindInternal, so an error that nobody
// classified is never mistaken for the caller's fault.
const (
	KindInternal        Kind = iota // a bug or an untyped error
	KindMalformed                   // the input cannot be parsed
	KindInvalid                     // the input parses and breaks a rule
	KindUnauthenticated             // the caller is not who it must be
	KindForbidden                   // the caller is known and may not
	KindNotFound                    // the thing does not exist, or not for this caller
	KindConflict                    // a unique value is taken
	KindStale                       // the thing changed since it was read
	KindTooMany                     // the caller asks too often
	KindUnavailable                 // a required dependency is in trouble
	KindOverloaded                  // this service has more work than it can do in time
)

// Code names one error for ever: clients branch on it, documents list it.
type Code string

// FieldError says which field of the input broke which rule.
type FieldError struct {
	Field   string // path of the field as the client wrote it
	Code    Code
	Message string
}

// Error is the only error type that crosses a package border with a meaning.
// It is immutable: the With methods return copies.
type Error struct {
	Kind       Kind
	Code       Code
	Message    string        // safe to show to the caller
	Fields     []FieldError  // for KindInvalid and KindConflict
	RetryAfter time.Duration // zero: unknown
	cause      error         // for logs only, never shown to the caller
}

// NewError makes an error that can serve as a sentinel: errors.Is compares codes.
func NewError(kind Kind, code Code, message string) *Error {
	return &Error{Kind: kind, Code: code, Message: message}
}

// Error implements error. It includes the cause, so it belongs in logs only.
func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.cause)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is an Error of the same code.
func (e *Error) Is(target error) bool {
	var t *Error
	if !errors.As(target, &t) {
		return false
	}
	return t.Code == e.Code
}

// Wrap returns a copy of e that carries cause for the logs.
func (e *Error) Wrap(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// WithFields returns a copy of e that names the fields at fault.
func (e *Error) WithFields(fields ...FieldError) *Error {
	c := *e
	c.Fields = append([]FieldError(nil), fields...)
	return &c
}

// WithRetryAfter returns a copy of e that tells when to try again.
func (e *Error) WithRetryAfter(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// KindOf returns the kind of err, KindInternal when err carries none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindInternal
}

// CodeOf returns the code of err, CodeInternal when err carries none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// Invalid makes the error for input that parses and breaks rules.
func Invalid(fields ...FieldError) *Error {
	return NewError(KindInvalid, CodeValidation, "One or more fields break a rule.").WithFields(fields...)
}

// FieldsOf returns the field errors inside err, if there are any.
func FieldsOf(err error) []FieldError {
	var e *Error
	if errors.As(err, &e) {
		return e.Fields
	}
	return nil
}
