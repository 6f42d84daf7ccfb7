package passhash

import (
	"context"
	"errors"
	"maps"
	"time"

	"authserve/ports"
)

const (
	// shortestRetryAfter is what refused callers are told at least.
	shortestRetryAfter = time.Second
	// estimateWeight is the divisor by which one job moves the estimate of its
	// kind: that of the round-trip time of TCP (RFC 6298 section 2).
	estimateWeight = 8
	// longestFirst bounds the first estimate, which nothing checks yet, and
	// longestRetryAfter what refused callers are told.
	longestFirst      = 5 * time.Second
	longestRetryAfter = 30 * time.Second
	// maxKinds bounds the estimates that are kept.
	maxKinds = 64
)

// kind is what the duration of a job depends on.
type kind struct {
	argon2 argon2Cost // zero for bcrypt
	bcrypt int        // zero for argon2id
}

// load is what is known of the jobs of one kind.
type load struct {
	admitted int           // jobs that run or wait
	estimate time.Duration // moving average of their durations; 0: none has ended yet
}

// learn moves the estimate. An outlier counts as twice the estimate, so that a
// clock that was set or a machine that slept does not refuse callers for long.
func (l *load) learn(took time.Duration) {
	switch {
	case took <= 0:
	case l.estimate == 0:
		l.estimate = min(took, longestFirst)
	default:
		l.estimate += (min(took, 2*l.estimate) - l.estimate) / estimateWeight
	}
}

// admit takes a job of kind k in. queued tells that it may have to wait: such a
// job is refused when its turn would come too late. One that begins at once never
// is, so an estimate that is too high cannot stop the jobs that would correct it.
func (p *Pool) admit(ctx context.Context, k kind) (queued bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	queued = p.admitted >= p.cfg.Workers
	switch {
	case p.closed:
		return queued, ports.ErrUnavailable
	case p.admitted >= p.cfg.Workers+p.cfg.Queue, queued && !p.fits(ctx, k, p.wait()):
		return queued, p.overloaded(nil)
	}
	if p.loads[k] == nil {
		if len(p.loads) >= maxKinds {
			maps.DeleteFunc(p.loads, func(_ kind, l *load) bool { return l.admitted == 0 })
		}
		p.loads[k] = &load{}
	}
	p.loads[k].admitted++
	p.admitted++
	p.jobs.Add(1)
	return queued, nil
}

// leave ends what admit began. took is how long the work lasted, 0 without any.
func (p *Pool) leave(k kind, took time.Duration) {
	p.mu.Lock()
	l := p.loads[k]
	l.learn(took)
	l.admitted--
	p.admitted--
	p.mu.Unlock()
	p.jobs.Done()
}

// mayBegin judges a job that has a slot: work that would not end in time is waste.
func (p *Pool) mayBegin(ctx context.Context, k kind, queued bool) error {
	if err := ctx.Err(); err != nil { // the slot and the end came together
		return p.tooLate(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if queued && !p.fits(ctx, k, 0) {
		return p.overloaded(nil)
	}
	return nil
}

// tooLate says why a job ended in the queue, or because of it. A deadline that
// passed so tells of too much work, not of a hasher in trouble: no circuit opens.
func (p *Pool) tooLate(err error) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.overloaded(err)
}

// fits reports whether a job of kind k that waits first ends before ctx does, with
// half its duration to spare. mu is held.
func (p *Pool) fits(ctx context.Context, k kind, wait time.Duration) bool {
	deadline, limited := ctx.Deadline()
	if l := p.loads[k]; l != nil {
		wait += l.estimate + l.estimate/2
	}
	return !limited || wait <= deadline.Sub(p.clock.Now())
}

// wait is how long the admitted jobs keep the workers busy. mu is held.
func (p *Pool) wait() time.Duration {
	var sum time.Duration
	for _, l := range p.loads {
		sum += time.Duration(l.admitted) * l.estimate
	}
	return sum / time.Duration(p.cfg.Workers)
}

// overloaded refuses a job until the present ones are done. mu is held.
func (p *Pool) overloaded(cause error) error {
	return ports.ErrOverloaded.Wrap(cause).WithRetryAfter(min(max(shortestRetryAfter, p.wait()), longestRetryAfter))
}
