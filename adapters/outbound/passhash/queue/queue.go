package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"authserve/ports"
)

// Config bounds a Queue.
type Config struct {
	Slots   int // jobs at a time, at least 1
	Waiting int // jobs that wait beyond those, 1 to MaxWaiting
	Events  Events
}

// MaxWaiting bounds Config.Waiting: what one job costs the queue grows with it.
const MaxWaiting = 10_000

// Events are hooks for metrics; nil ones are left out. For each job exactly one is
// called, in the goroutine of its caller, outside the lock. They must be quick.
type Events struct {
	// Waited tells of a job that began after waiting d, which is 0 for most.
	Waited func(ctx context.Context, t Ticket, d time.Duration)
	// Refused tells of a job that never began.
	Refused func(ctx context.Context, t Ticket, why Reason)
}

// Reason is why a job never began. It can label a metric.
type Reason string

// The reasons.
const (
	QueueFull Reason = "queue_full" // no place is free, and the network has as many as any other
	TooLate   Reason = "too_late"   // its deadline cannot be met
	PushedOut Reason = "pushed_out" // its place went to a network that had fewer
	Expired   Reason = "expired"    // its deadline passed in the queue
	Departed  Reason = "departed"   // its caller left, or had left before it came
	Closed    Reason = "closed"     // the queue is closed
)

// Reasons lists them all.
func Reasons() []Reason { return []Reason{QueueFull, TooLate, PushedOut, Expired, Departed, Closed} }

// Ticket says what decides when a job's turn comes.
type Ticket struct {
	Network    string // whose turn it is goes round the networks; empty is one network
	Kind       string // jobs of one kind last about equally long
	Background bool   // begins only when no foreground job waits; pushes nobody out
}

// Queue hands out slots. Its zero value is not usable; see New. Safe for concurrent
// use.
type Queue struct {
	cfg     Config
	clock   ports.Clock
	running sync.WaitGroup // jobs that have a slot, for Close

	mu                     sync.Mutex
	closed                 bool
	slots                  []*job // by number; nil: free, and then nobody waits
	foreground, background turns
	loads                  map[string]*load // by kind
	promised               time.Time        // until then the refused keep the slots busy when they come back
}

// job is one call of Do. What it holds is guarded by Queue.mu; once turn is closed,
// its caller may read it.
type job struct {
	ticket   Ticket
	load     *load
	arrived  time.Time
	deadline time.Time     // zero: none
	turn     chan struct{} // closed when it gets a slot or is refused
	slot     int           // noSlot: it has none
	refused  *refusal
}

const noSlot = -1

// refusal is why a job did not begin, for metrics and for its caller.
type refusal struct {
	why Reason
	err error
}

// New makes a queue. clock must agree with the deadlines of contexts. The error
// names every fault of cfg.
func New(cfg Config, clock ports.Clock) (*Queue, error) {
	var faults []error
	if cfg.Slots < 1 {
		faults = append(faults, errors.New("slots must be at least 1"))
	}
	if cfg.Waiting < 1 || cfg.Waiting > MaxWaiting {
		faults = append(faults, fmt.Errorf("waiting must be 1 to %d", MaxWaiting))
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("queue: %w", errors.Join(faults...))
	}
	return &Queue{
		cfg: cfg, clock: clock, slots: make([]*job, cfg.Slots),
		foreground: newTurns(), background: newTurns(), loads: map[string]*load{},
	}, nil
}

// Depth tells how many jobs run and how many wait.
func (q *Queue) Depth() (running, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, j := range q.slots {
		if j != nil {
			running++
		}
	}
	return running, q.waiting()
}

// Wait tells how long a newcomer from a network with nothing waiting would wait, by
// estimates.
func (q *Queue) Wait() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if slices.Contains(q.slots, nil) {
		return 0
	}
	return q.share(q.foreground.beforeNew(q.entry(&q.foreground, false)))
}

// Close refuses new work with ErrUnavailable, ends the jobs that wait with the same,
// and returns when no work runs any more. It can be called again.
func (q *Queue) Close() {
	q.mu.Lock()
	q.closed = true
	for _, t := range []*turns{&q.foreground, &q.background} {
		for t.size > 0 {
			q.refuse(t.first(), Closed, nil)
		}
	}
	q.mu.Unlock()
	q.running.Wait()
}

