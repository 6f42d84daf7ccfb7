package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.uber.org/dig"
	"go.uber.org/fx"
	"go.uber.org/zap/zapcore"

	"authserve/adapters/outbound/smtp"
	"authserve/adapters/outbound/system"
	"authserve/adapters/outbound/telemetry"
	"authserve/core/admin"
	"authserve/core/domain"
	"authserve/ports"
)

// options are what New was told.
type options struct {
	config   *Config
	store    ports.Store
	hasher   ports.Hasher
	mailer   ports.Mailer
	breaches ports.Breaches

	hashWorkers bool // this program can be its own hash worker

	waiting   func(holder string) // is told who has the lock of migrations; nil: the log
	logWriter zapcore.WriteSyncer
	ctx       context.Context //nolint:containedctx // lives as long as the call of New
}

// Option changes what the service is made of.
type Option func(*options)

// WithConfig gives the configuration; without it New reads the environment.
func WithConfig(cfg Config) Option { return func(o *options) { o.config = &cfg } }

// WithStore replaces the store, and with it the database settings. Where the store
// also has `Probes() []ports.Probe`, readiness asks them; where it has
// `Migrator() ports.Migrator`, start-up migrates as database.migrate says; where
// it is an io.Closer, it is closed when the service has stopped.
func WithStore(s ports.Store) Option { return func(o *options) { o.store = s } }

// WithHasher replaces the password hasher.
func WithHasher(h ports.Hasher) Option { return func(o *options) { o.hasher = h } }

// WithMailer replaces SMTP and the developer mailbox.
func WithMailer(m ports.Mailer) Option { return func(o *options) { o.mailer = m } }

// WithBreaches replaces the range query for breached passwords.
func WithBreaches(b ports.Breaches) Option { return func(o *options) { o.breaches = b } }

// WithContext ends a New that waits, such as for another process that migrates.
func WithContext(ctx context.Context) Option { return func(o *options) { o.ctx = ctx } }

// WithLogWriter sends the log elsewhere than to standard output.
func WithLogWriter(w io.Writer) Option {
	return func(o *options) { o.logWriter = zapcore.Lock(zapcore.AddSync(w)) }
}

// App is one service, built and not started.
type App struct {
	cfg     Config
	service *service
}

// New builds the service. It takes the data directory for itself and binds both
// listeners, so a directory or port in use fails here. The caller starts and stops
// the result, or lets Run do both. Errors: Faults when the configuration is wrong,
// otherwise what failed first.
func New(opts ...Option) (*App, error) {
	o := options{ctx: context.Background()}
	for _, opt := range opts {
		opt(&o)
	}
	if o.config == nil {
		cfg, _, err := Load(LoadInput{Environ: os.Environ()})
		if err != nil {
			return nil, err
		}
		o.config = &cfg
	}
	if err := o.config.check(); err != nil {
		return nil, err
	}
	if cfg := o.config; cfg.Password.Isolation == IsolationProcess && !o.hashWorkers && o.hasher == nil {
		return nil, Faults{cfg.Fault("password.isolation", "is process, and this program does not call bootstrap.HashWorkers")}
	}
	release, err := lockDataDir(o.config.DataDir)
	if err != nil {
		return nil, err
	}
	opened := &closers{}
	opened.add(release)
	app := &App{cfg: *o.config}
	if err := build(o, opened, fx.Populate(&app.service)); err != nil {
		return nil, err
	}
	return app, nil
}

// check collects every fault of the configuration, those of the keys included.
func (c Config) check() error {
	faults := append(c.Faults(), masterKeyFaults(c, system.Random{})...)
	if _, err := smtp.New(smtpConfig(c)); err != nil && !c.SMTP.URL.IsZero() && c.SMTP.From != "" {
		faults = append(faults, c.Fault("smtp.url", err.Error()))
	}
	faults = append(faults, mailFaults(c)...)
	if err := telemetry.CheckEnvironment(); err != nil {
		for line := range strings.Lines(err.Error()) {
			faults = append(faults, Fault{Message: strings.TrimSpace(line), Source: "environment"})
		}
	}
	return faults.Err()
}

// build lets fx make what target asks for. What the constructors opened before one
// of them failed is closed again.
func build(o options, opened *closers, target fx.Option) error {
	graph := fx.New(
		fx.NopLogger, // errors are returned; fx's own log would only repeat them
		fx.Supply(*o.config, o, opened),
		modules(),
		target,
	)
	if err := graph.Err(); err != nil {
		return errors.Join(dig.RootCause(err), opened.close())
	}
	return nil
}

func modules() fx.Option {
	return fx.Options(telemetryModule(), storeModule(), outgoingModule(), coreModule(), inboundModule(), workerModule(), lifecycleModule())
}

// Start brings the service up: listeners, schema, keys, workers, in this order. It
// returns when the service is ready. While the database does not answer, it tries again
// until ctx ends, and every call is answered 503; see ports.ErrUnusable for what it does
// not wait for. When it fails, nothing is left running or open.
func (a *App) Start(ctx context.Context) error { return a.service.start(ctx) }

// Stop drains requests, then stops the workers, flushes telemetry and closes the
// store. It returns what could not be finished before ctx ended. Call it once, after
// a Start that succeeded, or instead of Start.
func (a *App) Stop(ctx context.Context) error { return a.service.stop(ctx) }

// stopped takes away an error that only says that ctx ended: to be told to stop is
// none.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// CreateAccount creates an account with any roles, as `authserve user create` does:
// the first administrator of a service with a store of its own. Call it between
// Start and Stop.
func (a *App) CreateAccount(ctx context.Context, n admin.NewAccount) (domain.Account, error) {
	return a.service.p.Admin.CreateAccount(asOperator(ctx), n)
}

// Run starts the service, waits until ctx ends or a listener fails, and stops it.
// To be told to stop is no error, not even while starting.
func (a *App) Run(ctx context.Context) error { return a.run(ctx, func() error { return nil }) }

func (a *App) run(ctx context.Context, started func() error) error {
	if err := a.Start(ctx); err != nil {
		return stopped(ctx, err)
	}
	err := started()
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-a.service.failed:
		}
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.cfg.HTTP.ShutdownTimeout)
	defer cancel()
	if stopErr := a.Stop(drain); stopErr != nil {
		err = errors.Join(err, fmt.Errorf("stop: %w", stopErr))
	}
	return err
}

// HTTPAddr is the address that the API is really bound to.
func (a *App) HTTPAddr() string { return a.service.p.Listeners.httpAddr }

// OpsAddr is the address that the operations listener is really bound to.
func (a *App) OpsAddr() string { return a.service.p.Listeners.opsAddr }

// closers are what must be closed when the service stops or could not be built,
// newest first.
type closers struct{ list []func() error }

func (c *closers) add(f func() error) { c.list = append(c.list, f) }

func (c *closers) close() error {
	var errs []error
	for i := len(c.list) - 1; i >= 0; i-- {
		errs = append(errs, c.list[i]())
	}
	c.list = nil
	return errors.Join(errs...)
}

// Metrics lists every metric that the service has made so far, for the documents.
func (a *App) Metrics() []telemetry.Metric { return a.service.p.Telemetry.Catalogue() }
