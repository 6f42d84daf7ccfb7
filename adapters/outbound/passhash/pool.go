package passhash

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// retryAfter is what refused callers are told: a full queue of the default length
// is worked off in about a second.
const retryAfter = time.Second

// Pool implements ports.Hasher. Its zero value is not usable; see New.
type Pool struct {
	cfg    Config
	random ports.Random
	dummy  domain.PasswordHash

	slots chan struct{} // held by the jobs that run; senders are served in order

	mu       sync.Mutex
	admitted int // jobs that run or wait
	closed   bool
	jobs     sync.WaitGroup // the same, for Close
}

// New makes a pool. The error names every fault of cfg.
func New(cfg Config, random ports.Random) (*Pool, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("password hashing: %w", err)
	}
	return &Pool{
		cfg: cfg, random: random, dummy: newDummy(cfg, random),
		slots: make(chan struct{}, cfg.Workers),
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

func (p *Pool) admit() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return ports.ErrUnavailable
	case p.admitted >= p.cfg.Workers+p.cfg.Queue:
		return ports.ErrOverloaded.WithRetryAfter(retryAfter)
	}
	p.admitted++
	p.jobs.Add(1)
	return nil
}

func (p *Pool) leave() {
	p.mu.Lock()
	p.admitted--
	p.mu.Unlock()
	p.jobs.Done()
}

// run does work when its turn comes, unless ctx ends before: then its place in
// the queue is free at once. Work that has begun cannot be stopped. When ctx ends
// during it, run returns, and the slot stays taken until the work ends, so that
// what runs is never more than Workers.
func run[T any](ctx context.Context, p *Pool, work func() (T, error)) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	if err := p.admit(); err != nil {
		return zero, err
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		p.leave()
		return zero, notBegun(ctx.Err())
	}
	if err := ctx.Err(); err != nil { // both were ready
		<-p.slots
		p.leave()
		return zero, notBegun(err)
	}
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		var out outcome
		defer func() {
			// Here a panic would end the process: no handler's recovery is above.
			if fault := recover(); fault != nil {
				out = outcome{err: fmt.Errorf("password hashing: panic: %v", fault)}
			}
			<-p.slots
			p.leave()
			done <- out
		}()
		out.value, out.err = work()
	}()
	select {
	case out := <-done:
		return out.value, out.err
	case <-ctx.Done():
		return zero, ctx.Err()
	}
}

// notBegun says why a job left the queue. A deadline that passed there tells of
// too much work, not of a hasher in trouble, so that no circuit opens for it.
func notBegun(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return ports.ErrOverloaded.WithRetryAfter(retryAfter).Wrap(err)
	}
	return err
}