// enter takes a job in and returns when it has a slot or is refused.
func (q *Queue) enter(ctx context.Context, t Ticket) *job {
	if err := ctx.Err(); err != nil {
		return &job{refused: &refusal{Departed, err}}
	}
	j := q.admit(ctx, t)
	select {
	case <-j.turn:
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil { // both can be ready: nobody works for a caller that left
		q.leave(j, err)
	}
	return j
}

// admit gives a newcomer a slot or a place in the queue, or refuses it. One that
// begins at once is never refused by an estimate, so an estimate that is too high
// cannot stop the jobs that would correct it.
func (q *Queue) admit(ctx context.Context, t Ticket) *job {
	j := &job{ticket: t, slot: noSlot, turn: make(chan struct{})}
	j.deadline, _ = ctx.Deadline()
	q.mu.Lock()
	defer q.mu.Unlock()
	j.arrived = q.clock.Now()
	free := slices.Index(q.slots, nil)
	switch {
	case q.closed:
		q.refuse(j, Closed, nil)
	case free >= 0:
		q.take(j)
		q.hand(j, free)
	case !q.fits(j, q.wait(t)):
		q.refuse(j, TooLate, nil)
	case !q.makeRoom(t):
		q.refuse(j, QueueFull, nil)
	default:
		q.take(j)
		turns := q.turnsOf(t)
		turns.push(j, q.entry(turns, q.works(t.Network)))
	}
	return j
}

// makeRoom reports whether there is a place in the queue for a newcomer, if need be
// that of the job which would be served last. Foreground loses none to a network
// that would then have as many as the one that loses: among equals, who came first
// stays. mu is held.
func (q *Queue) makeRoom(t Ticket) bool {
	if q.waiting() < q.cfg.Waiting {
		return true
	}
	if t.Background {
		return false
	}
	losers := &q.background
	if losers.size == 0 {
		losers = &q.foreground
		if losers.waiting(t.Network)+1 >= losers.longest() {
			return false
		}
	}
	q.refuse(losers.last(), PushedOut, nil)
	return true
}

// dispatch hands the free slots to the jobs whose turn it is. Those that would not
// end in time are refused: their work would be waste. mu is held.
func (q *Queue) dispatch() {
	for _, t := range []*turns{&q.foreground, &q.background} {
		for t.size > 0 {
			free := slices.Index(q.slots, nil)
			if free < 0 {
				return
			}
			if j := t.first(); q.fits(j, 0) {
				t.pop()
				q.hand(j, free)
			} else {
				q.refuse(j, TooLate, nil)
			}
		}
	}
}

// hand gives j a slot. mu is held.
func (q *Queue) hand(j *job, slot int) {
	q.slots[slot], j.slot = j, slot
	q.running.Add(1)
	close(j.turn)
}

// release frees the slot of j. took is how long its work lasted, 0 without any.
func (q *Queue) release(j *job, took time.Duration) {
	q.mu.Lock()
	j.load.learn(took)
	j.load.jobs--
	q.slots[j.slot] = nil
	q.dispatch()
	q.mu.Unlock()
	q.running.Done()
}

// leave ends a job whose caller left before it began, for err.
func (q *Queue) leave(j *job, err error) {
	why := Departed
	if errors.Is(err, context.DeadlineExceeded) {
		why = Expired
	}
	q.mu.Lock()
	had := j.slot != noSlot
	switch {
	case j.refused != nil: // that came first
	case had:
		j.refused = q.refusal(j.ticket, why, err)
	default:
		q.refuse(j, why, err)
	}
	q.mu.Unlock()
	if had {
		q.release(j, 0)
	}
}

func (q *Queue) turnsOf(t Ticket) *turns {
	if t.Background {
		return &q.background
	}
	return &q.foreground
}

// entry is where a network that is not in the ring gets in: last, but before those
// that have just had a turn and still work, unless it works itself. Otherwise a
// network with one caller, who comes back when a job is done, would always come a
// turn late. mu is held.
func (q *Queue) entry(t *turns, works bool) int {
	entry := len(t.ring)
	for !works && entry > 0 && q.works(t.ring[entry-1].network) {
		entry--
	}
	return entry
}

// works reports whether a job of the network has a slot. mu is held.
func (q *Queue) works(network string) bool {
	return slices.ContainsFunc(q.slots, func(j *job) bool { return j != nil && j.ticket.Network == network })
}

// waiting counts the jobs that wait. mu is held.
func (q *Queue) waiting() int { return q.foreground.size + q.background.size }
