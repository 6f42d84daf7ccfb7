package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric/noop"

	"authserve/adapters/inbound/cli"
	"authserve/adapters/outbound/passhash"
	"authserve/adapters/outbound/passhash/sizing"
	"authserve/adapters/outbound/passhash/worker"
	"authserve/adapters/outbound/system"
	"authserve/core/domain"
	"authserve/ports"
)

// doctor looks at the configuration, at password hashing, at mail and at Redis, and changes
// nothing. The database has a doctor of its own.
func doctor(ctx context.Context, c cli.Config) []cli.Check {
	cfg, err := load(c)
	if err != nil {
		check := cli.Check{Name: "configuration", Status: cli.CheckFail, Summary: "it cannot be used", Advice: "Mend what is listed; `authserve config --help` lists every setting."}
		var faults Faults
		if errors.As(err, &faults) {
			for _, f := range faults {
				check.Facts = append(check.Facts, f.String())
			}
		} else {
			check.Facts = append(check.Facts, err.Error())
		}
		return []cli.Check{check}
	}
	check := cli.Check{Name: "configuration", Status: cli.CheckOK, Summary: "valid", Facts: cfg.warnings}
	if len(cfg.warnings) > 0 {
		check.Status, check.Summary = cli.CheckWarn, "valid, with warnings"
	}
	checks := []cli.Check{check, checkHashing(ctx, cfg), checkDatabase(cfg), checkMail(cfg)}
	if !cfg.Redis.URL.IsZero() {
		checks = append(checks, checkRedis(ctx, cfg))
	}
	return checks
}

// checkDatabase looks whether there is one.
func checkDatabase(cfg Config) cli.Check {
	check := cli.Check{Name: "database", Status: cli.CheckOK, Summary: "not asked: see `authserve migrate doctor`"}
	m, err := migratorOf(cfg, nil)
	if err != nil {
		return check // which tells
	}
	if absent, err := m.Absent(); err == nil && absent {
		return absentDatabase(m.String())
	}
	return check
}

// hashOverhead is what a worker process has beside the memory of its hashes: the
// program itself and the garbage of the job before.
const hashOverhead = 15 << 20

// hashMemory bounds what all workers together take, in bytes: the memory of a job
// that has just ended can still stand beside that of the next.
func hashMemory(workers int, cost int64) int64 { return int64(workers) * (2*cost + hashOverhead) }

// checkHashing starts the workers that the service would start and times them.
func checkHashing(ctx context.Context, cfg Config) cli.Check {
	check := cli.Check{Name: "password hashing", Status: cli.CheckOK}
	failed := func(err error) cli.Check {
		check.Status, check.Summary = cli.CheckFail, "no password can be hashed"
		check.Facts = append(check.Facts, err.Error())
		return check
	}
	plan := hashPlan(cfg, true)
	check.Facts = append(check.Facts, plan.Why...)
	pool, err := newHashRunner(cfg, plan, true, noop.NewMeterProvider(), worker.Events{}) //nolint:contextcheck // the pool outlives the call, and counts for nobody
	if err != nil {
		return failed(err)
	}
	defer pool.Close()
	if err := pool.Settle(ctx); err != nil {
		return failed(err)
	}
	state := pool.State()
	slots := plan.Workers
	if state.Isolation == worker.None {
		slots = plan.InProcess
	}
	engine, err := passhash.New(hashConfig(cfg.Password, slots), passhash.Deps{ //nolint:contextcheck // as above
		Runner: pool, Random: system.Random{}, Clock: system.Clock{}, Sealer: noPepper{}, Meters: noop.NewMeterProvider(),
	})
	if err != nil {
		return failed(err)
	}
	defer engine.Close()
	took, err := timeHashes(ctx, engine, slots)
	if err != nil {
		return failed(err)
	}
	check.Facts = append(check.Facts, state.Why)
	describe(&check, cfg, plan, state, slots, took)
	return check
}

// describe says what was found, and what to do about it.
func describe(check *cli.Check, cfg Config, plan sizing.Plan, state worker.State, slots int, took time.Duration) {
	where, bound := fmt.Sprintf("%d at a time in processes at nice %d", slots, cfg.Password.Nice), "at most"
	if state.Isolation == worker.None {
		where, bound = fmt.Sprintf("%d at a time inside the service", slots), "about"
	}
	settings, err := hashConfig(cfg.Password, slots).Settings()
	if err != nil {
		return // the engine has told
	}
	check.Summary = fmt.Sprintf("%s, %s", where, settings)
	memory := hashMemory(slots, settings.Memory())
	check.Facts = append(check.Facts,
		fmt.Sprintf("One hash took %d ms with all workers busy: about %.0f logins a second.", took.Milliseconds(), float64(slots)/took.Seconds()),
		fmt.Sprintf("At most %d more wait; those that would wait past their deadline are refused at once.", cfg.Password.Queue),
		fmt.Sprintf("Memory for hashes: %s %d MiB.", bound, memory>>20),
	)
	advise := func(format string, args ...any) {
		check.Status, check.Advice = cli.CheckWarn, fmt.Sprintf(format, args...)
	}
	switch {
	case plan.Memory > 0 && memory > plan.Memory/2:
		advise("That is more than half of the control group's %d MiB: raise its memory limit, or lower password.workers.", plan.Memory>>20)
	case state.Isolation == worker.None && runtime.GOOS != "linux":
		advise("A storm of logins will slow other requests. In production run the service on Linux.")
	case state.Isolation == worker.None && cfg.Password.Isolation == IsolationAuto:
		advise("A storm of logins will slow other requests. Let the service start child processes, or set password.isolation to none to silence this.")
	case took > time.Second:
		advise("A login takes longer than a second: lower the cost, or give the service faster cores. If other programs keep the cores busy now, hashes wait for them: give the service cores of its own, or another password.nice.")
	case took < 10*time.Millisecond:
		advise("That is cheap for an attacker as well: raise password.argon2_memory_kib or the cost.")
	}
}

// timeHashes lets every worker make some hashes and returns what one takes.
func timeHashes(ctx context.Context, hasher ports.Hasher, workers int) (time.Duration, error) {
	const each = 4
	ctx = asOperator(ctx)
	once := func(n int) error {
		errs := make([]error, workers)
		var group sync.WaitGroup
		for i := range workers {
			group.Go(func() {
				for range n {
					if _, err := hasher.Hash(ctx, domain.PresentedPassword("a password to measure with")); err != nil {
						errs[i] = err
						return
					}
				}
			})
		}
		group.Wait()
		return errors.Join(errs...)
	}
	if err := once(1); err != nil { // the first takes its memory from the system
		return 0, err
	}
	var clock system.Clock
	begun := clock.Now()
	err := once(each)
	return clock.Now().Sub(begun) / each, err
}

// noPepper is a keyring for measuring: the time of an HMAC is nothing beside a hash.
type noPepper struct{ ports.Sealer }

// ActiveKey implements ports.Sealer.
func (noPepper) ActiveKey() string { return "none" }

// MAC implements ports.Sealer.
func (noPepper) MAC(context.Context, ports.Purpose, string, []byte) ([]byte, error) {
	return make([]byte, 32), nil
}
