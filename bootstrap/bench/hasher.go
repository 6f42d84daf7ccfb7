package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"syscall"

	"authserve/adapters/outbound/passhash/scheme"
	"authserve/adapters/outbound/system"
	"authserve/bootstrap"
	"authserve/core/domain"
	"authserve/ports"
)

// The other ways to run a hash: all of them inside the service's process.
const (
	unbounded  = "unbounded"  // in the goroutine of the request
	slots      = "slots"      // as many at a time as there are cores
	fewerSlots = "fewer"      // one fewer
	lowThreads = "lowthreads" // threads at the lowest priority, one for each core
)

// serveHasher is `authserve serve` with a hasher that runs one of these ways.
func serveHasher(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet(commandServe, flag.ExitOnError)
	way := flags.String("hasher", "", "how hashes run")
	a := flags.String("algorithm", "", "what they are")
	if err := flags.Parse(args); err != nil {
		return err
	}
	settings, err := algorithm(*a).settings()
	if err != nil {
		return err
	}
	h := plainHasher{settings: settings}
	switch *way {
	case unbounded:
		h.run = func(_ context.Context, work func()) error { work(); return nil }
	case slots:
		h.run = bySlots(cores())
	case fewerSlots:
		h.run = bySlots(max(cores()-1, 1))
	case lowThreads:
		h.run = byThreads(cores())
		runtime.GOMAXPROCS(cores() + 2)
	default:
		return fmt.Errorf("unknown hasher %q", *way)
	}
	app, err := bootstrap.New(bootstrap.WithHasher(h), bootstrap.WithContext(ctx))
	if err != nil {
		return err
	}
	return app.Run(ctx)
}

// runner runs work when its turn comes, and returns once it is done.
type runner func(ctx context.Context, work func()) error

func bySlots(n int) runner {
	free := make(chan struct{}, n)
	return func(ctx context.Context, work func()) error {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { <-free }()
		work()
		return nil
	}
}

func byThreads(n int) runner {
	jobs := make(chan func())
	for range n {
		go func() {
			runtime.LockOSThread()
			// On Linux this is about the calling thread alone, and needs no privilege.
			if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, lowestPriority); err != nil {
				panic(err)
			}
			for job := range jobs {
				job()
			}
		}()
	}
	return func(ctx context.Context, work func()) error {
		done := make(chan struct{})
		select {
		case jobs <- func() { defer close(done); work() }:
			<-done
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// plainHasher implements ports.Hasher with the product's schemes and nothing around
// them but its runner.
type plainHasher struct {
	settings scheme.Settings
	run      runner
}

var _ ports.Hasher = plainHasher{}

// Hash implements ports.Hasher.
func (h plainHasher) Hash(ctx context.Context, p domain.Password) (domain.PasswordHash, error) {
	var hash scheme.Hash
	var err error
	runErr := h.run(ctx, func() {
		hash, err = h.settings.Make([]byte(p.Reveal()), system.Random{}.Bytes(scheme.SaltSize))
	})
	if err = errors.Join(runErr, err); err != nil {
		return domain.PasswordHash{}, err
	}
	return domain.NewSecret(hash.String()), nil
}

// Rehash implements ports.Hasher.
func (h plainHasher) Rehash(ctx context.Context, p domain.Password) (domain.PasswordHash, error) {
	return h.Hash(ctx, p)
}

// Verify implements ports.Hasher.
func (h plainHasher) Verify(ctx context.Context, p domain.Password, hash domain.PasswordHash) (match, needsRehash bool, err error) {
	stored, err := scheme.Parse(hash.Reveal())
	if err != nil {
		return false, false, err
	}
	runErr := h.run(ctx, func() { match, err = stored.Matches([]byte(p.Reveal())) })
	return match, false, errors.Join(runErr, err)
}

// Dummy implements ports.Hasher.
func (h plainHasher) Dummy(string) domain.PasswordHash {
	return domain.NewSecret(h.settings.Dummy(system.Random{}.Bytes).String())
}

// Import implements ports.Hasher.
func (plainHasher) Import(domain.Secret) (domain.PasswordHash, error) {
	return domain.PasswordHash{}, ports.ErrUnsupported
}

// cores is how many cores this process may use.
func cores() int { return runtime.NumCPU() }
