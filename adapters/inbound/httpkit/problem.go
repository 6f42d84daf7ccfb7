package httpkit

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"authserve/core/domain"
)

// problem is the wire form of every error (RFC 9457 section 3).
type problem struct {
	Type          string         `json:"type"`
	Title         string         `json:"title"`
	Status        int            `json:"status"`
	Detail        string         `json:"detail,omitzero"`
	Instance      string         `json:"instance"`
	Code          domain.Code    `json:"code"`
	CorrelationID string         `json:"correlation_id"`
	TraceID       string         `json:"trace_id,omitzero"`
	Errors        []fieldProblem `json:"errors,omitempty"`
}

type fieldProblem struct {
	Field   string      `json:"field"`
	Code    domain.Code `json:"code"`
	Message string      `json:"message"`
}

func typeOf(code domain.Code) string { return "urn:authserve:problem:" + string(code) }

// titleOf reads a code as English: "email_taken" is "Email taken".
func titleOf(code domain.Code) string {
	words := strings.ReplaceAll(string(code), "_", " ")
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// errInternal is the answer to everything that nobody classified.
var errInternal = domain.NewError(domain.KindInternal, domain.CodeInternal, "")

// errOutOfTime is the answer when the deadline of the request itself has passed.
var errOutOfTime = domain.NewError(domain.KindOverloaded, domain.CodeOverloaded, "The service could not answer in time.")

// WriteError answers with the problem document for err and leaves what belongs
// into the log in the exchange. Nothing internal leaves the process: an error
// without a kind, or of domain.KindInternal, shows no more than its correlation
// ID. ctx must be the context of the request.
func WriteError(ctx context.Context, w http.ResponseWriter, err error) {
	x := exchangeFrom(ctx)
	if errors.Is(ctx.Err(), context.Canceled) && errors.Is(err, context.Canceled) {
		x.code = codeClientGone
		w.WriteHeader(statusClientGone)
		return
	}
	e := answerFor(ctx, err)
	status := statusOf(e.Kind, e.Code)
	x.code = e.Code
	if status >= http.StatusInternalServerError {
		x.cause = err
	}

	body, encodeErr := json.Marshal(problemOf(e, status, x), jsontext.AllowInvalidUTF8(true))
	if encodeErr != nil { // it cannot happen: the document has no type that can fail
		x.cause = errors.Join(err, encodeErr)
		body = []byte(`{"type":"about:blank"}`)
	}
	body = append(body, '\n') // as every other answer ends
	h := w.Header()
	h.Del("ETag")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	setErrorHeaders(h, e, status)
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that left cannot be told
}

// answerFor finds what to say about err.
func answerFor(ctx context.Context, err error) *domain.Error {
	var e *domain.Error
	switch {
	case errors.As(err, &e) && e.Kind != domain.KindInternal:
		return e
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		return errOutOfTime
	default:
		return errInternal
	}
}

func problemOf(e *domain.Error, status int, x *exchange) problem {
	p := problem{
		Type: typeOf(e.Code), Title: titleOf(e.Code), Status: status, Detail: e.Message,
		Instance: "urn:authserve:request:" + x.correlationID, Code: e.Code, CorrelationID: x.correlationID,
	}
	if x.span.HasTraceID() {
		p.TraceID = x.span.TraceID().String()
	}
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, fieldProblem(f))
	}
	return p
}

func setErrorHeaders(h http.Header, e *domain.Error, status int) {
	retry := e.RetryAfter
	switch status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", challenge(e))
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		retry = max(retry, time.Second)
	case http.StatusRequestTimeout, http.StatusRequestEntityTooLarge:
		h.Set("Connection", "close") // the rest of the body is not worth reading
	}
	if retry > 0 {
		h.Set("Retry-After", seconds(retry))
	}
}

// challenge is the WWW-Authenticate field (RFC 6750 section 3): with an error only
// where an access token was presented.
func challenge(e *domain.Error) string {
	switch e.Code {
	case domain.CodeInvalidToken, domain.CodeTokenExpired, domain.CodeSessionEnded:
		return `Bearer error="invalid_token"`
	default:
		return "Bearer"
	}
}
