package cache_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric/noop"
	"pgregory.net/rapid"

	"authserve/adapters/outbound/cache"
	"authserve/adapters/outbound/memstore"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

var errOnPurpose = errors.New("on purpose")

// model holds a cache against the store below it: whatever happens in this process,
// a read through the cache finds what is in the store.
type model struct {
	t       *rapid.T
	clock   *fake.Clock
	plain   *memstore.Store // the truth
	faults  *fake.BrokenStore
	below   *counting
	cached  *cache.Store
	relay   *cache.Relay
	foreign time.Time // of the last write of another process
}

func newModel(t *rapid.T) *model {
	m := &model{t: t, clock: fake.NewClock(fake.Epoch()), plain: memstore.New()}
	m.faults = fake.Broken(m.plain)
	m.below = &counting{Store: m.faults}
	var err error
	cfg := cache.Config{Entries: rapid.IntRange(1, sessions+2).Draw(t, "entries"), TTL: ttl, Stale: stale}
	if m.cached, m.relay, err = cache.NewReplica(m.below, cfg, m.clock, noop.NewMeterProvider(), nil, cache.Events{}); err != nil {
		t.Fatal(err)
	}
	if err := m.cached.Update(t.Context(), populate); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *model) session() int { return rapid.IntRange(0, sessions-1).Draw(m.t, "session") }

// closure draws one that reads in one of the ways that can be kept.
func (m *model) closure(who *identity) step {
	n := m.session()
	switch rapid.SampledFrom([]string{"both", "both", "session", "account", "account first"}).Draw(m.t, "read") {
	case "session":
		return func(ctx context.Context, tx ports.Tx) (err error) {
			*who = identity{}
			who.session, err = tx.Sessions().ByID(ctx, fake.Session(n, sessionOf(n)).ID)
			return err
		}
	case "account":
		return func(ctx context.Context, tx ports.Tx) (err error) {
			*who = identity{}
			who.account, err = tx.Accounts().ByID(ctx, sessionOf(n).ID)
			return err
		}
	case "account first":
		return func(ctx context.Context, tx ports.Tx) (err error) {
			*who = identity{}
			if who.account, err = tx.Accounts().ByID(ctx, sessionOf(n).ID); err != nil {
				return err
			}
			who.session, err = tx.Sessions().ByID(ctx, fake.Session(n, sessionOf(n)).ID)
			return err
		}
	default:
		return reading(n, who)
	}
}

// write draws a closure that writes.
func (m *model) write() step {
	n := m.session()
	return map[string]step{
		"end": end(n), "end all": endAll(n), "advance": advance(n), "rename": rename(n, "Ada"), "login": login(n), "purge": purge,
		"erase and return": eraseAndReturn(n),
		"create again": func(ctx context.Context, tx ports.Tx) error {
			if err := createSession(n)(ctx, tx); !errors.Is(err, ports.ErrConflict) {
				return err
			}
			return nil
		},
	}[rapid.SampledFrom([]string{"end", "end all", "advance", "rename", "login", "purge", "create again", "erase and return"}).Draw(m.t, "write")]
}

// check reads through the cache and compares with the truth.
func (m *model) check(when string) {
	var got, want identity
	read := m.closure(&got)
	opened := m.below.views.Load()
	err := m.cached.View(m.t.Context(), read)
	cached := got
	if wrong := m.plain.View(m.t.Context(), read); !errors.Is(err, wrong) && (err != nil || wrong != nil) {
		m.t.Fatalf("%s: error %v; want %v", when, err, wrong)
	}
	want = got
	if err == nil && !reflect.DeepEqual(cached, want) {
		m.t.Fatalf("%s, %d Views of the store:\n got %+v\nwant %+v", when, m.below.views.Load()-opened, cached, want)
	}
	spoilIdentity(cached)
}

// spoilIdentity changes what was answered, which is nobody else's.
func spoilIdentity(who identity) {
	for i := range who.account.Roles {
		who.account.Roles[i] = domain.RoleAdmin
	}
	for i := range who.session.Refresh.Nonce {
		who.session.Refresh.Nonce[i]++
	}
}

