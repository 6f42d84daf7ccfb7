package httpkit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"authserve/core/domain"
)

// ServeHTTP implements http.Handler.
func (rt *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{ResponseWriter: w}
	start := rt.deps.Clock.Now()
	defer func() { rt.finish(x, r, start, recover()) }()

	id, good := correlationID(r.Header)
	if !good {
		id = string(rt.deps.IDs.New())
	}
	x.correlationID = id
	x.client = clientOf(r, rt.cfg.TrustedProxies)

	h := w.Header()
	for _, field := range rt.headers {
		h[field.name] = field.value
	}
	h[correlationHeader] = []string{id}
	rt.setCORS(h, r)

	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), exchangeKey{}, x), rt.cfg.RequestTimeout)
	defer cancel()
	rt.mux.ServeHTTP(x, r.WithContext(ctx))
}

// finish answers a panic outside of the routes, and writes the access log. A
// panic that means to cut the connection goes on.
func (rt *Router) finish(x *exchange, r *http.Request, start time.Time, panicked any) {
	if panicked != nil && !isAbort(panicked) {
		ctx := context.WithValue(context.WithoutCancel(r.Context()), exchangeKey{}, x)
		func() {
			defer func() { panicked = recover() }()
			rt.panicked(x, x, r.WithContext(ctx), panicked)
		}()
	}
	if panicked == nil && x.status == 0 {
		x.status = http.StatusOK // what net/http answers for a handler that writes nothing
	}
	rt.logAccess(x, r, start)
	if panicked != nil {
		panic(panicked)
	}
}

// isAbort reports whether a panic is the agreed way to cut the connection.
func isAbort(v any) bool {
	err, ok := v.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}

// panicked answers a panic with 500 and keeps what is needed to mend it. When
// part of another answer is out already, it cuts the connection instead, so that
// the client does not take the part for the whole.
func (rt *Router) panicked(x *exchange, w http.ResponseWriter, r *http.Request, v any) {
	if isAbort(v) {
		panic(v)
	}
	rt.panics.Add(r.Context(), 1)
	rt.deps.Logger.Error("panic", append(traceFields(x),
		zap.String("route", x.route), zap.String("panic", fmt.Sprint(v)), zap.Stack("stack"))...)
	if x.status != 0 {
		panic(http.ErrAbortHandler)
	}
	WriteError(r.Context(), w, errPanic)
}

var errPanic = errors.New("panic")

// logAccess writes the one line of the request. Query strings, paths and bodies
// are not logged: they may hold what is secret. Errors appear in full only where
// the fault is ours.
func (rt *Router) logAccess(x *exchange, r *http.Request, start time.Time) {
	level := zapcore.InfoLevel
	switch {
	case x.code == domain.CodeOverloaded: // a flood of calls must not be a flood of errors
		level = zapcore.WarnLevel
	case x.status >= http.StatusInternalServerError:
		level = zapcore.ErrorLevel
	}
	entry := rt.deps.Logger.Check(level, "request")
	if entry == nil {
		return
	}
	// Clocks can step back; durations cannot be negative.
	took := max(rt.deps.Clock.Now().Sub(start), 0)
	fields := make([]zap.Field, 0, 13)
	fields = append(fields,
		zap.String("method", knownMethod(r.Method)),
		zap.String("route", x.route),
		zap.Int("status", x.status),
		zap.Float64("duration_ms", float64(took)/float64(time.Millisecond)),
		zap.Int64("bytes", x.bytes),
		zap.String("client_ip", x.client.ip),
	)
	fields = append(fields, traceFields(x)...)
	if x.code != "" {
		fields = append(fields, zap.String("code", string(x.code)))
	}
	if x.outcome != "" {
		fields = append(fields, zap.String("outcome", x.outcome))
	}
	if x.cause != nil {
		fields = append(fields, zap.NamedError("cause", x.cause))
	}
	entry.Write(fields...)
}

func traceFields(x *exchange) []zap.Field {
	fields := []zap.Field{zap.String("correlation_id", x.correlationID)}
	if x.span.IsValid() {
		fields = append(fields, zap.Stringer("trace_id", x.span.TraceID()), zap.Stringer("span_id", x.span.SpanID()))
	}
	return fields
}
