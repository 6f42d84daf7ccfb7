package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/signal"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"go.uber.org/fx"

	"authserve/adapters/inbound/cli"
	"authserve/adapters/outbound/entstore"
	"authserve/core/account"
	"authserve/core/admin"
	"authserve/core/domain"
	"authserve/ports"
)

// Main is the whole program: it runs one command line, without the program's name,
// and returns the exit code. SIGINT and SIGTERM end the command's context.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if code, is := hashWorker(args, stdin, stdout); is {
		return code // nothing else is started in a worker process
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	p := program{stdout: stdout, stderr: stderr}
	return cli.Run(ctx, p.actions(), cli.Streams{In: stdin, Out: stdout, Err: stderr}, args)
}

// program is what the commands of one process share.
type program struct{ stdout, stderr io.Writer }

func (p program) actions() cli.Actions {
	return cli.Actions{
		Settings:      ConfigFlags(),
		Version:       buildVersion(),
		Serve:         p.serve,
		MigrateUp:     migration(p, (*entstore.Migrator).Up),
		MigrateDown:   p.migrateDown,
		MigrateStatus: looking(p, (*entstore.Migrator).Status),
		MigratePlan:   looking(p, (*entstore.Migrator).Plan),
		MigrateDoctor: migrateDoctor,
		CreateUser:    p.createUser,
		ImportUsers:   p.importUsers,
		CreateBackup:  createBackup,
		VerifyBackup:  verifyBackup,
		RestoreBackup: p.restoreBackup,
		AuditActions:  cli.AuditActions{VerifyAudit: p.verifyAudit, AuditHead: p.auditHead},
		Export:        p.exportAll,
		Import:        p.importAll,
		Doctor:        doctor,
		CheckConfig:   checkConfiguration,
		HealthURL:     healthURL,
	}
}

// load reads the configuration as the command line says, with every check that
// `serve` makes before it opens anything.
func load(c cli.Config) (Config, error) {
	cfg, _, err := Load(LoadInput{Environ: os.Environ(), File: c.File, Flags: c.Flags})
	if err != nil && !errors.As(err, new(Faults)) {
		return Config{}, err
	}
	return cfg, cfg.check()
}

func checkConfiguration(_ context.Context, c cli.Config) (cli.ConfigReport, error) {
	cfg, err := load(c)
	return cli.ConfigReport{YAML: cfg.YAML(), Warnings: cfg.warnings}, err
}

func (p program) serve(ctx context.Context, c cli.Config) error {
	cfg, err := load(c)
	if err != nil {
		return err
	}
	app, err := New(WithConfig(cfg), WithContext(ctx), WithLogWriter(p.stdout), withHashWorkers)
	if err != nil {
		return stopped(ctx, err)
	}
	return app.run(ctx, func() error { return p.announce(app) })
}

// announce tells a developer what to try. Production has the log line.
func (p program) announce(app *App) error {
	if app.cfg.Env != Development || app.cfg.Log.Format != "console" {
		return nil
	}
	data, err := migratorOf(app.cfg, nil) // for its name alone
	if err != nil {
		return err
	}
	base := "http://" + reachable(app.HTTPAddr())
	_, err = fmt.Fprintf(p.stdout, `
authserve listens on %[1]s (operations: http://%[2]s), data in %[3]s.

Try it:
  curl -s %[1]s/api/v1/auth/register -H 'Content-Type: application/json' \
       -d '{"email":"ada@example.com","password":"correct horse battery staple"}'
  curl -s %[1]s/api/v1/auth/login -H 'Content-Type: application/json' \
       -d '{"identifier":"ada@example.com","password":"correct horse battery staple"}'

The first administrator:  %[4]s user create --email you@example.com --role admin
Stop with Ctrl-C.

`, base, reachable(app.OpsAddr()), data, programName())
	return err
}

// migrateDown reverts a migration, which drops what a running service works on.
func (p program) migrateDown(ctx context.Context, c cli.Config, dropData bool) ([]ports.Migration, error) {
	return alone(c, func(cfg Config) ([]ports.Migration, error) {
		m, err := p.migrator(cfg)
		if err != nil {
			return nil, err
		}
		if dropData {
			return m.DownWithData(ctx)
		}
		return m.Down(ctx)
	})
}

// programName is how the reader can call this program again.
func programName() string {
	if strings.Contains(os.Args[0], "/go-build") { // `go run .` builds into its cache
		return "go run ."
	}
	return os.Args[0]
}

