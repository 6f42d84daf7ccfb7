package main

import (
	"context"
	"errors"
	"os"
	"runtime"

	"go.opentelemetry.io/otel/metric/noop"

	"authserve/adapters/outbound/passhash"
	"authserve/adapters/outbound/passhash/sizing"
	"authserve/adapters/outbound/passhash/worker"
	"authserve/adapters/outbound/system"
	"authserve/bootstrap/bench/load"
	"authserve/bootstrap/harness"
	"authserve/core/domain"
)

// newEngine makes the product's engine in this process, with children of this very
// program as its workers (see main), as many as the service takes.
func newEngine(a algorithm) (*passhash.Engine, error) {
	plan := sizing.Make(os.DirFS("/"), runtime.NumCPU(), 0, 0)
	meters := noop.NewMeterProvider()
	runner, err := passhash.NewWorkers(worker.Config{
		Isolation: worker.Process, Slots: plan.Workers, InProcess: plan.InProcess, Nice: lowestPriority,
	}, meters)
	if err != nil {
		return nil, err
	}
	engine, err := passhash.New(passhash.Config{
		Algorithm: string(a), Argon2Memory: argon2Memory, Argon2Time: argon2Time, Argon2Parallelism: 1, BcryptCost: bcryptCost,
		Workers: plan.Workers, Queue: 256,
	}, passhash.Deps{Runner: runner, Random: system.Random{}, Clock: system.Clock{}, Meters: meters})
	if err != nil {
		runner.Close()
	}
	return engine, err
}

// lowestPriority is the nice value of the service's workers.
const lowestPriority = 19

// feedSpec asks for verifications without HTTP.
type feedSpec struct {
	Algorithm algorithm
	Workers   int
	Window    load.Window
}

// fedResult is how many there were.
type fedResult struct{ PerSecond float64 }

// feed lets workers verify passwords with the engine and nothing around it.
func feed(ctx context.Context, spec feedSpec) (fedResult, error) {
	engine, err := newEngine(spec.Algorithm) //nolint:contextcheck // the metrics of its workers have none
	if err != nil {
		return fedResult{}, err
	}
	defer engine.Close()
	password := domain.PresentedPassword(harness.Password)
	hash, err := engine.Hash(ctx, password)
	if err != nil {
		return fedResult{}, err
	}
	if now().After(spec.Window.Begin) {
		return fedResult{}, errTardy
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	attempts := load.Closed(ctx, spec.Window, spec.Workers, func(ctx context.Context, _ int) load.Answer {
		match, _, err := engine.Verify(ctx, password, hash)
		if err == nil && !match {
			err = errMismatch
		}
		if err != nil {
			cancel(err) // the first one says what is wrong
			return load.Answer{}
		}
		return load.Answer{Status: verified}
	})
	return fedResult{PerSecond: load.PerSecond(spec.Window, attempts, verified)}, context.Cause(ctx)
}

// verified stands for a match where there is no HTTP.
const verified = 1

var errMismatch = errors.New("the right password does not match")
