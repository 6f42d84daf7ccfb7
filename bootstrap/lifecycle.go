package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"authserve/adapters/inbound/worker"
	"authserve/adapters/outbound/telemetry"
	"authserve/core/admin"
	"authserve/core/token"
	"authserve/ports"
)

func lifecycleModule() fx.Option {
	return fx.Module("lifecycle", fx.Provide(newGate, newService))
}

// lastSteps bounds what comes after the requests: workers, telemetry, the store.
const lastSteps = 5 * time.Second

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
	Replicas  *replicas
	Tokens    *token.Service
	Admin     *admin.Service
	Worker    *worker.Runner
	Audit     *auditLog
	Listeners *listeners
	Handlers  handlers
	Gate      *gate
	Readiness *readiness
	Opened    *closers
}

// newService takes what fx built. Start and stop are one sequence each, and not fx
// hooks: the order matters more than who depends on whom, and fx gives up on a hook
// whose context ends while the hook still runs.
func newService(p parts) *service {
	return &service{p: p, failed: make(chan error, 2)}
}

// start serves, waits for the database, brings up schema, keys and workers, and then
// lets requests in.
func (s *service) start(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSteps)
			defer cancel()
			err = errors.Join(err, s.p.Listeners.http.Shutdown(last), s.p.Listeners.ops.Shutdown(last),
				s.p.Telemetry.Shutdown(last), s.p.Opened.close())
		}
	}()
	for _, w := range s.p.Config.warnings {
		s.p.Telemetry.Logger.Warn("configuration", zap.String("warning", w))
	}
	s.watch(func() error { return s.p.Listeners.ops.Serve(s.p.Handlers.ops) })
	s.watch(func() error { return s.p.Listeners.http.Serve(s.p.Gate) })
	if err := s.await(ctx); err != nil {
		return err
	}
	select {
	case err := <-s.failed: // a listener, while the last try was under way
		return err
	default:
	}
	s.p.Replicas.start() //nolint:contextcheck // as the tasks
	s.p.Worker.Start()   //nolint:contextcheck // the tasks outlive the start
	s.p.Gate.open.Store(true)
	s.p.Readiness.open.Store(true)
	if len(s.failed) > 0 { // just now; Run ends the service. One that dies later closes readiness behind us
		s.p.Readiness.open.Store(false)
	}
	s.p.Telemetry.Logger.Info("listening",
		zap.String("http_addr", s.p.Listeners.httpAddr), zap.String("ops_addr", s.p.Listeners.opsAddr),
		zap.String("issuer", s.p.Listeners.issuer), zap.String("version", buildVersion().Version))
	return nil
}

// await prepares the database, again and again while it is not there. What waiting
// does not mend ends the start.
func (s *service) await(ctx context.Context) error {
	log := s.p.Telemetry.Logger
	for n := 1; ; n++ {
		err := s.prepare(ctx)
		switch {
		case err == nil:
			if n > 1 {
				log.Info("the database is ready", zap.Int("attempt", n))
			}
			return nil
		case !mends(err):
			return err
		case ctx.Err() != nil:
			return errors.Join(ctx.Err(), err)
		}
		pause := pauseAfter(n)
		log.Warn("the database is not ready: every call is answered 503 until it is", zap.Error(err),
			zap.Int("attempt", n), zap.Duration("retry_in", pause),
			zap.String("http_addr", s.p.Listeners.httpAddr), zap.String("ops_addr", s.p.Listeners.opsAddr))
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(ctx.Err(), err)
		case died := <-s.failed:
			timer.Stop()
			return died
		}
	}
}

// prepare brings the database to where requests can be served.
func (s *service) prepare(ctx context.Context) error {
	if err := s.p.Database.reach(ctx); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	if err := s.p.Database.migrate(ctx, s.p.Config.Database.Migrate); err != nil {
		return fmt.Errorf("database schema: %w", err)
	}
	if err := s.p.Tokens.EnsureKeys(ctx); err != nil {
		return fmt.Errorf("signing keys: %w", err)
	}
	return nil
}

// mends reports that err can go away by itself.
func mends(err error) bool {
	return errors.Is(err, ports.ErrUnavailable) && !errors.Is(err, ports.ErrUnusable)
}

const (
	firstPause   = 250 * time.Millisecond
	longestPause = 15 * time.Second
)

// pauseAfter is how long to wait after so many tries: the double each time.
func pauseAfter(n int) time.Duration {
	pause := firstPause
	for ; n > 1 && pause < longestPause; n-- {
		pause *= 2
	}
	return min(pause, longestPause)
}

// watch runs a listener. One that ends by itself ends the service.
func (s *service) watch(serve func() error) {
	go func() {
		if err := serve(); err != nil {
			s.failed <- err
			s.p.Readiness.open.Store(false)
			s.p.Telemetry.Logger.Error("a listener died", zap.Error(err))
		}
	}()
}

// stop ends in the opposite order of need: no new requests, those under way finish
// while ctx allows, then the workers, then the last spans and metrics leave, and the
// store closes when nobody can need it. Each step happens whatever became of the
// one before. A collector that does not answer is no failure of the service.
func (s *service) stop(ctx context.Context) error {
	log := s.p.Telemetry.Logger
	s.p.Readiness.open.Store(false)
	log.Info("draining")
	drained := s.p.Listeners.http.Shutdown(ctx)

	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSteps)
	defer cancel()
	err := errors.Join(drained, s.p.Worker.Stop(last), s.p.Replicas.stop(last), s.p.Listeners.ops.Shutdown(last))
	if err != nil {
		log.Warn("not everything finished in time", zap.Error(err))
	}
	if left := s.p.Audit.finish(last); left != nil {
		log.Warn("not every audit event was sealed", zap.Error(left))
	}
	if flushed := s.p.Telemetry.Shutdown(last); flushed != nil {
		log.Warn("the last spans and metrics did not leave", zap.Error(flushed))
	}
	err = errors.Join(err, s.p.Opened.close())
	log.Info("stopped")
	return err
}
