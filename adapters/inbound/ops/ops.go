package ops

import (
	"net/http"
	"net/http/pprof"
	"strings"

	"authserve/ports"
)

// Deps is what the operations listener shows.
type Deps struct {
	Probes   []ports.Probe
	Breakers ports.Breakers
	Metrics  http.Handler
	Mailbox  http.Handler // at /dev/mail and below; nil: none
	Pprof    bool         // serve /debug/pprof/
	Hosts    []string     // names allowed in the Host header beside those of loopback
}

// New makes the handler of the operations listener. A profile lasts 30 s unless
// asked otherwise: the server's write timeout must be longer, or none.
func New(d Deps) http.Handler {
	o := &operations{
		exact: map[string]http.Handler{
			"/livez":            reading(livez),
			"/readyz":           reading(readyz(newReadiness(d.Probes))),
			"/metrics":          reading(d.Metrics.ServeHTTP),
			"/circuit-breakers": reading(circuitBreakers(d.Breakers)),
		},
		below: map[string]http.Handler{},
		hosts: newHosts(d.Hosts),
	}
	if d.Mailbox != nil {
		o.exact["/dev/mail"] = d.Mailbox
		o.below["/dev/mail/"] = d.Mailbox
	}
	if d.Pprof {
		// Not cmdline: flags may hold secrets.
		o.exact["/debug/pprof/profile"] = reading(pprof.Profile)
		o.exact["/debug/pprof/trace"] = reading(pprof.Trace)
		o.below["/debug/pprof/"] = reading(pprof.Index)
	}
	return o
}

// operations is a router of a handful of fixed paths.
type operations struct {
	exact map[string]http.Handler
	below map[string]http.Handler // by prefix
	hosts hosts
}

// ServeHTTP implements http.Handler.
func (o *operations) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	if !o.hosts.allow(r) {
		problem(w, http.StatusMisdirectedRequest, "host_not_allowed", "This listener does not serve the host of the request.")
		return
	}
	if handler := o.route(r.URL.Path); handler != nil {
		handler.ServeHTTP(w, r)
		return
	}
	problem(w, http.StatusNotFound, "not_found", "There is nothing at this path.")
}

func (o *operations) route(path string) http.Handler {
	if handler, ok := o.exact[path]; ok {
		return handler
	}
	for prefix, handler := range o.below {
		if strings.HasPrefix(path, prefix) {
			return handler
		}
	}
	return nil
}

// reading refuses every method but GET and HEAD.
func reading(handler http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			problem(w, http.StatusMethodNotAllowed, "method_not_allowed", "Only GET and HEAD are possible here.")
			return
		}
		handler(w, r)
	})
}

// livez says that the process serves, and nothing of what it depends on: a
// restart would not mend that.
func livez(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok\n") }
