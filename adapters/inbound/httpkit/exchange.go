package httpkit

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/trace"

	"authserve/core/domain"
)

// exchange is one request with its answer: the writer that counts, and the facts
// that the access log, problem documents and the actor share. It belongs to the
// goroutine of the request.
type exchange struct {
	http.ResponseWriter
	status int // zero: nothing written
	bytes  int64

	correlationID string
	client        client
	route         string
	span          trace.SpanContext

	code    domain.Code // of the problem that was answered
	outcome string      // see Annotate
	cause   error       // what to log of a failure that is ours
}

// WriteHeader implements http.ResponseWriter.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= http.StatusOK {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	n, err := x.ResponseWriter.Write(p)
	x.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// Annotate puts the outcome of a use case into the access log's line, where the
// status alone does not tell outcomes apart. It must be a fixed word.
func Annotate(ctx context.Context, outcome string) { exchangeFrom(ctx).outcome = outcome }

type exchangeKey struct{}

// exchangeFrom returns the exchange of ctx; outside of a Router an empty one.
func exchangeFrom(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}