// outage reads while the store is gone: an error, or what would be read.
func (m *model) outage() {
	m.below.lastView = func() error { return ports.ErrUnavailable }
	defer func() { m.below.lastView = nil }()
	var got identity
	read := m.closure(&got)
	if err := m.cached.View(m.t.Context(), read); err != nil {
		if !errors.Is(err, ports.ErrUnavailable) {
			m.t.Fatalf("without the store: error %v; want %v", err, ports.ErrUnavailable)
		}
		return
	}
	cached := got
	if m.clock.Now().Sub(m.foreign) < stale {
		return // what another process wrote may be missing
	}
	if err := m.plain.View(m.t.Context(), read); err != nil || !reflect.DeepEqual(cached, got) {
		m.t.Fatalf("without the store: got %+v; want %+v, %v", cached, got, err)
	}
}

func (m *model) update(fn step, want error) {
	if err := m.cached.Update(m.t.Context(), fn); !errors.Is(err, want) {
		m.t.Fatalf("Update: %v; want %v", err, want)
	}
}

// forge lets the cache hear what nobody said, of rows that are there or not.
func (m *model) forge(t *rapid.T) {
	c := ports.Changes{Any: rapid.Bool().Draw(t, "any")}
	for range rapid.IntRange(0, 3).Draw(t, "rows") {
		n := m.session()
		c.Rows = append(c.Rows, rapid.SampledFrom([]domain.ID{sessionOf(n).ID, fake.Session(n, sessionOf(n)).ID, "", "nobody"}).Draw(t, "row"))
	}
	cache.Hear(m.relay, c)
}

func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		t.Repeat(map[string]func(*rapid.T){
			"read": func(*rapid.T) { m.check("a read") },
			"write": func(*rapid.T) {
				m.update(m.write(), nil)
				m.check("after a write")
			},
			"write that is taken back": func(*rapid.T) {
				write := m.write()
				m.update(func(ctx context.Context, tx ports.Tx) error { return errors.Join(write(ctx, tx), errOnPurpose) }, errOnPurpose)
				m.check("after a write that was taken back")
			},
			"write whose answer is lost": func(*rapid.T) {
				m.faults.LoseAnswer()
				m.update(m.write(), ports.ErrUnavailable)
				m.check("after a write whose answer was lost")
			},
			"write between reading and keeping": func(*rapid.T) {
				write := m.write()
				var who identity
				m.below.afterView = func() { m.update(write, nil) }
				_ = m.cached.View(t.Context(), m.closure(&who))
				m.below.afterView = nil // nothing was opened
				m.check("after a write between reading and keeping")
			},
			"read between commit and return": func(*rapid.T) {
				m.below.afterUpdate = func() {
					m.check("between commit and return")
					m.check("between commit and return, again")
				}
				m.update(m.write(), nil)
			},
			"write of another process": func(*rapid.T) {
				if err := m.plain.Update(t.Context(), m.write()); err != nil {
					t.Fatal(err)
				}
				m.foreign = m.clock.Now()
				m.clock.Advance(ttl)
			},
			"message that was forged": func(t *rapid.T) {
				m.forge(t)
				m.check("after a forged message")
			},
			"message that was forged during a read": func(t *rapid.T) {
				write := m.write()
				var who identity
				m.below.afterView = func() { m.forge(t); m.update(write, nil); m.forge(t) }
				_ = m.cached.View(t.Context(), m.closure(&who))
				m.below.afterView = nil // nothing was opened
				m.check("after a forged message during a read")
			},
			"message that was forged during a write": func(t *rapid.T) {
				m.below.beforeCommit = func() { m.forge(t) }
				m.below.afterUpdate = func() { m.forge(t); m.check("after a forged message during a write") }
				m.update(m.write(), nil)
				m.check("after a write with forged messages")
			},
			"write of another process that is told": func(*rapid.T) {
				if err := m.plain.Update(t.Context(), m.write()); err != nil {
					t.Fatal(err)
				}
				cache.Hear(m.relay, ports.Changes{Any: true})
				m.check("after a write that was told")
			},
			"read without the store": func(*rapid.T) { m.outage() },
			"time passes": func(t *rapid.T) {
				m.clock.Advance(time.Duration(rapid.IntRange(0, int(ttl/time.Millisecond)*3/2).Draw(t, "ms")) * time.Millisecond)
			},
		})
	})
}
