package session_test

import (
	"context"
	"testing"
	"time"

	"authserve/bootstrap/world"
	"authserve/core/domain"
	"authserve/core/session"
	"authserve/ports"
)

func authenticate(t *testing.T, w *world.World, pair domain.TokenPair) domain.Identity {
	t.Helper()
	who, err := w.Sessions.Authenticate(t.Context(), pair.Access.Reveal())
	if err != nil {
		t.Fatalf("authenticate: %v", err)
	}
	return who
}

func wantEnded(t *testing.T, w *world.World, pair domain.TokenPair) {
	t.Helper()
	if _, err := w.Sessions.Authenticate(t.Context(), pair.Access.Reveal()); domain.CodeOf(err) != domain.CodeSessionEnded {
		t.Errorf("access token: %v; want %s on the very next request", err, domain.CodeSessionEnded)
	}
	wantRefused(t, w, pair.Refresh, session.Ended)
}

func TestLogoutEndsTheSessionAtOnce(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	pair, other := w.Login(t, email), w.Login(t, email)
	who := authenticate(t, w, pair)
	if err := w.Sessions.Logout(t.Context(), who); err != nil {
		t.Fatal(err)
	}
	wantEnded(t, w, pair)
	authenticate(t, w, other)
	if err := w.Sessions.Logout(t.Context(), who); err != nil {
		t.Errorf("a second logout in flight: %v; want no error", err)
	}
}

func TestLogoutByRefreshToken(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	pair := w.Login(t, email)
	if err := w.Sessions.LogoutByRefresh(t.Context(), domain.NewSecret("as1.x.y.0.z")); domain.CodeOf(err) != domain.CodeInvalidRefreshToken {
		t.Errorf("forged token: %v", err)
	}
	next := mustRefresh(t, w, pair.Refresh, session.Rotated)
	if err := w.Sessions.LogoutByRefresh(t.Context(), next.Refresh); err != nil {
		t.Fatal(err)
	}
	wantEnded(t, w, next)
}

func TestOwnerListsAndEndsSessions(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	w.Register(t, "eve@example.com")
	var pairs []domain.TokenPair
	for range 3 {
		pairs = append(pairs, w.Login(t, email))
		w.Clock.Advance(time.Second)
	}
	who, eve := authenticate(t, w, pairs[0]), authenticate(t, w, w.Login(t, "eve@example.com"))

	page, err := w.Sessions.List(t.Context(), who, domain.PageRequest{Limit: 2})
	if err != nil || len(page.Items) != 2 || page.Items[0].ID != pairs[2].SessionID || page.Next == nil {
		t.Fatalf("first page = %+v, %v; want the two newest and a next page", page, err)
	}
	if err := w.Sessions.End(t.Context(), eve, pairs[1].SessionID); domain.CodeOf(err) != domain.CodeNotFound {
		t.Errorf("somebody else's session: %v; want %s", err, domain.CodeNotFound)
	}
	if err := w.Sessions.End(t.Context(), who, pairs[1].SessionID); err != nil {
		t.Fatal(err)
	}
	wantEnded(t, w, pairs[1])
	if err := w.Sessions.End(t.Context(), who, pairs[1].SessionID); domain.CodeOf(err) != domain.CodeNotFound {
		t.Errorf("an ended session: %v; want %s", err, domain.CodeNotFound)
	}
	if n, err := w.Sessions.EndAll(t.Context(), who, false); err != nil || n != 1 {
		t.Errorf("end all others = %d, %v; want 1", n, err)
	}
	wantEnded(t, w, pairs[2])
	authenticate(t, w, pairs[0])
	if n, err := w.Sessions.EndAll(t.Context(), who, true); err != nil || n != 1 {
		t.Errorf("end all = %d, %v; want 1", n, err)
	}
	wantEnded(t, w, pairs[0])
}

func TestOldestSessionGoesAtTheMaximum(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	var pairs []domain.TokenPair
	for range world.Sessions + 1 {
		pairs = append(pairs, w.Login(t, email))
		w.Clock.Advance(time.Second)
	}
	wantEnded(t, w, pairs[0])
	for _, pair := range pairs[1:] {
		authenticate(t, w, pair)
	}
}

func TestSecurityEventsOutdateTokens(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*domain.Account)
		want   domain.Code
	}{
		"generation raised": {func(a *domain.Account) { a.Version.AuthGeneration++ }, domain.CodeInvalidToken},
		"account disabled":  {func(a *domain.Account) { a.Status = domain.AccountDisabled }, domain.CodeSessionEnded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			a := w.Register(t, email)
			pair := w.Login(t, email)
			err := w.Store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
				from, err := tx.Accounts().ByID(ctx, a.ID)
				if err != nil {
					return err
				}
				changed := from.Clone()
				c.change(&changed)
				return tx.Accounts().Update(ctx, changed, from.Version)
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Sessions.Authenticate(t.Context(), pair.Access.Reveal()); domain.CodeOf(err) != c.want {
				t.Errorf("access token: %v; want %s", err, c.want)
			}
			wantRefused(t, w, pair.Refresh, session.Ended)
		})
	}
}

func TestATokenIsForTheOwnerOfItsSessionOnly(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	eve := w.Register(t, "eve@example.com")
	w.Register(t, email)
	owner := authenticate(t, w, w.Login(t, email))
	mixed, _, err := w.Tokens.Mint(t.Context(), eve, owner.Session)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Sessions.Authenticate(t.Context(), mixed.Reveal()); domain.CodeOf(err) != domain.CodeInvalidToken {
		t.Errorf("a token of eve for the owner's session: %v; want %s", err, domain.CodeInvalidToken)
	}
}

func TestAccessTokenNeverOutlivesItsSession(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	pair := w.Login(t, email)
	for range 2 {
		w.Clock.Advance(world.Idle - time.Minute)
		pair = mustRefresh(t, w, pair.Refresh, session.Rotated)
	}
	w.Clock.Advance(world.Absolute - 2*(world.Idle-time.Minute) - time.Minute)
	pair = mustRefresh(t, w, pair.Refresh, session.Rotated)
	if pair.AccessExpiresIn != time.Minute {
		t.Errorf("access token expires in %v; want the session's last minute", pair.AccessExpiresIn)
	}
	w.Clock.Advance(time.Minute)
	if _, err := w.Sessions.Authenticate(t.Context(), pair.Access.Reveal()); domain.KindOf(err) != domain.KindUnauthenticated {
		t.Errorf("after the absolute limit: %v; want refused", err)
	}
}
