package cache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/metric"

	"authserve/core/domain"
	"authserve/ports"
)

// Config bounds what is remembered.
type Config struct {
	// Entries is how many Views are kept, each of a few rows: about 1.5 KB.
	Entries int
	// TTL is how long a View is answered from memory, and so after how long the
	// writes of other processes are seen.
	TTL time.Duration
	// Stale is how long instead while the store is unavailable.
	Stale time.Duration
}

func (c Config) validate() error {
	var faults []error
	if c.Entries < 1 {
		faults = append(faults, fmt.Errorf("cache: entries must be positive, got %d", c.Entries))
	}
	if c.TTL <= 0 {
		faults = append(faults, fmt.Errorf("cache: the time to live must be positive, got %v", c.TTL))
	}
	if c.Stale < 0 {
		faults = append(faults, fmt.Errorf("cache: stale must not be negative, got %v", c.Stale))
	}
	return errors.Join(faults...)
}

// Store implements ports.Store over another one. Safe for concurrent use as far as
// that is.
type Store struct {
	next   ports.Store
	cfg    Config
	clock  ports.Clock
	memory *memory
	counts counts
	relay  *Relay // nil: there are no replicas to tell
}

var _ ports.Store = (*Store)(nil)

// New puts a memory before next. Every Update of this process must go through it.
func New(next ports.Store, cfg Config, clock ports.Clock, meters metric.MeterProvider) (*Store, error) {
	s, err := newStore(next, cfg, clock)
	if err != nil {
		return nil, err
	}
	return s, s.instruments(meters.Meter(scope))
}

// NewReplica is New for one of several processes over the same database, which a tells
// of each other's writes while the relay runs. It starts nothing.
func NewReplica(next ports.Store, cfg Config, clock ports.Clock, meters metric.MeterProvider, a ports.Announcer, events Events) (*Store, *Relay, error) {
	s, err := newStore(next, cfg, clock)
	if err != nil {
		return nil, nil, err
	}
	s.relay = newRelay(s.memory, a, events)
	return s, s.relay, s.instruments(meters.Meter(scope))
}

func newStore(next ports.Store, cfg Config, clock ports.Clock) (*Store, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Store{next: next, cfg: cfg, clock: clock, memory: newMemory(cfg.Entries, clock)}, nil
}

// step is the closure of a door.
type step = func(ctx context.Context, tx ports.Tx) error

// View implements ports.Store.
func (s *Store) View(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := s.replay(ctx, fn, s.cfg.TTL)
	switch {
	case r.foreign: // nothing of it could be kept
		return s.next.View(ctx, fn)
	case !r.missed:
		s.counts.hits.Add(1)
		return err
	}
	err = s.record(ctx, fn)
	if s.cfg.Stale > 0 && ctx.Err() == nil && errors.Is(err, ports.ErrUnavailable) {
		if r, old := s.replay(ctx, fn, s.cfg.Stale); !r.missed {
			s.counts.stale.Add(1)
			return old
		}
	}
	s.counts.misses.Add(1)
	return err
}

// replay runs fn over what is remembered and younger than limit. When the run missed,
// whatever it returned is void.
func (s *Store) replay(ctx context.Context, fn step, limit time.Duration) (*replay, error) {
	r := &replay{store: s, limit: limit}
	defer func() { r.ended = true }()
	return r, fn(ctx, r)
}

// record runs fn in a transaction and remembers what it read.
func (s *Store) record(ctx context.Context, fn step) error {
	at, since := s.clock.Now(), s.memory.now() // both before the snapshot
	var rec *recording
	err := s.next.View(ctx, func(ctx context.Context, tx ports.Tx) error {
		rec = &recording{Tx: tx, view: &view{at: at, since: since}}
		return fn(ctx, rec)
	})
	if err == nil && rec != nil {
		s.memory.keep(rec.view)
	}
	return err
}

// Update implements ports.Store.
func (s *Store) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	w := &writing{memory: s.memory}
	defer s.wrote(w) // also when it failed, since the commit's outcome may be unknown, or panicked
	return s.next.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		return fn(ctx, writingTx{Tx: tx, w: w})
	})
}

// wrote closes the notes of w, and tells the other replicas.
func (s *Store) wrote(w *writing) {
	w.end()
	if s.relay != nil && len(w.pages) > 0 {
		s.relay.tell(w.rows, w.whole)
	}
}

// The errors that a run over memory gives to its closure.
var (
	// errMissed never leaves the package: the run that it ends starts over.
	errMissed = domain.NewError(domain.KindInternal, "cache_missed", "The View starts over in a transaction.")
	errEnded  = domain.NewError(domain.KindInternal, "store_tx_ended", "A transaction was used after its end.")
)
