package bootstrap

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"authserve/adapters/inbound/httpapi"
	"authserve/adapters/inbound/httpkit"
	"authserve/adapters/inbound/ops"
	"authserve/adapters/inbound/web"
	"authserve/adapters/outbound/telemetry"
	"authserve/core/account"
	"authserve/core/audit"
	"authserve/core/login"
	"authserve/core/session"
	"authserve/core/token"
	"authserve/ports"
)

func inboundModule() fx.Option {
	return fx.Module("inbound", fx.Provide(bind, newReadiness, newProbes, newHandlers))
}

// listeners are both servers, bound and not yet serving.
type listeners struct {
	http, ops         *httpkit.Server
	httpAddr, opsAddr string
	issuer            string
}

// opsWriteTimeout leaves time for a CPU profile, which takes 30 s by default.
const opsWriteTimeout = 2 * time.Minute

// bind takes both ports. This happens while the service is built, before anything
// is said to have started, because with port 0 the issuer is the bound address.
func bind(cfg Config, logger *zap.Logger, opened *closers) (*listeners, error) {
	l := &listeners{issuer: cfg.Issuer}
	for _, s := range []struct {
		addr         string
		writeTimeout time.Duration
		server       **httpkit.Server
		bound        *string
	}{
		{cfg.HTTP.Addr, cfg.HTTP.WriteTimeout, &l.http, &l.httpAddr},
		{cfg.Ops.Addr, opsWriteTimeout, &l.ops, &l.opsAddr},
	} {
		server, err := httpkit.NewServer(httpkit.ServerConfig{
			Addr:              s.addr,
			ReadHeaderTimeout: cfg.HTTP.ReadHeaderTimeout,
			ReadTimeout:       cfg.HTTP.ReadTimeout,
			WriteTimeout:      s.writeTimeout,
			IdleTimeout:       cfg.HTTP.IdleTimeout,
			MaxHeaderBytes:    cfg.HTTP.MaxHeaderBytes,
		}, logger)
		if err != nil {
			return nil, err
		}
		addr, err := server.Listen(context.Background())
		if err != nil {
			return nil, err
		}
		opened.add(func() error { return server.Shutdown(context.Background()) })
		*s.server, *s.bound = server, addr.String()
	}
	if l.issuer == "" {
		l.issuer = "http://" + reachable(l.httpAddr)
	}
	return l, nil
}

// reachable turns a bound address into one that can be called from this machine.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip.To4() == nil {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port)
}

// probe is a ports.Probe made of a name and a function.
type probe struct {
	name  string
	check func(ctx context.Context) error
}

// Name implements ports.Probe.
func (p probe) Name() string { return p.name }

// Check implements ports.Probe.
func (p probe) Check(ctx context.Context) error { return p.check(ctx) }

// readiness says whether the service should get requests: not before it has
// started, and not from the moment it drains.
type readiness struct{ open atomic.Bool }

func newReadiness() *readiness { return &readiness{} }

func (r *readiness) check(context.Context) error {
	if !r.open.Load() {
		return errors.New("starting or draining")
	}
	return nil
}

func newProbes(db database, tokens *token.Service, r *readiness) []ports.Probe {
	keys := probe{name: "keys", check: func(ctx context.Context) error {
		_, err := tokens.PublicKeys(ctx)
		return err
	}}
	return append([]ports.Probe{probe{name: "service", check: r.check}, keys}, db.probes...)
}

// handlers are what both listeners serve.
type handlers struct{ http, ops http.Handler }

// edge is what the handlers are made of.
type edge struct {
	fx.In
	Config    Config
	Listeners *listeners
	Telemetry *telemetry.Telemetry
	Tracers   trace.TracerProvider
	Meters    metric.MeterProvider
	Clock     ports.Clock
	IDs       ports.IDs
	Limiter   ports.Limiter
	Denials   *audit.Denials
	Sealer    ports.Sealer
	Probes    []ports.Probe
	Breakers  ports.Breakers
	Deliverer deliverer
	Accounts  *account.Service
	Emails    *account.Emails
	Passwords *account.Passwords
	Owners    *account.Owners
	Logins    *login.Service
	Sessions  *session.Service
	Tokens    *token.Service
}

func newRouter(e edge) (*httpkit.Router, error) {
	return httpkit.New(httpkit.Config{
		Issuer:         e.Listeners.issuer,
		TrustedProxies: e.Config.TrustedProxies,
		CORSOrigins:    e.Config.HTTP.CORSOrigins,
		RequestTimeout: e.Config.HTTP.RequestTimeout,
	}, httpkit.Deps{Logger: e.Telemetry.Logger, Tracers: e.Tracers, Meters: e.Meters, Clock: e.Clock, IDs: e.IDs, Limiter: e.Limiter, Denied: e.Denials.Denied})
}

func newHandlers(e edge) (handlers, error) {
	router, err := newRouter(e)
	if err != nil {
		return handlers{}, err
	}
	services := httpapi.Services{Accounts: e.Accounts, Emails: e.Emails, Passwords: e.Passwords, Owners: e.Owners, Logins: e.Logins, Sessions: e.Sessions, Tokens: e.Tokens}
	deps := httpapi.Deps{Sealer: e.Sealer, Meters: e.Meters, Health: ops.Ready(e.Probes), Limits: apiLimits(e.Config)}
	cfg := httpapi.Config{Issuer: e.Listeners.issuer, PrivateRegistration: e.Config.Registration.Privacy}
	if err := httpapi.Mount(router, services, cfg, deps); err != nil {
		return handlers{}, err
	}
	if err := web.MountLinkPages(router, web.LinkPagesConfig{MinPasswordLength: e.Config.Password.MinLength}); err != nil {
		return handlers{}, err
	}
	var mailbox http.Handler
	if e.Deliverer.mailbox != nil {
		mailbox = web.Mailbox(e.Deliverer.mailbox)
	}
	return handlers{http: router, ops: ops.New(ops.Deps{
		Probes: e.Probes, Breakers: e.Breakers, Metrics: e.Telemetry.Metrics,
		Mailbox: mailbox, Pprof: e.Config.Ops.Pprof, Hosts: e.Config.Ops.Hosts,
	})}, nil
}
