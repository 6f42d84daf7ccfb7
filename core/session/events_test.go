package session_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap/world"
	"authserve/core/domain"
	"authserve/core/session"
	"authserve/ports"
)

// within runs fn in one transaction.
func within(t *testing.T, w *world.World, fn func(ctx context.Context, tx ports.Tx) error) error {
	t.Helper()
	return w.Store.Update(t.Context(), fn)
}

func TestEndEveryEndsAllAndSaysSoOnce(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	a := w.Register(t, email)
	w.Register(t, "grace@example.com")
	pairs := []domain.TokenPair{w.Login(t, email), w.Login(t, email)}
	stays := w.Login(t, "grace@example.com")
	for range 2 {
		err := within(t, w, func(ctx context.Context, tx ports.Tx) error {
			return w.Sessions.EndEvery(ctx, tx, a.ID, domain.EndedByReset)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, pair := range pairs {
		if s := row(t, w, pair.SessionID); s.EndReason != domain.EndedByReset || !s.EndedAt.Equal(w.Clock.Now()) {
			t.Errorf("session = %+v", s)
		}
		wantRefused(t, w, pair.Refresh, session.Ended)
	}
	mustRefresh(t, w, stays.Refresh, session.Rotated)
	told := 0
	for _, e := range w.Audit(t, a.ID) {
		if e.Action == domain.AuditSessionEnded {
			told++
			if e.Detail["reason"] != string(domain.EndedByReset) || e.Detail["scope"] != "all" {
				t.Errorf("detail = %v", e.Detail)
			}
		}
	}
	if told != 1 {
		t.Errorf("%d events; want one, and none where nothing ended", told)
	}
}

func TestRenewCarriesOneSessionOver(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	a := w.Register(t, email)
	mine, other := w.Login(t, email), w.Login(t, email)
	mine = mustRefresh(t, w, mine.Refresh, session.Rotated)
	w.Clock.Advance(time.Hour)
	var renewed domain.Session
	err := within(t, w, func(ctx context.Context, tx ports.Tx) error {
		next := a
		next.Version.AuthGeneration++
		if err := tx.Accounts().Update(ctx, next, a.Version); err != nil {
			return err
		}
		s, err := tx.Sessions().ByID(ctx, mine.SessionID)
		if err != nil {
			return err
		}
		renewed, err = w.Sessions.Renew(ctx, tx, next, s, domain.EndedByPassword)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if s := row(t, w, mine.SessionID); s.Generation != 2 || s.Refresh.Counter != 0 || s.Refresh.Retries != 0 || !s.Refresh.RotatedAt.IsZero() || !s.LastSeenAt.Equal(w.Clock.Now()) || !s.ExpiresAt.Equal(w.Clock.Now().Add(world.Idle)) {
		t.Errorf("session = %+v", s)
	}
	wantRefused(t, w, mine.Refresh, session.InvalidToken)
	wantRefused(t, w, other.Refresh, session.Ended)
	if s := row(t, w, other.SessionID); s.EndReason != domain.EndedByPassword {
		t.Errorf("another session = %+v; want it ended", s)
	}
	next := a
	next.Version.AuthGeneration = 2
	pair, err := w.Sessions.Issue(t.Context(), next, renewed)
	if err != nil {
		t.Fatal(err)
	}
	mustRefresh(t, w, pair.Refresh, session.Rotated)
}

func TestRenewOfWhatEndedIsStale(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	a := w.Register(t, email)
	pair := w.Login(t, email)
	s := row(t, w, pair.SessionID)
	if err := w.Sessions.LogoutByRefresh(t.Context(), pair.Refresh); err != nil {
		t.Fatal(err)
	}
	err := within(t, w, func(ctx context.Context, tx ports.Tx) error {
		_, err := w.Sessions.Renew(ctx, tx, a, s, domain.EndedByPassword)
		return err
	})
	if !errors.Is(err, ports.ErrStale) {
		t.Errorf("got %v; want %v", err, ports.ErrStale)
	}
}

// removed is a store from which accounts are removed between two reads of one
// transaction, as READ COMMITTED shows it.
type removed struct {
	ports.Store
	now bool
}

func (r *removed) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	return r.Store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		if r.now {
			tx = removedTx{tx}
		}
		return fn(ctx, tx)
	})
}

type removedTx struct{ ports.Tx }

func (t removedTx) Accounts() ports.Accounts { return removedAccounts{t.Tx.Accounts()} }

type removedAccounts struct{ ports.Accounts }

func (removedAccounts) ByID(context.Context, domain.ID) (domain.Account, error) {
	return domain.Account{}, ports.ErrNotFound
}

func TestRefreshOfAnAccountThatIsRemovedMeanwhile(t *testing.T) {
	t.Parallel()
	store := &removed{Store: memstore.New()}
	w := world.New(t, world.WithStore(store))
	w.Register(t, email)
	pair := w.Login(t, email)
	store.now = true
	wantRefused(t, w, pair.Refresh, session.Ended)
}

// An owner is told once an hour of each kind of event, and nobody's notices are in the
// way of another's.
func TestNoticesAreBoundedByAccountAndKind(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	ada, grace := w.Register(t, email), w.Register(t, "grace@example.com")
	due := func() (kinds []domain.MessageKind) {
		t.Helper()
		err := within(t, w, func(ctx context.Context, tx ports.Tx) error {
			claimed, err := tx.Outbox().Claim(ctx, w.Clock.Now(), w.Clock.Now().Add(1000*time.Hour), 100)
			kinds = nil
			for _, m := range claimed {
				kinds = append(kinds, m.Kind)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return kinds
	}
	due()
	notify := func(a domain.Account, kind domain.MessageKind) {
		t.Helper()
		err := within(t, w, func(ctx context.Context, tx ports.Tx) error {
			return w.Sessions.Notify(ctx, tx, domain.NewMessage(w.IDs.New(), kind, a, nil, w.Clock.Now()))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		notify(ada, domain.MessageNewDevice)
		notify(ada, domain.MessagePasswordChanged)
		notify(grace, domain.MessageNewDevice)
	}
	if got := due(); len(got) != 3 {
		t.Errorf("told %v; want one of each", got)
	}
	w.Clock.Advance(time.Hour - time.Microsecond)
	notify(ada, domain.MessageNewDevice)
	if got := due(); len(got) != 0 {
		t.Errorf("told %v within the hour", got)
	}
	w.Clock.Advance(time.Microsecond)
	notify(ada, domain.MessageNewDevice)
	if got := due(); len(got) != 1 {
		t.Errorf("told %v after an hour; want one", got)
	}
}
