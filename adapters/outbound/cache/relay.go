package cache

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// maxPending is how many rows wait at most to be announced: about 400 KB.
const maxPending = 16 * ports.MaxChanges

// The pause before listening is tried again doubles from the first to the longest.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// Events are called by the goroutine that listens, once for each change of state.
type Events struct {
	Listening func()          // what others write is heard from now on
	Lost      func(err error) // it is not, or never was
}

// Relay tells the other replicas what this one writes, and this one what they write.
//
// It hurries what the time to live bounds, and answers for nothing: who writes leaves
// the rows here and goes on, and what cannot be announced is forgotten and counted.
// What is heard is noted in the ledger as a write that began and ended, so any message,
// also one that was forged or replayed, makes a View be read anew and does nothing
// else. After any time in which nothing could be heard, nothing that was read before
// stands.
type Relay struct {
	memory    *memory
	announcer ports.Announcer
	events    Events

	mu    sync.Mutex
	rows  map[domain.ID]struct{} // to be announced
	whole bool                   // any row is to be, so none needs a name
	wake  chan struct{}          // something is to be announced

	quiet, cancel context.CancelFunc // end listening, and everything; nil: not started
	running       sync.WaitGroup

	listening         atomic.Bool
	sent, lost, heard atomic.Int64
}

func newRelay(m *memory, a ports.Announcer, events Events) *Relay {
	return &Relay{memory: m, announcer: a, events: events, rows: map[domain.ID]struct{}{}, wake: make(chan struct{}, 1)}
}

// Start starts to listen and to announce, and returns at once. Later calls do nothing.
func (r *Relay) Start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		return
	}
	listen, quiet := context.WithCancel(context.Background())
	work, cancel := context.WithCancel(context.Background())
	r.quiet, r.cancel = quiet, cancel
	r.running.Go(func() { r.listen(listen) })
	r.running.Go(func() { r.announce(work, listen.Done()) })
}

// Stop announces what is left and returns when nothing runs any more. When ctx ends
// before, it gives up what waits and returns ctx's error. Without a Start before, it
// does nothing.
func (r *Relay) Stop(ctx context.Context) error {
	r.mu.Lock()
	quiet, cancel := r.quiet, r.cancel
	r.mu.Unlock()
	if cancel == nil {
		return nil
	}
	defer cancel()
	quiet()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		r.running.Wait()
	}()
	select {
	case <-stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the cache still tells other replicas: %w", ctx.Err())
	}
}

// tell leaves what one Update wrote for the others. It waits for nothing.
func (r *Relay) tell(rows []domain.ID, whole bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if whole {
		r.whole = true
		clear(r.rows)
	}
	if !r.whole {
		for _, id := range rows {
			if _, waits := r.rows[id]; !waits && len(r.rows) == maxPending {
				r.lost.Add(1)
				continue
			}
			r.rows[id] = struct{}{}
		}
	}
	select {
	case r.wake <- struct{}{}:
	default: // somebody has rung
	}
}

// take takes one message of what waits.
func (r *Relay) take() (c ports.Changes, some bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.Any, r.whole = r.whole, false
	for id := range r.rows {
		if c.Any || len(c.Rows) == ports.MaxChanges {
			break
		}
		c.Rows = append(c.Rows, id)
		delete(r.rows, id)
	}
	return c, size(c) > 0
}

// size is what c counts for.
func size(c ports.Changes) int64 {
	if c.Any {
		return 1
	}
	return int64(len(c.Rows))
}

// announce sends what waits, again and again, and a last time when it is told to quit.
func (r *Relay) announce(ctx context.Context, quit <-chan struct{}) {
	for over := false; !over; {
		select {
		case <-r.wake:
		case <-quit:
			over = true
		}
		r.send(ctx)
	}
}

// send sends what waits. What fails is not tried again: it is old news by then.
func (r *Relay) send(ctx context.Context) {
	for {
		c, some := r.take()
		if !some {
			return
		}
		if err := r.announcer.Announce(ctx, c); err != nil {
			r.lost.Add(size(c))
			continue
		}
		r.sent.Add(size(c))
	}
}

// listen hears the others until ctx ends.
func (r *Relay) listen(ctx context.Context) {
	defer r.listening.Store(false)
	told := false // that it does not work
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := r.announcer.Listen(ctx, func() {
			r.memory.void() // of what was written before, some may have passed unheard
			if !r.listening.Swap(true) && r.events.Listening != nil {
				r.events.Listening()
			}
			pause, told = firstPause, false
		}, r.hear)
		if ctx.Err() != nil {
			return
		}
		r.listening.Store(false)
		if !told && r.events.Lost != nil {
			r.events.Lost(err)
		}
		told = true
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// hear notes what another replica wrote.
func (r *Relay) hear(c ports.Changes) {
	w := &writing{memory: r.memory}
	if c.Any {
		w.any()
	}
	for _, id := range c.Rows {
		w.row(id)
	}
	w.end()
	r.heard.Add(size(c))
}
