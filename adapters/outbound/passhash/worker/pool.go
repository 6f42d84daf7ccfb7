package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"authserve/ports"
)

// tries is how often a job is given to a child: twice, since one child's trouble is
// not the job's, and two children's may be.
const tries = 2

// Pool computes jobs in children, or inside the process. Its zero value is not usable;
// see New.
type Pool struct {
	cfg    Config
	slots  []*slot
	inside chan struct{} // held by the jobs inside the process
	jobs   atomic.Uint64 // the number of the latest

	orders chan func(trouble error) // for the thread that starts children
	idle   chan struct{}            // closed when that thread has ended
	first  []*child                 // those of New

	mu       sync.Mutex
	closed   bool
	children map[*child]bool // those that live, and whether they greeted
	failing  []bool          // by slot: the latest start failed
	counts   State           // Ended, InProcess and LastError
	lives    sync.WaitGroup  // of children, for Close
	stop     sync.Once
}

// slot belongs to the one job that runs in it, apart from busy.
type slot struct {
	busy     atomic.Bool
	child    *child
	failures int         // starts that failed since the last that did not
	retry    *time.Timer // until the next start; nil: at once
}

// New makes a pool and lets its children start in the background: the first jobs wait
// for them. With Process it waits for the first child, and fails when there is none.
// The error names every fault of cfg.
func New(cfg Config) (*Pool, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("hash workers: %w", err)
	}
	if cfg.Isolation == Process && unsupported != "" {
		return nil, fmt.Errorf("hash workers: %s", unsupported)
	}
	p := &Pool{
		cfg: cfg, inside: make(chan struct{}, cfg.InProcess), children: map[*child]bool{}, failing: make([]bool, cfg.Slots),
		counts: State{Ended: map[Reason]int{}}, orders: make(chan func(error)), idle: make(chan struct{}),
	}
	for range cfg.Slots {
		p.slots = append(p.slots, &slot{})
	}
	if !p.usesChildren() {
		close(p.idle)
		return p, nil
	}
	go p.starter()
	for i, s := range p.slots {
		s.child = p.launch(i)
		p.first = append(p.first, s.child)
	}
	if cfg.Isolation == Process && !anyGreets(p.first) {
		p.Close()
		return nil, fmt.Errorf("hash workers: %s", p.State().Why)
	}
	return p, nil
}

func (p *Pool) usesChildren() bool { return p.cfg.Isolation != None && unsupported == "" }

func anyGreets(children []*child) bool {
	for _, c := range children {
		select {
		case <-c.greeted:
		case <-c.gone:
		}
		if isClosed(c.greeted) {
			return true
		}
	}
	return false
}

// retryAfter is what a caller is told whose job ended two children.
const retryAfter = 5 * time.Second

// Run computes the job in the slot, 0 to Config.Slots-1, which must not have another
// at the time. It waits for the answer however long that takes, which Config.Limit
// bounds for each of two tries; work that has begun cannot be called back. The error
// is ports.ErrOverloaded when two children did not survive the job, ErrUnavailable when
// the pool is closed, and what the computation said otherwise.
func (p *Pool) Run(slot int, job Job) (Result, error) {
	s := p.slots[slot]
	if !s.busy.CompareAndSwap(false, true) {
		return Result{}, fmt.Errorf("hash worker %d was given two jobs at a time", slot)
	}
	defer s.busy.Store(false)
	var trouble error
	for range tries {
		id := p.jobs.Add(1)
		c := p.take(slot, s)
		if c == nil {
			return p.compute(slot, job)
		}
		frame, err := encode(request{ID: id, Job: job})
		if err != nil {
			return Result{}, err
		}
		answer, err := c.do(id, frame)
		if err == nil && answer.Result == nil {
			return Result{}, fmt.Errorf("hash worker: %s", answer.Fault)
		}
		if err == nil {
			return *answer.Result, nil
		}
		trouble = err
	}
	if p.ended() {
		return Result{}, ports.ErrUnavailable.Wrap(trouble)
	}
	// Two children in a row say more of the job, such as its memory, than of hashing:
	// no circuit may open for what one account asks for.
	return Result{}, ports.ErrOverloaded.Wrap(fmt.Errorf("hash worker %d: %w", slot, trouble)).WithRetryAfter(retryAfter)
}

