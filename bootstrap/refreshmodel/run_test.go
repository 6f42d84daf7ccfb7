package refreshmodel_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"authserve/adapters/outbound/entstore"
	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap/world"
	"authserve/core/domain"
	"authserve/core/session"
	"authserve/ports"
)

// retryKeys are the Idempotency-Keys that clients of the model use; the first is
// none at all.
var retryKeys = []string{"", "", "key-aaaaaaaaaaaaaaaaaaaa", "key-bbbbbbbbbbbbbbbbbbbb"}

// client is a session with everything that was ever issued for it.
type client struct {
	oracle
	id     domain.ID
	tokens []domain.Secret // by number; what a thief could have copied too
	access domain.Secret   // newest access token
	minted time.Time
	backup *backup
}

// backup is a row that was put aside, and what the model knew then.
type backup struct {
	row    domain.Session
	oracle oracle
}

// machine is the system under test beside its model.
type machine struct {
	t       *testing.T
	w       *world.World
	email   string
	clients []*client
}

func (m *machine) pick(rt *rapid.T) *client {
	if len(m.clients) == 0 {
		m.login()
	}
	return m.clients[rapid.IntRange(0, len(m.clients)-1).Draw(rt, "client")]
}

func (m *machine) login() {
	if len(m.clients) >= 4 {
		return
	}
	pair := m.w.Login(m.t, m.email)
	now := m.w.Clock.Now()
	m.clients = append(m.clients, &client{
		oracle: oracle{seen: now, born: now}, id: pair.SessionID,
		tokens: []domain.Secret{pair.Refresh}, access: pair.Access, minted: now,
	})
}

// present lets n callers present one token at the same moment and holds what they
// get against the oracle.
func (m *machine) present(rt *rapid.T, c *client, number int, key string, n int) {
	want := map[verdict]int{}
	for range n {
		want[c.oracle.present(number, key, m.w.Clock.Now())]++
	}
	results, errs := make([]session.RefreshResult, n), make([]error, n)
	if n == 1 {
		results[0], errs[0] = m.w.Sessions.Refresh(m.t.Context(), c.tokens[number], key)
	} else {
		var group sync.WaitGroup
		for i := range n {
			group.Go(func() { results[i], errs[i] = m.w.Sessions.Refresh(m.t.Context(), c.tokens[number], key) })
		}
		group.Wait()
	}
	got := map[verdict]int{}
	for i, r := range results {
		got[verdict(r.Outcome)]++
		m.checkAnswer(rt, c, number, r, errs[i])
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		rt.Fatalf("presenting token %d of %v: %v; the oracle says %v", number, &c.oracle, got, want)
	}
}

// checkAnswer makes sure that a number is one token for ever, and that refusals
// look alike.
func (m *machine) checkAnswer(rt *rapid.T, c *client, number int, r session.RefreshResult, err error) {
	switch verdict(r.Outcome) {
	case rotate, replay, ahead:
		if err != nil {
			rt.Fatalf("%s with error %v", r.Outcome, err)
		}
		if successor := number + 1; successor < len(c.tokens) {
			if c.tokens[successor] != r.Pair.Refresh {
				rt.Fatalf("double issue: two different tokens number %d", successor)
			}
		} else {
			c.tokens = append(c.tokens, r.Pair.Refresh)
		}
		c.access, c.minted = r.Pair.Access, m.w.Clock.Now()
	case limit:
		if domain.CodeOf(err) != domain.CodeRefreshRetryLimit {
			rt.Fatalf("retry limit with error %v", err)
		}
	default:
		if domain.CodeOf(err) != domain.CodeInvalidRefreshToken {
			rt.Fatalf("%s with error %v", r.Outcome, err)
		}
	}
}

// checkAccess is the invariant between steps: an access token that has not expired
// is good exactly as long as its session lives.
func (m *machine) checkAccess(rt *rapid.T) {
	now := m.w.Clock.Now()
	for _, c := range m.clients {
		if now.Sub(c.minted) >= world.AccessTTL {
			continue
		}
		_, err := m.w.Sessions.Authenticate(m.t.Context(), c.access.Reveal())
		switch {
		case c.alive(now) && err != nil:
			rt.Fatalf("false sign-out: %v is alive, its access token gets %v", &c.oracle, err)
		case !c.alive(now) && domain.KindOf(err) != domain.KindUnauthenticated:
			rt.Fatalf("%v is over, its access token gets %v", &c.oracle, err)
		}
	}
}

