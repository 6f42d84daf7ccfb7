package memstore

import (
	"context"

	"golang.org/x/sync/semaphore"

	"authserve/core/domain"
	"authserve/ports"
)

// everyone is the number of shares in the lock: a reader takes one, a writer all.
const everyone = 1 << 30

// Store implements ports.Store.
type Store struct {
	// lock is a readers-writer lock, fair between both, whose waiting ends with
	// the context.
	lock *semaphore.Weighted
	data data
}

var _ ports.Store = (*Store)(nil)

// data is what the store keeps: rows by key, and the indexes over them.
type data struct {
	accounts    table[domain.ID, domain.Account]
	emails      table[string, domain.ID]
	usernames   table[string, domain.ID]
	credentials table[domain.ID, domain.Credential]
	sessions    table[domain.ID, domain.Session]
	sessionsOf  table[domain.ID, []domain.ID] // by account, in order of creation
	keys        table[domain.ID, domain.SigningKey]
	guards      table[string, int64]
	messages    table[domain.ID, domain.Message]
	events      table[domain.ID, domain.AuditEvent]
	chain       table[int64, domain.ID]            // the events of links, by sequence number
	heads       table[string, domain.AuditHead]    // the ends of the chain
	links       table[domain.ID, domain.AuditLink] // by event
	records     table[string, domain.IdempotencyRecord]
	tokens      table[string, domain.OneTimeToken] // by hash
	slots       table[slot, string]                // the hash of the token in it
	throttles   table[string, domain.Throttle]
	erasures    table[domain.ID, domain.Erasure]
}

// New returns an empty store.
func New() *Store {
	return &Store{
		lock: semaphore.NewWeighted(everyone),
		data: data{
			accounts:    table[domain.ID, domain.Account]{},
			emails:      table[string, domain.ID]{},
			usernames:   table[string, domain.ID]{},
			credentials: table[domain.ID, domain.Credential]{},
			sessions:    table[domain.ID, domain.Session]{},
			sessionsOf:  table[domain.ID, []domain.ID]{},
			keys:        table[domain.ID, domain.SigningKey]{},
			guards:      table[string, int64]{},
			messages:    table[domain.ID, domain.Message]{},
			events:      table[domain.ID, domain.AuditEvent]{},
			chain:       table[int64, domain.ID]{},
			heads:       table[string, domain.AuditHead]{},
			links:       table[domain.ID, domain.AuditLink]{},
			records:     table[string, domain.IdempotencyRecord]{},
			tokens:      table[string, domain.OneTimeToken]{},
			slots:       table[slot, string]{},
			throttles:   table[string, domain.Throttle]{},
			erasures:    table[domain.ID, domain.Erasure]{},
		},
	}
}

// View implements ports.Store.
func (s *Store) View(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	if err := s.lock.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.lock.Release(1)
	t := &tx{data: &s.data}
	defer func() { t.ended = true }()
	return fn(ctx, t)
}

// Update implements ports.Store. A context that ends before the closure does
// rolls back.
func (s *Store) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	if err := s.lock.Acquire(ctx, everyone); err != nil {
		return err
	}
	defer s.lock.Release(everyone)
	t := &tx{data: &s.data, writable: true}
	committed := false
	defer func() { // also when the closure panics
		if !committed {
			t.rollback(0)
		}
		t.ended = true
	}()
	if err := fn(ctx, t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	committed = true
	return nil
}
