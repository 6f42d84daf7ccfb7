package session_test

import (
	"context"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap/world"
	"authserve/core/domain"
	"authserve/core/session"
	"authserve/ports"
	"authserve/ports/fake"
)

// losing is a store whose next Updates lose their race, as conditional writes do
// where transactions run side by side: the closure runs, nothing is kept.
type losing struct {
	ports.Store
	races int
	then  func() // what the winner did, once
}

func (l *losing) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	if l.races == 0 {
		return l.Store.Update(ctx, fn)
	}
	l.races--
	lost := l.Store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		if err := fn(ctx, tx); err != nil {
			return err
		}
		return ports.ErrStale
	})
	if then := l.then; then != nil {
		l.then = nil
		then()
	}
	return lost
}

// renew gives the session a new nonce, as every security event does.
func renew(t *testing.T, w *world.World, id domain.ID) {
	t.Helper()
	old := row(t, w, id)
	fresh := old.Clone()
	fresh.Refresh.Nonce = w.Random.Bytes(domain.NonceSize)
	err := w.Store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		return tx.Sessions().Advance(ctx, fresh, old.Refresh.RefreshPosition)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestALostRaceIsJudgedAnew(t *testing.T) {
	t.Parallel()
	store := &losing{Store: memstore.New()}
	w := world.New(t, world.WithStore(store))
	w.Register(t, email)
	pair := w.Login(t, email)

	store.races = 1
	pair = mustRefresh(t, w, pair.Refresh, session.Rotated)

	store.races, store.then = 1, func() { renew(t, w, pair.SessionID) }
	wantRefused(t, w, pair.Refresh, session.InvalidToken) // what the first run found is void

	pair = w.Login(t, email)
	store.races = 1000
	r, err := refresh(t, w, pair.Refresh, "")
	if domain.CodeOf(err) != domain.CodeDependencyUnavailable || r.Outcome != session.Failed {
		t.Errorf("a race lost for ever: %s, %v; want it told as trouble of ours", r.Outcome, err)
	}
}

func TestANewNonceVoidsEarlierTokens(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	pair := w.Login(t, email)
	renew(t, w, pair.SessionID)
	wantRefused(t, w, pair.Refresh, session.InvalidToken)
	if err := w.Sessions.LogoutByRefresh(t.Context(), pair.Refresh); domain.CodeOf(err) != domain.CodeInvalidRefreshToken {
		t.Errorf("logout by a void token: %v; want refused", err)
	}
	if s := row(t, w, pair.SessionID); !s.EndedAt.IsZero() {
		t.Error("a void token ended the session")
	}
}

func TestRefreshMovesLastSeen(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	pair := w.Login(t, email)
	seen := w.Clock.Advance(time.Hour)
	mustRefresh(t, w, pair.Refresh, session.Rotated)
	w.Clock.Advance(time.Second)
	mustRefresh(t, w, pair.Refresh, session.Replayed)
	if got := row(t, w, pair.SessionID).LastSeenAt; !got.Equal(seen) {
		t.Errorf("last seen %v; want the rotation at %v", got, seen)
	}
}

func TestRetryKeyOutlivesARotationOfTheKeyring(t *testing.T) {
	t.Parallel()
	const key = "0123456789abcdefghijkl"
	w := world.New(t)
	w.Register(t, email)
	first := w.Login(t, email)
	second, err := refresh(t, w, first.Refresh, key)
	if err != nil {
		t.Fatal(err)
	}
	rotated := w.WithNewMasterKey(t)
	w.Clock.Advance(time.Hour)
	retry, err := refresh(t, rotated, first.Refresh, key)
	if err != nil || retry.Outcome != session.Replayed || retry.Pair.Refresh != second.Pair.Refresh {
		t.Errorf("retry with its key across a rotation = %s, %v; want the same successor", retry.Outcome, err)
	}
}

// forgedStore is a world whose store fails if anybody touches it.
func forgedStore(t *testing.T) (*world.World, *fake.BrokenStore) {
	t.Helper()
	store := fake.Broken(fake.Twice(memstore.New()))
	return world.New(t, world.WithStore(store)), store
}
