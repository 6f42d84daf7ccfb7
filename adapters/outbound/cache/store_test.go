package cache_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric/noop"

	"authserve/adapters/outbound/cache"
	"authserve/adapters/outbound/memstore"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func TestASecondViewOpensNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings())
	first := w.wants(0, 1)
	second := w.wants(0, 0)
	if !reflect.DeepEqual(first, second) {
		t.Errorf("got %+v the second time; want %+v", second, first)
	}
	w.wants(2, 1) // another session of the same account has a snapshot of its own
	w.wants(0, 0)
	w.wants(2, 0)
}

func TestWritesAreSeenAtOnce(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]step{
		"end": end(0), "end all": endAll(0), "advance": advance(0), "rename": rename(0, "Ada"), "login": login(0), "erase": erase(0),
		"purge": func(ctx context.Context, tx ports.Tx) error {
			if err := end(0)(ctx, tx); err != nil {
				return err
			}
			return purge(ctx, tx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, settings())
			before := w.wants(0, 1)
			w.wants(0, 0)
			w.update(write)
			after, opened, err := w.authenticate(0)
			if opened != 1 || err == nil && reflect.DeepEqual(before, after) {
				t.Errorf("after the write: %+v, %v, %d Views of the store; want it seen", after, err, opened)
			}
		})
	}
}

// The account and each of its sessions, whichever of them was read.
func TestAnErasedAccountIsGoneAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings())
	w.wants(0, 1)
	w.wants(2, 1)
	w.wants(1, 1)
	w.update(erase(0))
	for _, n := range []int{0, 2} {
		if who, _, err := w.authenticate(n); !errors.Is(err, ports.ErrNotFound) {
			t.Errorf("session %d of the erased account: got %+v, %v; want %v", n, who, err, ports.ErrNotFound)
		}
	}
	w.wants(1, 0) // of somebody else
	w.below.lastView = func() error { return ports.ErrUnavailable }
	if who, _, err := w.authenticate(0); err == nil {
		t.Errorf("without the store: got %+v of the erased account", who)
	}
}

func TestWritesToOthersChangeNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings())
	w.wants(0, 1)
	w.update(endAll(1))
	w.update(rename(1, "Eve"))
	w.update(func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Sessions().Purge(ctx, fake.Epoch().Add(-time.Hour), 100) // removes nothing
		return err
	})
	w.wants(0, 0)
}

func TestAnUpdateThatFailedIsTakenForMade(t *testing.T) {
	t.Parallel()
	broken := fake.Broken(memstore.New())
	w := newWorldOver(t, settings(), broken)
	w.wants(0, 1)
	broken.LoseAnswer()
	if err := w.store.Update(t.Context(), end(0)); !errors.Is(err, ports.ErrUnavailable) {
		t.Fatalf("Update: %v; want its answer lost", err)
	}
	if who := w.wants(0, 1); who.session.EndedAt.IsZero() {
		t.Error("a commit whose answer was lost is not seen")
	}
	broken.FailView(ports.ErrUnavailable)
	w.clock.Advance(ttl)
	if who := w.wants(0, 1); who.session.EndedAt.IsZero() {
		t.Error("the session before its end is served as stale")
	}
}

func TestAPanicEndsTheWriting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings())
	func() {
		defer func() { _ = recover() }()
		_ = w.store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
			if err := end(0)(ctx, tx); err != nil {
				return err
			}
			panic("on purpose")
		})
	}()
	w.wants(0, 1)
	w.wants(0, 0)
}

// What is read while a write goes on must not be kept past it, wherever they meet.
func TestReadingBesideAWriteKeepsNothingOld(t *testing.T) {
	t.Parallel()
	t.Run("the write comes between reading and keeping", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, settings())
		w.below.afterView = func() { w.update(end(0)) }
		w.wants(0, 1)
		if who := w.wants(0, 1); who.session.EndedAt.IsZero() {
			t.Error("the session before its end was kept")
		}
	})
	t.Run("the write is open when the read ends", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, settings())
		commit, done := make(chan struct{}), make(chan error)
		w.below.afterView = func() {
			written := make(chan struct{})
			w.below.beforeCommit = func() { close(written); <-commit }
			go func() { done <- w.store.Update(context.WithoutCancel(t.Context()), end(0)) }()
			<-written
		}
		w.wants(0, 1)
		close(commit)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if who := w.wants(0, 1); who.session.EndedAt.IsZero() {
			t.Error("the session before its end was kept")
		}
	})
	t.Run("the write is committed and has not returned", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, settings())
		w.wants(0, 1)
		w.below.afterUpdate = func() {
			for range 2 { // nobody may see less than somebody before
				if who := w.wants(0, 1); who.session.EndedAt.IsZero() {
					t.Error("the session before its end is served after the commit")
				}
			}
		}
		w.update(end(0))
	})
}

