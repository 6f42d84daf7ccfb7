package bootstrap

import (
	"io"
	"os"
	"runtime"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"authserve/adapters/outbound/passhash"
	"authserve/adapters/outbound/passhash/sizing"
	"authserve/adapters/outbound/passhash/worker"
)

// HashWorkers lets the service compute password hashes in child processes of low
// priority: this same program, started again with a hidden command. It must come
// first in main, and only programs that call it may have such children: in a child
// it does not return.
//
//	func main() {
//		workers := bootstrap.HashWorkers()
//		app, err := bootstrap.New(workers, …)
//
// Without it hashes are computed inside the service.
func HashWorkers() Option {
	if code, is := hashWorker(os.Args[1:], os.Stdin, os.Stdout); is {
		os.Exit(code)
	}
	return withHashWorkers
}

func withHashWorkers(o *options) { o.hashWorkers = true }

// hashWorker is the life of a child, where args say that this process is one.
func hashWorker(args []string, in io.Reader, out io.Writer) (code int, is bool) {
	if len(args) == 0 || args[0] != worker.Command {
		return 0, false
	}
	return worker.Main(passhash.Compute, args[1:], in, out), true
}

// newEngine makes the password engine. Its children start at once and are not waited
// for, unless the configuration insists on them.
func newEngine(cfg Config, o options, deps passhash.Deps, logger *zap.Logger, opened *closers) (*passhash.Engine, error) {
	plan := hashPlan(cfg, o.hashWorkers)
	runner, err := newHashRunner(cfg, plan, o.hashWorkers, deps.Meters, worker.Events{
		Ended: func(_, pid int, reason worker.Reason, cause error) {
			fields := []zap.Field{zap.Int("pid", pid), zap.String("reason", string(reason)), zap.Error(cause)}
			switch reason {
			case worker.Closed:
			case worker.NoStart, worker.NoGreeting:
				logger.Warn("no worker process can be started: password hashes run inside the service", fields...)
			default:
				logger.Warn("a worker process for password hashes ended", fields...)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	deps.Runner = runner
	engineConfig := hashConfig(cfg.Password, plan.Workers)
	engine, err := passhash.New(engineConfig, deps)
	if err != nil {
		runner.Close()
		return nil, err
	}
	opened.add(func() error { engine.Close(); return nil })
	settings, _ := engineConfig.Settings() // New has taken them
	logger.Info("password hashing", zap.Stringer("settings", settings), zap.String("isolation", string(hashIsolation(cfg, o.hashWorkers))),
		zap.Int("workers", plan.Workers), zap.Int("queue", cfg.Password.Queue), zap.Strings("why", plan.Why))
	return engine, nil
}

// hashPlan is how many hashes run at a time. Without children the workers are those
// inside the service.
func hashPlan(cfg Config, children bool) sizing.Plan {
	var memory int64
	if settings, err := hashConfig(cfg.Password, 0).Settings(); err == nil { // otherwise nothing will run
		memory = settings.Memory()
	}
	plan := sizing.Make(os.DirFS("/"), runtime.NumCPU(), cfg.Password.Workers, hashMemory(1, memory))
	if hashIsolation(cfg, children) == worker.None {
		if cfg.Password.Workers == 0 {
			plan.Workers = plan.InProcess
		}
		plan.InProcess = plan.Workers
	}
	return plan
}

// hashIsolation is what is configured, as far as this program can do it.
func hashIsolation(cfg Config, children bool) worker.Isolation {
	if !children {
		return worker.None
	}
	return worker.Isolation(cfg.Password.Isolation)
}

func newHashRunner(cfg Config, plan sizing.Plan, children bool, meters metric.MeterProvider, events worker.Events) (*worker.Pool, error) {
	return passhash.NewWorkers(worker.Config{
		Isolation: hashIsolation(cfg, children),
		Slots:     plan.Workers,
		InProcess: plan.InProcess,
		Nice:      cfg.Password.Nice,
		Events:    events,
	}, meters)
}

func hashConfig(p PasswordConfig, slots int) passhash.Config {
	return passhash.Config{
		Algorithm:         p.Algorithm,
		Argon2Memory:      uint32(p.Argon2MemoryKiB),  //nolint:gosec // the configuration bounds it
		Argon2Time:        uint32(p.Argon2Time),       //nolint:gosec // as above
		Argon2Parallelism: uint8(p.Argon2Parallelism), //nolint:gosec // as above
		BcryptCost:        p.BcryptCost,
		Pepper:            p.Pepper,
		Workers:           slots,
		Queue:             p.Queue,
	}
}
