package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"authserve/adapters/inbound/httpkit"
	"authserve/adapters/inbound/worker"
	"authserve/adapters/outbound/telemetry"
	"authserve/core/token"
)

func lifecycleModule() fx.Option {
	return fx.Module("lifecycle", fx.Provide(newService))
}

// service is everything that runs.
type service struct {
	p      parts
	failed chan error // a listener that died by itself
}

// parts are what a service is made of.
type parts struct {
	fx.In
	Config    Config
	Telemetry *telemetry.Telemetry
	Database  database
	Tokens    *token.Service
	Worker    *worker.Runner
	Listeners *listeners
	Handlers  handlers
	Readiness *readiness
	Opened    *closers
	Lifecycle fx.Lifecycle
}

// newService hangs the service's one start and one stop into fx. They are one
// sequence each, because the order matters more than who depends on whom.
func newService(p parts) *service {
	s := &service{p: p, failed: make(chan error, 2)}
	p.Lifecycle.Append(fx.Hook{OnStart: s.start, OnStop: s.stop})
	return s
}

// start brings up schema, keys, workers and listeners. fx does not stop what
// failed to start, so a failure cleans up here.
func (s *service) start(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, s.p.Opened.close())
		}
	}()
	if err := s.p.Database.migrate(ctx, s.p.Config.Database.Migrate); err != nil {
		return fmt.Errorf("database schema: %w", err)
	}
	if err := s.p.Tokens.EnsureKeys(ctx); err != nil {
		return fmt.Errorf("signing keys: %w", err)
	}
	s.p.Worker.Start() //nolint:contextcheck // the tasks outlive the start
	s.serve(s.p.Listeners.ops, s.p.Handlers.ops)
	s.serve(s.p.Listeners.http, s.p.Handlers.http)
	s.p.Readiness.open.Store(true)
	s.p.Telemetry.Logger.Info("listening",
		zap.String("http_addr", s.p.Listeners.httpAddr), zap.String("ops_addr", s.p.Listeners.opsAddr),
		zap.String("issuer", s.p.Listeners.issuer), zap.String("version", buildVersion().Version))
	return nil
}

func (s *service) serve(server *httpkit.Server, h http.Handler) {
	go func() {
		if err := server.Serve(h); err != nil {
			s.failed <- err
		}
	}()
}

// stop ends in the opposite order of need: no new requests, those under way
// finish, then the workers, then the last spans and metrics leave, and the store
// closes when nobody can need it.
func (s *service) stop(ctx context.Context) error {
	s.p.Readiness.open.Store(false)
	s.p.Telemetry.Logger.Info("draining")
	err := errors.Join(
		s.p.Listeners.http.Shutdown(ctx),
		s.p.Worker.Stop(ctx),
		s.p.Listeners.ops.Shutdown(ctx),
	)
	if err != nil {
		s.p.Telemetry.Logger.Warn("not everything finished in time", zap.Error(err))
	}
	s.p.Telemetry.Logger.Info("stopped")
	return errors.Join(err, s.p.Telemetry.Shutdown(ctx), s.p.Opened.close())
}