func TestOneSnapshot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings())
	w.wants(0, 1)
	var who identity
	runs := 0
	err := w.store.View(t.Context(), func(ctx context.Context, tx ports.Tx) (err error) {
		runs++
		if who.session, err = tx.Sessions().ByID(ctx, fake.Session(0, sessionOf(0)).ID); err != nil {
			return err
		}
		if runs == 1 {
			w.update(rename(0, "Ada"))
			other := identity{}
			if err := w.store.View(ctx, reading(0, &other)); err != nil || other.account.DisplayName != "Ada" {
				t.Errorf("a View inside: %q, %v; want the new name", other.account.DisplayName, err)
			}
		}
		who.account, err = tx.Accounts().ByID(ctx, who.session.AccountID)
		return err
	})
	if err != nil || runs != 1 || who.account.DisplayName != fake.Account(1).DisplayName {
		t.Errorf("a View across a write: %q after %d runs, %v; want what was there at first", who.account.DisplayName, runs, err)
	}
}

func TestWhatIsKeptDoesNotReach(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings())
	w.wants(0, 1)
	runs, page := 0, domain.Page[domain.Session]{}
	err := w.store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		runs++
		s, err := tx.Sessions().ByID(ctx, fake.Session(0, sessionOf(0)).ID)
		if err != nil {
			return err
		}
		page, err = tx.Sessions().ListActive(ctx, s.AccountID, fake.Epoch(), 0, domain.PageRequest{Limit: 10})
		return err
	})
	if err != nil || runs != 2 || len(page.Items) != 2 {
		t.Errorf("reading on: %d sessions after %d runs, %v; want 2 after 2", len(page.Items), runs, err)
	}
	w.wants(0, 0)
}

func TestARowThatIsMissingIsNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings())
	for range 2 {
		if _, opened, err := w.authenticate(99); !errors.Is(err, ports.ErrNotFound) || opened != 1 {
			t.Errorf("an unknown session: %v, %d Views of the store; want not found, and 1", err, opened)
		}
	}
	w.update(createSession(99))
	w.wants(99, 1)
}

func TestTooManyRowsAreNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings())
	all := func(ctx context.Context, tx ports.Tx) error {
		for n := range sessions {
			var who identity
			if err := reading(n, &who)(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	}
	for i := int64(1); i <= 2; i++ {
		if err := w.store.View(t.Context(), all); err != nil || w.below.views.Load() != i {
			t.Errorf("a View of six rows: %v, %d Views of the store; want %d", err, w.below.views.Load(), i)
		}
	}
}

// An ended session is refused elsewhere within the TTL, so that long and no longer.
func TestWritesOfOthersAreSeenAfterTheTTL(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings())
	w.wants(0, 1)
	if err := w.below.Store.Update(t.Context(), end(0)); err != nil { // another process
		t.Fatal(err)
	}
	w.clock.Advance(ttl - time.Microsecond)
	if who := w.wants(0, 0); !who.session.EndedAt.IsZero() {
		t.Error("the session has ended already; want the cache to have answered")
	}
	w.clock.Advance(time.Microsecond)
	if who := w.wants(0, 1); who.session.EndedAt.IsZero() {
		t.Error("the session has not ended after the TTL")
	}
	w.clock.Set(fake.Epoch().Add(-time.Hour))
	w.wants(0, 1) // a clock that was set back makes nothing young
}

func TestAnExpiredSessionIsKeptAsItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings())
	w.update(func(ctx context.Context, tx ports.Tx) error {
		s := fake.Session(50, fake.Account(1))
		s.ExpiresAt = fake.Epoch().Add(ttl / 2)
		return tx.Sessions().Create(ctx, s)
	})
	id := fake.Session(50, fake.Account(1)).ID
	var kept domain.Session
	read := func(ctx context.Context, tx ports.Tx) (err error) {
		kept, err = tx.Sessions().ByID(ctx, id)
		return err
	}
	for _, active := range []bool{true, false} {
		if err := w.store.View(t.Context(), read); err != nil || kept.IsActive(w.clock.Now()) != active {
			t.Errorf("at %v: active %t, %v; want %t", w.clock.Now(), !active, err, active)
		}
		w.clock.Advance(ttl / 2)
	}
}

func TestOldAnswersServeWhileTheStoreIsGone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  error
		age    time.Duration
		served bool
	}{
		"unavailable":           {ports.ErrUnavailable, stale - time.Microsecond, true},
		"overloaded":            {ports.ErrOverloaded, ttl, false},
		"wrapped":               {ports.ErrUnavailable.Wrap(errors.New("connection refused")), ttl, true},
		"too old":               {ports.ErrUnavailable, stale, false},
		"another error":         {errors.New("on purpose"), ttl, false},
		"not found":             {ports.ErrNotFound, ttl, false},
		"the caller has left":   {context.Canceled, ttl, false},
		"no time left upstream": {context.DeadlineExceeded, ttl, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, settings())
			w.wants(0, 1)
			w.clock.Advance(c.age)
			w.below.lastView = func() error { return c.fault }
			for range 2 {
				who, opened, err := w.authenticate(0)
				if opened != 1 {
					t.Errorf("%d Views of the store; want the store asked each time", opened)
				}
				if c.served && (err != nil || who.account.ID != sessionOf(0).ID) {
					t.Errorf("answered %v, %v; want what is kept", who, err)
				}
				if !c.served && !errors.Is(err, c.fault) {
					t.Errorf("answered %v; want %v", err, c.fault)
				}
			}
			if _, _, err := w.authenticate(1); !errors.Is(err, c.fault) {
				t.Errorf("what was never read: %v; want %v", err, c.fault)
			}
			w.below.lastView = nil
			w.wants(0, 1)
			w.wants(0, 0)
		})
	}
}

func TestStaleCanBeOff(t *testing.T) {
	t.Parallel()
	cfg := settings()
	cfg.Stale = 0
	w := newWorld(t, cfg)
	w.wants(0, 1)
	w.clock.Advance(ttl)
	w.below.lastView = func() error { return ports.ErrUnavailable }
	if _, _, err := w.authenticate(0); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("answered %v; want %v", err, ports.ErrUnavailable)
	}
}

func TestTheLeastRecentlyUsedGoes(t *testing.T) {
	t.Parallel()
	cfg := settings()
	cfg.Entries = 2
	w := newWorld(t, cfg)
	w.wants(0, 1)
	w.wants(1, 1)
	w.wants(0, 0)
	w.wants(2, 1) // instead of 1
	w.wants(0, 0)
	w.wants(2, 0)
	w.wants(1, 1) // instead of 0
	w.wants(0, 1) // instead of 2
	w.clock.Advance(ttl)
	w.wants(1, 1) // anew, and so younger than 0
	w.wants(2, 1) // instead of 0
	w.wants(1, 0)
}

func TestOfTwoReadsTheYoungerStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings())
	w.below.afterView = func() {
		w.clock.Advance(ttl / 2)
		w.wants(0, 1)
	}
	if _, _, err := w.authenticate(0); err != nil { // began first, ends last
		t.Fatal(err)
	}
	w.clock.Advance(ttl / 2)
	w.wants(0, 0)
}

func TestNoTimeLeftIsNoReasonForOldAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, settings())
	w.wants(0, 1)
	w.clock.Advance(ttl)
	ctx, cancel := context.WithCancel(t.Context())
	w.below.lastView = func() error { cancel(); return ports.ErrUnavailable }
	var who identity
	if err := w.store.View(ctx, reading(0, &who)); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("answered %v; want %v", err, ports.ErrUnavailable)
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	_, err := cache.New(memstore.New(), cache.Config{Stale: -1}, fake.NewClock(fake.Epoch()), noop.NewMeterProvider())
	for _, word := range []string{"entries", "time to live", "stale"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error %v; want a word about %q", err, word)
		}
	}
}
