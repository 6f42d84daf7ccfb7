package httpkit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gorilla/mux"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"authserve/core/domain"
	"authserve/ports"
)

const scope = "authserve/adapters/inbound/httpkit"

// Config says how a Router treats requests.
type Config struct {
	// Issuer is the public base URL. With https, answers carry HSTS; its host and
	// port are what telemetry calls the server, whatever Host clients send.
	Issuer string
	// TrustedProxies are the peers whose X-Forwarded-For and traceparent count.
	TrustedProxies []netip.Prefix
	// CORSOrigins are the exact origins whose pages may call; none: CORS is off.
	CORSOrigins []string
	// RequestTimeout is the deadline that the context of each request carries.
	RequestTimeout time.Duration
}

// Deps is what a Router works with.
type Deps struct {
	Logger  *zap.Logger
	Tracers trace.TracerProvider
	Meters  metric.MeterProvider
	Clock   ports.Clock
	IDs     ports.IDs
	Limiter ports.Limiter // nil: nothing is limited
	// Denied is told of each caller that nobody knows and that is denied something, with
	// the actor in ctx. It does not wait; nil: nobody counts.
	Denied func(ctx context.Context, code domain.Code)
}

// Route is one registered route: GET stands for HEAD too.
type Route struct {
	Method string
	Path   string // template, with {name} for variables
}

// Router answers requests by method and path. It answers everything: unknown
// paths, wrong methods and panics are problem documents as well.
type Router struct {
	cfg    Config
	deps   Deps
	mux    *mux.Router
	routes []Route

	headers    []header // that every answer carries
	cors       map[string]bool
	instrument instrumentation
	tracer     trace.Tracer
	panics     metric.Int64Counter
	json       json.Options
}

// New makes a Router without routes. It fails on a Config that cannot be meant.
func New(cfg Config, deps Deps) (*Router, error) {
	issuer, err := url.Parse(cfg.Issuer)
	if err != nil || issuer.Host == "" || (issuer.Scheme != "http" && issuer.Scheme != "https") {
		return nil, fmt.Errorf("httpkit: the issuer %q is not an http or https URL", cfg.Issuer)
	}
	if cfg.RequestTimeout <= 0 {
		return nil, errors.New("httpkit: the request timeout must be positive")
	}
	origins, err := parseOrigins(cfg.CORSOrigins)
	if err != nil {
		return nil, err
	}
	panics, err := deps.Meters.Meter(scope).Int64Counter("authserve.http.panics",
		metric.WithDescription("Panics in handlers, each answered with 500."), metric.WithUnit("{panic}"))
	if err != nil {
		return nil, fmt.Errorf("httpkit: %w", err)
	}
	rt := &Router{
		cfg: cfg, deps: deps,
		// Paths are taken as they are sent: cleaning would answer with redirects.
		mux:        mux.NewRouter().SkipClean(true).UseEncodedPath(),
		headers:    securityHeaders(issuer.Scheme == "https"),
		cors:       origins,
		instrument: instrumentation{deps: deps, server: serverName(issuer)},
		tracer:     deps.Tracers.Tracer(scope),
		panics:     panics,
		json:       strictJSON(),
	}
	rt.mux.NotFoundHandler = rt.wrap("", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		WriteError(r.Context(), w, errUnknownRoute)
	}))
	rt.mux.MethodNotAllowedHandler = rt.wrap("", http.HandlerFunc(rt.methodNotAllowed))
	return rt, nil
}

var (
	errUnknownRoute     = domain.NewError(domain.KindNotFound, CodeUnknownRoute, "There is nothing at this path.")
	errMethodNotAllowed = domain.NewError(domain.KindMalformed, CodeMethodNotAllowed, "This path does not take this method.")
)

// Handle registers h for the method and the path template. A route of GET answers
// HEAD too. Not safe to call while the router serves.
func (rt *Router) Handle(method, path string, h http.Handler) {
	methods := []string{method}
	if method == http.MethodGet {
		methods = append(methods, http.MethodHead)
	}
	rt.mux.Handle(path, rt.wrap(path, h)).Methods(methods...)
	rt.routes = append(rt.routes, Route{Method: method, Path: path})
}

// Routes lists the registered routes in their order.
func (rt *Router) Routes() []Route { return append([]Route(nil), rt.routes...) }

// wrap puts instrumentation around h and, inside of it, the answer to panics, so
// that span and metrics see the 500.
func (rt *Router) wrap(route string, h http.Handler) http.Handler {
	return rt.instrument.wrap(route, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeFrom(r.Context())
		defer func() {
			if v := recover(); v != nil {
				rt.panicked(x, w, r, v)
			}
		}()
		h.ServeHTTP(w, r)
	}))
}

// methodNotAllowed answers a path that exists with the methods it takes, and the
// preflight requests of configured origins.
func (rt *Router) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	allowed := rt.allowed(r)
	if rt.isPreflight(r) {
		writePreflight(w.Header(), allowed)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Allow", allowed)
	WriteError(r.Context(), w, errMethodNotAllowed)
}

// allowed lists the methods that the path of r takes.
func (rt *Router) allowed(r *http.Request) string {
	var methods []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe := *r
		probe.Method = method
		var match mux.RouteMatch
		if rt.mux.Match(&probe, &match) && match.MatchErr == nil {
			methods = append(methods, method)
		}
	}
	return strings.Join(methods, ", ")
}
