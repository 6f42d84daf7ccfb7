package ops

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"authserve/ports"
)

const (
	probeTimeout = 2 * time.Second // of one check
	probeEvery   = time.Second     // for how long an answer is good
)

// errNoAnswer is the answer of a probe that did not give one.
var errNoAnswer = errors.New("no answer in time")

// readiness asks probes.
type readiness []*check

func newReadiness(probes []ports.Probe) readiness {
	all := make(readiness, len(probes))
	for i, p := range probes {
		all[i] = &check{probe: p}
	}
	return all
}

// finding is the answer of one probe; nil: in order.
type finding struct {
	name string
	err  error
}

// ask asks every probe, side by side, within their deadline and ctx.
func (r readiness) ask(ctx context.Context) (findings []finding, ready bool) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	runs := make([]*run, len(r))
	for i, c := range r {
		runs[i] = c.current(ctx)
	}
	ready = true
	findings = make([]finding, len(r))
	for i, c := range r {
		findings[i] = finding{name: c.probe.Name(), err: runs[i].wait(ctx)}
		ready = ready && findings[i].err == nil
	}
	return findings, ready
}

// check is one probe. All who ask while it runs, or shortly after, share one run;
// so one that hangs costs one goroutine.
type check struct {
	probe ports.Probe

	mu   sync.Mutex
	last *run // nil: none that is still good
}

// run is one asking of a probe.
type run struct {
	done chan struct{}
	err  error // once done is closed
}

// current returns the run that is good now, starting one when there is none. It
// outlives the request that starts it, since others may wait for it too, and ends
// by its own deadline.
func (c *check) current(ctx context.Context) *run {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = &run{done: make(chan struct{})}
		go c.do(context.WithoutCancel(ctx), c.last)
	}
	return c.last
}

func (c *check) do(ctx context.Context, r *run) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	defer time.AfterFunc(probeEvery, c.forget)
	defer close(r.done)
	defer func() {
		if p := recover(); p != nil {
			r.err = fmt.Errorf("the probe panicked: %v", p)
		}
	}()
	r.err = c.probe.Check(ctx)
}

func (c *check) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = nil
}

func (r *run) wait(ctx context.Context) error {
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return errNoAnswer
	}
}