func (m *machine) actions() map[string]func(*rapid.T) {
	key := rapid.SampledFrom(retryKeys)
	return map[string]func(*rapid.T){
		"":      m.checkAccess,
		"login": func(*rapid.T) { m.login() },
		"refresh": func(rt *rapid.T) {
			c := m.pick(rt)
			m.present(rt, c, c.current, key.Draw(rt, "key"), 1)
		},
		"refresh again": func(rt *rapid.T) { // weight: most of life is this
			c := m.pick(rt)
			m.present(rt, c, c.current, "", 1)
		},
		"retry": func(rt *rapid.T) {
			c := m.pick(rt)
			m.present(rt, c, max(c.current-1, 0), key.Draw(rt, "key"), 1)
		},
		"parallel": func(rt *rapid.T) {
			c := m.pick(rt)
			number := max(c.current-rapid.IntRange(0, 1).Draw(rt, "back"), 0)
			m.present(rt, c, number, key.Draw(rt, "key"), rapid.IntRange(2, 16).Draw(rt, "callers"))
		},
		"steal": func(rt *rapid.T) { // any copy ever made
			c := m.pick(rt)
			m.present(rt, c, rapid.IntRange(0, len(c.tokens)-1).Draw(rt, "number"), key.Draw(rt, "key"), 1)
		},
		"logout": func(rt *rapid.T) {
			c := m.pick(rt)
			if rapid.IntRange(0, 3).Draw(rt, "rarely") != 0 {
				return
			}
			if err := m.w.Sessions.LogoutByRefresh(m.t.Context(), c.tokens[min(c.current, len(c.tokens)-1)]); err != nil {
				rt.Fatalf("logout: %v", err)
			}
			c.over = true
		},
		"seconds pass": func(rt *rapid.T) {
			m.w.Clock.Advance(time.Duration(rapid.IntRange(1, 40).Draw(rt, "s")) * time.Second)
		},
		"hours pass": func(rt *rapid.T) {
			m.w.Clock.Advance(time.Duration(rapid.IntRange(1, 30).Draw(rt, "h")) * time.Hour)
		},
		"days pass": func(rt *rapid.T) {
			m.w.Clock.Advance(time.Duration(rapid.IntRange(1, 15).Draw(rt, "d")) * 24 * time.Hour)
		},
		"back up": func(rt *rapid.T) { m.backUp(rt, m.pick(rt)) },
		"restore": func(rt *rapid.T) { m.restore(rt, m.pick(rt)) },
	}
}

func (m *machine) backUp(rt *rapid.T, c *client) {
	if c.over {
		return
	}
	c.backup = &backup{row: m.row(rt, c), oracle: c.oracle}
}

// restore puts an old row back while the session lives: what a failover to a
// lagging replica does.
func (m *machine) restore(rt *rapid.T, c *client) {
	if c.backup == nil || c.over {
		return
	}
	present := m.row(rt, c)
	err := m.w.Store.Update(m.t.Context(), func(ctx context.Context, tx ports.Tx) error {
		return tx.Sessions().Advance(ctx, c.backup.row, present.Refresh.RefreshPosition)
	})
	if err != nil {
		rt.Fatalf("restore: %v", err)
	}
	c.oracle = c.backup.oracle
}

func (m *machine) row(rt *rapid.T, c *client) domain.Session {
	var s domain.Session
	err := m.w.Store.View(m.t.Context(), func(ctx context.Context, tx ports.Tx) (err error) {
		s, err = tx.Sessions().ByID(ctx, c.id)
		return err
	})
	if err != nil {
		rt.Fatalf("read session: %v", err)
	}
	return s
}

// run lets every case happen to an account of its own in one world, whose clock
// goes on from case to case.
func run(t *testing.T, store ports.Store) {
	t.Helper()
	w := world.New(t, world.WithStore(store))
	cases := 0
	rapid.Check(t, func(rt *rapid.T) {
		cases++
		m := &machine{t: t, w: w, email: fmt.Sprintf("case%d@example.com", cases)}
		w.Register(t, m.email)
		rt.Repeat(m.actions())
	})
}

// `task model` runs these with -rapid.checks=10000 and 500; alone they run 100.

func TestRefreshAgainstTheModelInMemory(t *testing.T) {
	t.Parallel()
	run(t, memstore.New())
}

func TestRefreshAgainstTheModelOnSQLite(t *testing.T) {
	t.Parallel()
	store, err := entstore.Open(t.Context(), entstore.Config{URL: "sqlite://" + filepath.Join(t.TempDir(), "model.db"), Synchronous: "NORMAL"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := store.Migrator().Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	run(t, store)
}
