package cache_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric/noop"

	"authserve/adapters/outbound/cache"
	"authserve/adapters/outbound/entstore"
	"authserve/adapters/outbound/memstore"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

const (
	ttl   = time.Second
	stale = 30 * time.Second
)

func settings() cache.Config { return cache.Config{Entries: 100, TTL: ttl, Stale: stale} }

// step is the closure of a door.
type step = func(ctx context.Context, tx ports.Tx) error

// counting counts how often its doors are opened, and does something beside.
type counting struct {
	ports.Store
	views, updates atomic.Int64

	afterView    func()       // once, when a View of the store has ended
	beforeCommit func()       // once, when the closure of an Update has ended
	afterUpdate  func()       // once, when an Update of the store has ended
	lastView     func() error // at the end of every View; nil: nothing
}

func (c *counting) View(ctx context.Context, fn func(context.Context, ports.Tx) error) error {
	c.views.Add(1)
	if c.lastView != nil {
		if err := c.lastView(); err != nil {
			return err
		}
	}
	err := c.Store.View(ctx, fn)
	once(&c.afterView)
	return err
}

func (c *counting) Update(ctx context.Context, fn func(context.Context, ports.Tx) error) error {
	c.updates.Add(1)
	err := c.Store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		err := fn(ctx, tx)
		once(&c.beforeCommit)
		return err
	})
	once(&c.afterUpdate)
	return err
}

func once(hook *func()) {
	if do := *hook; do != nil {
		*hook = nil
		do()
	}
}

// world is a cache over a counted store of two accounts with two sessions each.
type world struct {
	*testing.T
	clock *fake.Clock
	below *counting
	store *cache.Store
}

func newWorld(t *testing.T, cfg cache.Config) *world {
	t.Helper()
	return newWorldOver(t, cfg, memstore.New())
}

func newWorldOver(t *testing.T, cfg cache.Config, below ports.Store) *world {
	t.Helper()
	w := &world{T: t, clock: fake.NewClock(fake.Epoch()), below: &counting{Store: below}}
	var err error
	if w.store, err = cache.New(w.below, cfg, w.clock, noop.NewMeterProvider()); err != nil {
		t.Fatal(err)
	}
	w.update(populate)
	return w
}

// sessionOf is the account of each session.
func sessionOf(n int) domain.Account { return fake.Account(1 + n%2) }

const sessions = 4

func populate(ctx context.Context, tx ports.Tx) error {
	for n := range 2 {
		if err := tx.Accounts().Create(ctx, fake.Account(n+1)); err != nil {
			return err
		}
	}
	for n := range sessions {
		if err := tx.Sessions().Create(ctx, fake.Session(n, sessionOf(n))); err != nil {
			return err
		}
	}
	return nil
}

func createSession(n int) step {
	return func(ctx context.Context, tx ports.Tx) error {
		return tx.Sessions().Create(ctx, fake.Session(n, sessionOf(n)))
	}
}

func (w *world) update(fn step) {
	w.Helper()
	if err := w.store.Update(w.Context(), fn); err != nil {
		w.Fatalf("Update: %v", err)
	}
}

// identity is what an authenticated request reads.
type identity struct {
	session domain.Session
	account domain.Account
}

// reading returns a closure that reads session n and its account into who.
func reading(n int, who *identity) step {
	return func(ctx context.Context, tx ports.Tx) (err error) {
		*who = identity{}
		if who.session, err = tx.Sessions().ByID(ctx, fake.Session(n, sessionOf(n)).ID); err != nil {
			return err
		}
		who.account, err = tx.Accounts().ByID(ctx, who.session.AccountID)
		return err
	}
}

// authenticate reads session n and its account, and says how many Views that opened
// below.
func (w *world) authenticate(n int) (who identity, opened int64, err error) {
	before := w.below.views.Load()
	err = w.store.View(w.Context(), reading(n, &who))
	return who, w.below.views.Load() - before, err
}

// wants reads session n, which must succeed and open so many Views below.
func (w *world) wants(n int, opened int64) identity {
	w.Helper()
	who, got, err := w.authenticate(n)
	if err != nil || got != opened {
		w.Fatalf("session %d: %v, with %d Views of the store; want none failed, and %d", n, err, got, opened)
	}
	return who
}

func end(n int) step {
	return func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Sessions().End(ctx, fake.Session(n, sessionOf(n)).ID, domain.EndedByLogout, fake.Epoch())
		return err
	}
}

func endAll(n int) step {
	return func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Sessions().EndAll(ctx, sessionOf(n).ID, "", domain.EndedByOwner, fake.Epoch())
		return err
	}
}

// rename gives the account of session n a name and a next profile version.
func rename(n int, name string) step {
	return func(ctx context.Context, tx ports.Tx) error {
		from, err := tx.Accounts().ByID(ctx, sessionOf(n).ID)
		if err != nil {
			return err
		}
		to := from
		to.DisplayName = name
		to.Version.Profile++
		return tx.Accounts().Update(ctx, to, from.Version)
	}
}

func advance(n int) step {
	return func(ctx context.Context, tx ports.Tx) error {
		from, err := tx.Sessions().ByID(ctx, fake.Session(n, sessionOf(n)).ID)
		if errors.Is(err, ports.ErrNotFound) {
			return nil // it was purged
		}
		if err != nil {
			return err
		}
		to := from.Clone()
		to.Refresh.Counter++
		if err := tx.Sessions().Advance(ctx, to, from.Refresh.RefreshPosition); !errors.Is(err, ports.ErrStale) {
			return err
		}
		return nil // it has ended
	}
}

func login(n int) step {
	return func(ctx context.Context, tx ports.Tx) error {
		a, err := tx.Accounts().ByID(ctx, sessionOf(n).ID)
		if err != nil {
			return err
		}
		return tx.Accounts().RecordLogin(ctx, a.ID, a.Version.AuthGeneration, a.Version.Credential, a.LastLoginAt.Add(time.Hour))
	}
}

// erase removes the account of session n, and all of its sessions with it.
func erase(n int) step {
	return func(ctx context.Context, tx ports.Tx) error {
		a, err := tx.Accounts().ByID(ctx, sessionOf(n).ID)
		if err != nil {
			return err
		}
		return tx.Erasures().Erase(ctx, a.ID, a.Version, fake.Epoch())
	}
}

// eraseAndReturn leaves the account of session n and its sessions as they were at first.
func eraseAndReturn(n int) step {
	return func(ctx context.Context, tx ports.Tx) error {
		if err := erase(n)(ctx, tx); err != nil {
			return err
		}
		if err := tx.Accounts().Create(ctx, sessionOf(n)); err != nil {
			return err
		}
		return errors.Join(createSession(n%2)(ctx, tx), createSession(n%2+2)(ctx, tx))
	}
}

func purge(ctx context.Context, tx ports.Tx) error {
	_, err := tx.Sessions().Purge(ctx, fake.Epoch().Add(time.Microsecond), 100)
	return err
}

// sqlite opens an empty store on a file.
func sqlite(t *testing.T) ports.Store {
	t.Helper()
	s, err := entstore.Open(t.Context(), entstore.Config{URL: "sqlite://" + filepath.Join(t.TempDir(), "data", "auth.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if _, err := s.Migrator().Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}
