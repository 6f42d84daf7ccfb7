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
	p := program{stdout: stdout}
	return cli.Run(ctx, p.actions(), cli.Streams{In: stdin, Out: stdout, Err: stderr}, args)
}

// program is what the commands of one process share.
type program struct{ stdout io.Writer }

func (p program) actions() cli.Actions {
	return cli.Actions{
		Settings:      ConfigFlags(),
		Version:       buildVersion(),
		Serve:         p.serve,
		MigrateUp:     migration(ports.Migrator.Up),
		MigrateDown:   migrateDown,
		MigrateStatus: migration(ports.Migrator.Status),
		MigratePlan:   migration(ports.Migrator.Plan),
		MigrateDoctor: migrateDoctor,
		CreateUser:    createUser,
		ImportUsers:   importUsers,
		CreateBackup:  createBackup,
		VerifyBackup:  verifyBackup,
		RestoreBackup: restoreBackup,
		Export:        exportAll,
		Import:        importAll,
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
	base := "http://" + reachable(app.HTTPAddr())
	_, err := fmt.Fprintf(p.stdout, `
authserve listens on %[1]s (operations: http://%[2]s), data in %[3]s.

Try it:
  curl -s %[1]s/api/v1/auth/register -H 'Content-Type: application/json' \
       -d '{"email":"ada@example.com","password":"correct horse battery staple"}'
  curl -s %[1]s/api/v1/auth/login -H 'Content-Type: application/json' \
       -d '{"identifier":"ada@example.com","password":"correct horse battery staple"}'

The first administrator:  %[4]s user create --email you@example.com --role admin
Stop with Ctrl-C.

`, base, reachable(app.OpsAddr()), app.cfg.DataDir, programName())
	return err
}

// migrateDown takes the data directory for itself: reverting a migration drops what
// a running service works on.
func migrateDown(ctx context.Context, c cli.Config) (reverted []ports.Migration, err error) {
	cfg, err := load(c)
	if err != nil {
		return nil, err
	}
	dir, err := openDataDir(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	release, err := dir.lock()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	return migration(ports.Migrator.Down)(ctx, c)
}

// programName is how the reader can call this program again.
func programName() string {
	if strings.Contains(os.Args[0], "/go-build") { // `go run .` builds into its cache
		return "go run ."
	}
	return os.Args[0]
}

// migration runs one method of the migrator of the configured store.
func migration[Step any](run func(ports.Migrator, context.Context) ([]Step, error)) func(context.Context, cli.Config) ([]Step, error) {
	return func(ctx context.Context, c cli.Config) ([]Step, error) {
		cfg, err := load(c)
		if err != nil {
			return nil, err
		}
		entCfg, err := storeConfig(cfg)
		if err != nil {
			return nil, err
		}
		m, err := entstore.NewMigrator(entCfg)
		if err != nil {
			return nil, err
		}
		return run(m, ctx)
	}
}

func createUser(ctx context.Context, c cli.Config, n admin.NewAccount) (created domain.Account, err error) {
	err = withCore(ctx, c, func(ctx context.Context, s *admin.Service) error {
		created, err = s.CreateAccount(ctx, n)
		return err
	})
	return created, err
}

func importUsers(ctx context.Context, c cli.Config, rows iter.Seq2[account.ImportRow, error], o account.ImportOptions) (report account.ImportReport, err error) {
	err = withCore(ctx, c, func(ctx context.Context, s *account.Service) error {
		report, err = s.Import(ctx, rows, o)
		return err
	})
	return report, err
}

// withCore builds a use case on the configured store, without listeners or workers,
// brings the schema up to date, runs fn as the operating-system user, and closes
// everything again.
func withCore[S any](ctx context.Context, c cli.Config, fn func(context.Context, S) error) error {
	cfg, err := load(c)
	if err != nil {
		return err
	}
	var db database
	var service S
	opened := &closers{}
	if err := build(options{config: &cfg, ctx: ctx, logWriter: discard{}}, opened, fx.Populate(&db, &service)); err != nil {
		return err
	}
	if err = db.migrate(ctx, cfg.Database.Migrate); err != nil {
		err = fmt.Errorf("database schema: %w", err)
	} else {
		err = fn(asOperator(ctx), service)
	}
	return errors.Join(err, opened.close())
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
