package passhash

import (
	"context"
	"fmt"
	"sync"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// Pool implements ports.Hasher. Its zero value is not usable; see New.
type Pool struct {
	cfg    Config
	random ports.Random
	clock  ports.Clock
	dummy  domain.PasswordHash

	slots chan struct{} // held by the jobs that run; senders are served in order

	mu       sync.Mutex
	loads    map[kind]*load
	admitted int // jobs that run or wait
	closed   bool
	jobs     sync.WaitGroup // the same, for Close
}

// New makes a pool. clock must agree with the deadlines of contexts. The error
// names every fault of cfg.
func New(cfg Config, random ports.Random, clock ports.Clock) (*Pool, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("password hashing: %w", err)
	}
	return &Pool{
		cfg: cfg, random: random, clock: clock, dummy: newDummy(cfg, random),
		slots: make(chan struct{}, cfg.Workers), loads: map[kind]*load{},
	}, nil
}

// Close refuses new work with ErrUnavailable and returns when all admitted work
// has ended. It can be called again.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.jobs.Wait()
}

// run does work of kind k when its turn comes. It is refused before any work with
// ErrOverloaded where the queue leaves it too little time, and leaves the queue at
// once when ctx ends. Work that has begun cannot be stopped: when ctx ends during
// it, run returns, and the slot stays taken until the work ends, so that what runs
// is never more than Workers.
func run[T any](ctx context.Context, p *Pool, k kind, work func() (T, error)) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	arrived := p.clock.Now()
	queued, err := p.admit(ctx, k)
	if err != nil {
		return zero, err
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		p.leave(k, 0)
		return zero, p.tooLate(ctx.Err())
	}
	if err := p.mayBegin(ctx, k, queued); err != nil {
		<-p.slots
		p.leave(k, 0)
		return zero, err
	}
	begun := p.clock.Now()
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		var out outcome
		var took time.Duration
		defer func() {
			// Here a panic would end the process: no handler's recovery is above.
			if fault := recover(); fault != nil {
				out = outcome{err: fmt.Errorf("password hashing: panic: %v", fault)}
			}
			<-p.slots
			p.leave(k, took)
			done <- out
		}()
		if out.value, out.err = work(); out.err == nil {
			took = p.clock.Now().Sub(begun)
		}
	}()
	select {
	case out := <-done:
		return out.value, out.err
	case <-ctx.Done():
		if begun.Sub(arrived) > p.clock.Now().Sub(begun) { // it waited for longer than it worked
			return zero, p.tooLate(ctx.Err())
		}
		return zero, ctx.Err()
	}
}
