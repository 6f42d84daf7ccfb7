package bootstrap

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"authserve/adapters/inbound/httpkit"
	"authserve/adapters/inbound/ops"
	"authserve/ports"
)

// gate stands before the API. Until it is opened, every call is answered 503: there
// is no database yet.
type gate struct {
	open         atomic.Bool
	api, waiting http.Handler
}

var _ http.Handler = (*gate)(nil)

// ServeHTTP implements http.Handler.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.open.Load() {
		g.api.ServeHTTP(w, r)
		return
	}
	g.waiting.ServeHTTP(w, r)
}

const (
	// anyPath is every path, known or not.
	anyPath = "/{path:.*}"
	// gateRetryAfter is what callers are told: a database that restarts takes longer
	// than the second that other troubles take.
	gateRetryAfter = 5 * time.Second
)

// newGate makes a closed gate. What it answers is an answer like all others: with a
// correlation id, a line of the log, and numbers in the metrics.
func newGate(e edge, h handlers) (*gate, error) {
	waiting, err := newRouter(e)
	if err != nil {
		return nil, err
	}
	waiting.Handle(http.MethodGet, "/healthz", ops.Ready(e.Probes))
	refuse := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httpkit.WriteError(r.Context(), w, ports.ErrUnavailable.Wrap(errWaiting).WithRetryAfter(gateRetryAfter))
	})
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		waiting.Handle(method, anyPath, refuse)
	}
	return &gate{api: h.http, waiting: waiting}, nil
}

var errWaiting = errors.New("the service waits for its database")
