package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sync/errgroup"

	"authserve/adapters/outbound/passhash/scheme"
	"authserve/bootstrap/bench/load"
	"authserve/bootstrap/harness"
)

// The settings under which everything is measured: the product's defaults.
const (
	argon2Memory = 19 * 1024 // KiB
	argon2Time   = 2
	bcryptCost   = 12
)

// algorithm is one way to hash.
type algorithm string

const (
	argon2id algorithm = "argon2id"
	bcrypt12 algorithm = "bcrypt"
)

func algorithms() []algorithm { return []algorithm{argon2id, bcrypt12} }

// String names the algorithm with its cost.
func (a algorithm) String() string {
	if a == bcrypt12 {
		return fmt.Sprintf("bcrypt %d", bcryptCost)
	}
	return string(a)
}

// settings are those of the product's scheme.
func (a algorithm) settings() (scheme.Settings, error) {
	if a == bcrypt12 {
		return scheme.Bcrypt(bcryptCost)
	}
	return scheme.Argon2id(argon2Memory, argon2Time, 1)
}

// environ is the configuration of a service that hashes so.
func (a algorithm) environ() []string {
	return []string{
		"AUTHSERVE_PASSWORD_ALGORITHM=" + string(a),
		fmt.Sprintf("AUTHSERVE_PASSWORD_ARGON2_MEMORY_KIB=%d", argon2Memory),
		fmt.Sprintf("AUTHSERVE_PASSWORD_ARGON2_TIME=%d", argon2Time),
		fmt.Sprintf("AUTHSERVE_PASSWORD_BCRYPT_COST=%d", bcryptCost),
	}
}

// rawSpec asks for hashes in a plain loop.
type rawSpec struct {
	Algorithm algorithm
	Window    load.Window
}

// rawResult is what they cost.
type rawResult struct {
	CPU       time.Duration // of one hash
	PerSecond float64
}

// hashRaw hashes in as many goroutines as there are cores, with nothing around it.
func hashRaw(ctx context.Context, spec rawSpec) (rawResult, error) {
	password, salt := []byte(harness.Password), make([]byte, 16)
	hash := func() error {
		argon2.IDKey(password, salt, argon2Time, argon2Memory, 1, 32)
		return nil
	}
	if spec.Algorithm == bcrypt12 {
		stored, err := bcrypt.GenerateFromPassword(password, bcryptCost)
		if err != nil {
			return rawResult{}, err
		}
		hash = func() error { return bcrypt.CompareHashAndPassword(stored, password) }
	}
	// Until its heap has its size, a process pays for pages rather than for hashes.
	if _, err := repeat(ctx, spec.Window.From(), hash); err != nil {
		return rawResult{}, err
	}
	before, began := ownCPU(), now()
	n, err := repeat(ctx, spec.Window.Until(), hash)
	if err != nil {
		return rawResult{}, err
	}
	return rawResult{
		CPU:       (ownCPU() - before) / time.Duration(n),
		PerSecond: float64(n) / now().Sub(began).Seconds(),
	}, nil
}

// repeat does the work on every core until the time, at least once each, and
// returns how often.
func repeat(ctx context.Context, until time.Time, work func() error) (int64, error) {
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range cores() {
		group.Go(func() error {
			for {
				if err := errors.Join(work(), ctx.Err()); err != nil {
					return err
				}
				if done.Add(1); !now().Before(until) {
					return nil
				}
			}
		})
	}
	err := group.Wait()
	return done.Load(), err
}

// ownCPU is the CPU time of this process.
func ownCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0 // it cannot fail with these arguments
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// burn keeps one core half busy until ctx ends: 10 ms of work, 10 ms of rest.
func burn(ctx context.Context) error {
	const half = 10 * time.Millisecond
	for next := now(); ctx.Err() == nil; next = next.Add(2 * half) {
		for now().Before(next.Add(half)) { // nothing else: that is the work
		}
		load.Precisely(next.Add(2 * half))
	}
	return nil
}