// looking is migration for a method that makes nothing. It says where there is no database.
func looking[Step any](p program, run func(*entstore.Migrator, context.Context) ([]Step, error)) func(context.Context, cli.Config) ([]Step, error) {
	return migration(p, func(m *entstore.Migrator, ctx context.Context) ([]Step, error) {
		absent, err := m.Absent()
		if err != nil {
			return nil, err
		}
		if absent {
			_, _ = fmt.Fprintf(p.stderr, "%s is not there: if it should be, look at database.url and data_dir\n", m)
		}
		return run(m, ctx)
	})
}

// migration runs one method of the migrator of the configured store.
func migration[Step any](p program, run func(*entstore.Migrator, context.Context) ([]Step, error)) func(context.Context, cli.Config) ([]Step, error) {
	return func(ctx context.Context, c cli.Config) ([]Step, error) {
		cfg, err := load(c)
		if err != nil {
			return nil, err
		}
		m, err := p.migrator(cfg)
		if err != nil {
			return nil, err
		}
		return run(m, ctx)
	}
}

// waiting tells why nothing happens.
func (p program) waiting(holder string) { _, _ = fmt.Fprintln(p.stderr, waitingForLock(holder)) }

func waitingForLock(holder string) string { return "waiting for the migration lock, held by " + holder }

// migrator is migratorOf for whoever waits for the lock.
func (p program) migrator(cfg Config) (*entstore.Migrator, error) { return migratorOf(cfg, p.waiting) }

// requireDatabase fails where there is no database yet: to open it would make one.
func requireDatabase(cfg Config) error {
	m, err := migratorOf(cfg, nil)
	if err != nil {
		return err
	}
	absent, err := m.Absent()
	if err == nil && absent {
		err = fmt.Errorf("%s is not there: look at database.url and data_dir", m)
	}
	return err
}

func migratorOf(cfg Config, waiting func(holder string)) (*entstore.Migrator, error) {
	entCfg, err := storeConfig(cfg, waiting)
	if err != nil {
		return nil, err
	}
	return entstore.NewMigrator(entCfg)
}

func (p program) createUser(ctx context.Context, c cli.Config, n admin.NewAccount) (created domain.Account, err error) {
	err = withCore(ctx, p, c, func(ctx context.Context, s *admin.Service) error {
		created, err = s.CreateAccount(ctx, n)
		return err
	})
	return created, err
}

func (p program) importUsers(ctx context.Context, c cli.Config, rows iter.Seq2[account.ImportRow, error], o account.ImportOptions) (report account.ImportReport, err error) {
	err = withCore(ctx, p, c, func(ctx context.Context, s *account.Service) error {
		report, err = s.Import(ctx, rows, o)
		return err
	})
	return report, err
}

// withCore runs fn with a use case on the configured store, as the operating-system user.
func withCore[S any](ctx context.Context, p program, c cli.Config, fn func(context.Context, S) error) error {
	cfg, err := load(c)
	if err != nil {
		return err
	}
	var service S
	return p.withDatabase(ctx, cfg, cfg.Database.Migrate, fx.Populate(&service), func(database) error {
		return fn(asOperator(ctx), service)
	})
}

// withDatabase builds the configured store and what more asks for, without listeners or
// workers, checks its schema or brings it up to date as mode says, runs fn, and closes
// everything again.
func (p program) withDatabase(ctx context.Context, cfg Config, mode MigrateMode, more fx.Option, fn func(database) error) (err error) {
	var db database
	opened := &closers{}
	if err := build(options{config: &cfg, ctx: ctx, waiting: p.waiting, logWriter: discard{}}, opened, fx.Options(fx.Populate(&db), more)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.close()) }()
	if err := db.migrate(ctx, mode); err != nil {
		return fmt.Errorf("database schema: %w", err)
	}
	return fn(db)
}

// asOperator makes the operating-system user the actor.
func asOperator(ctx context.Context) context.Context {
	return domain.WithActor(ctx, domain.Actor{Kind: domain.ActorOperator, ID: operator()})
}

// operator names the operating-system user for the audit log.
func operator() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "uid " + strconv.Itoa(os.Getuid())
}

func healthURL(_ context.Context, c cli.Config) (string, error) {
	cfg, err := load(c)
	if err != nil {
		return "", err
	}
	return cfg.HealthURL()
}

// discard is a log that nobody reads.
type discard struct{}

// Write implements io.Writer.
func (discard) Write(p []byte) (int, error) { return len(p), nil }

// Sync implements zapcore.WriteSyncer.
func (discard) Sync() error { return nil }
