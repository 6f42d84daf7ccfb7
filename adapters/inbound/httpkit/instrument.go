package httpkit

import (
	"net/http"
	"net/url"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// instrumentation opens the server span of a request and records its metrics.
type instrumentation struct {
	deps   Deps
	server string
}

// wrap instruments one route. The route is known before anything starts, so that
// samplers and metrics see the template, never the path.
func (i instrumentation) wrap(route string, h http.Handler) http.Handler {
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeFrom(r.Context())
		span := trace.SpanFromContext(r.Context())
		x.span = span.SpanContext()
		if span.IsRecording() {
			// The library takes the client's word for client.address, and the path as
			// it came, which can hold anything.
			span.SetAttributes(
				attribute.String("url.path", route),
				attribute.String("client.address", x.client.ip),
				attribute.String("authserve.correlation_id", x.correlationID),
			)
		}
		h.ServeHTTP(w, r)
	})
	instrumented := otelhttp.NewHandler(inner, "http.server",
		otelhttp.WithTracerProvider(i.deps.Tracers),
		otelhttp.WithMeterProvider(i.deps.Meters),
		// Baggage of strangers is not taken in at all.
		otelhttp.WithPropagators(propagation.TraceContext{}),
		// A proxy's trace goes on; a stranger's is linked and decides no sampling.
		otelhttp.WithPublicEndpointFn(func(r *http.Request) bool { return !exchangeFrom(r.Context()).client.peerTrusted }),
		otelhttp.WithServerName(i.server),
	)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		exchangeFrom(r.Context()).route = route
		r.Pattern = route
		instrumented.ServeHTTP(w, r)
	})
}

// serverName is host and port of the issuer. The port is always there: without
// one, telemetry would take it from the Host header, which clients choose.
func serverName(issuer *url.URL) string {
	if issuer.Port() != "" {
		return issuer.Host
	}
	if issuer.Scheme == "https" {
		return issuer.Host + ":443"
	}
	return issuer.Host + ":80"
}

// knownMethod is the method as logs show it: strangers choose any token.
func knownMethod(method string) string {
	if strings.Contains(" GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT ", " "+method+" ") {
		return method
	}
	return "_OTHER"
}
