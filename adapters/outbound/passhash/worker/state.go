package worker

import (
	"fmt"
	"maps"
	"slices"
)

// State is what a Pool does at the moment, for metrics and for operators.
type State struct {
	Isolation Isolation      // where the next job is computed, as far as is known: Process or None
	Why       string         // in words
	Children  []int          // process ids of those that are ready, sorted
	Ended     map[Reason]int // children that are gone
	InProcess int            // jobs computed inside the process
	LastError string         // the latest trouble with a child
}

// State tells what the pool does at the moment. See Settle for its first moments.
func (p *Pool) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.counts
	s.Ended = maps.Clone(s.Ended)
	for c, greeted := range p.children {
		if greeted {
			s.Children = append(s.Children, c.process.Pid)
		}
	}
	slices.Sort(s.Children)
	s.Isolation, s.Why = p.verdict(s)
	return s
}

// verdict is where the next job is computed, and why. mu is held.
func (p *Pool) verdict(s State) (Isolation, string) {
	switch {
	case p.cfg.Isolation == None:
		return None, "Isolation is configured as none."
	case unsupported != "":
		return None, unsupported
	case !slices.Contains(p.failing, false):
		return None, "No worker process can be started: " + s.LastError + "."
	}
	why := fmt.Sprintf("%d of %d worker processes are ready.", len(s.Children), p.cfg.Slots)
	if len(s.Children) < p.cfg.Slots && s.LastError != "" {
		why += " The latest trouble: " + s.LastError + "."
	}
	return Process, why
}

// welcome counts a child that has greeted.
func (p *Pool) welcome(c *child) {
	p.mu.Lock()
	p.children[c] = true
	p.failing[c.slot] = false
	p.mu.Unlock()
	if p.cfg.Events.Started != nil {
		p.cfg.Events.Started(c.slot, c.process.Pid)
	}
}

// forget counts a child that is gone. detail is what is known beside its reason.
func (p *Pool) forget(c *child, detail error) {
	c.mu.Lock()
	reason, pid := c.reason, 0
	if c.process != nil {
		pid = c.process.Pid
	}
	c.mu.Unlock()
	p.mu.Lock()
	greeted := p.children[c]
	delete(p.children, c)
	p.counts.Ended[reason]++
	if reason != Closed {
		p.failing[c.slot] = !greeted
		p.counts.LastError = fmt.Sprintf("a process %s (%v)", reason.words(), detail)
	}
	p.mu.Unlock()
	if p.cfg.Events.Ended != nil {
		p.cfg.Events.Ended(c.slot, pid, reason, detail)
	}
}