func (p *Pool) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// take returns the slot's child, ready for a job, and nil when the job should not wait
// for one. A child that died without a job is replaced.
func (p *Pool) take(number int, s *slot) *child {
	if !p.usesChildren() {
		return nil
	}
	for range tries {
		if s.child == nil {
			if !s.due() {
				return nil
			}
			s.child = p.launch(number)
		}
		c := s.child
		if s.failures > 0 && !isClosed(c.greeted) && !isClosed(c.gone) {
			return nil // what failed last time is tried beside the jobs
		}
		select {
		case <-c.greeted:
		case <-c.gone:
		}
		if !isClosed(c.greeted) {
			s.child = nil
			s.retry = time.NewTimer(p.cfg.Backoff << min(s.failures, maxDoublings))
			s.failures++
			return nil
		}
		s.failures, s.retry = 0, nil
		if !isClosed(c.gone) {
			return c
		}
		s.child = nil
	}
	return nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// due reports whether a child may be started.
func (s *slot) due() bool {
	if s.retry == nil {
		return true
	}
	select {
	case <-s.retry.C:
		return true
	default:
		return false
	}
}

// compute does the job inside the process.
func (p *Pool) compute(slot int, job Job) (Result, error) {
	p.inside <- struct{}{}
	defer func() { <-p.inside }()
	p.mu.Lock()
	closed := p.closed
	if !closed {
		p.counts.InProcess++
	}
	p.mu.Unlock()
	if closed {
		return Result{}, ports.ErrUnavailable.Wrap(errors.New("the hash workers are closed"))
	}
	if p.cfg.Events.InProcess != nil {
		p.cfg.Events.InProcess(slot)
	}
	result, err := p.cfg.Compute.try(job)
	if err != nil {
		return Result{}, fmt.Errorf("hashing: %w", err)
	}
	return result, nil
}

// launch starts a child in the background.
func (p *Pool) launch(slot int) *child {
	c := &child{pool: p, slot: slot, greeted: make(chan struct{}), gone: make(chan struct{}), replies: make(chan reply, 1)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		close(c.gone)
		return c
	}
	p.children[c] = false
	p.lives.Go(c.live)
	return c
}

// starter starts all children from one thread, which lives as long as they do: the
// death of that thread is what kills them (see attributes).
func (p *Pool) starter() {
	defer close(p.idle)
	runtime.LockOSThread() // and never unlocked: the thread is changed, and ends here
	trouble := confine()
	for order := range p.orders {
		order(trouble)
	}
}

// execute runs the program on the starter's thread.
func (p *Pool) execute(in, out *os.File) (*os.Process, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer closeFile(null)
	var process *os.Process
	done := make(chan struct{})
	p.orders <- func(trouble error) {
		defer close(done)
		if err = trouble; err != nil {
			return
		}
		closeOnExec()
		process, err = os.StartProcess(p.cfg.Program, p.cfg.Args, &os.ProcAttr{
			Dir: "/", Env: []string{}, Files: []*os.File{in, out, null}, Sys: attributes(),
		})
	}
	<-done
	return process, err
}

// Settle waits until each of the first children has greeted or failed, so that State
// tells what to expect. The error is ctx's.
func (p *Pool) Settle(ctx context.Context) error {
	for _, c := range p.first {
		select {
		case <-c.greeted:
		case <-c.gone:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Close ends the children and returns when they are gone: at once or, where one does
// not end by itself, after Config.Grace. Jobs in children fail with
// ports.ErrUnavailable, as all later ones do; jobs inside the process go on. It can be
// called again.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	children := slices.Collect(maps.Keys(p.children))
	p.mu.Unlock()
	for _, c := range children {
		c.dismiss()
	}
	grace := time.AfterFunc(p.cfg.Grace, func() {
		for _, c := range children {
			c.end(Closed)
		}
	})
	p.lives.Wait()
	grace.Stop()
	p.stop.Do(func() { close(p.orders) })
	<-p.idle
}
