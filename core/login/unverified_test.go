package login_test

import (
	"context"
	"testing"

	"authserve/bootstrap/world"
	"authserve/core/domain"
	"authserve/core/login"
	"authserve/core/session"
	"authserve/ports"
)

func TestUnverifiedAccountsAreToldOnlyAfterTheRightPassword(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.WithVerifiedOnly())
	owner := w.Register(t, email)
	disable(t, w, w.Register(t, "off@example.com").ID)
	for name, c := range map[string]struct {
		identifier, password string
		want                 domain.Code
	}{
		"right":            {email, world.Password, domain.CodeEmailNotVerified},
		"wrong":            {email, wrong, domain.CodeInvalidCredentials},
		"unknown":          {"nobody@example.com", world.Password, domain.CodeInvalidCredentials},
		"disabled, right":  {"off@example.com", world.Password, domain.CodeInvalidCredentials},
		"disabled, wrong":  {"off@example.com", wrong, domain.CodeInvalidCredentials},
		"right once again": {email, world.Password, domain.CodeEmailNotVerified},
	} {
		before := w.Hasher.Verifies()
		_, err := guess(t.Context(), w, c.identifier, c.password, "")
		if domain.CodeOf(err) != c.want || w.Hasher.Verifies()-before != 1 {
			t.Errorf("%s: %v after %d hashes; want %s after 1", name, err, w.Hasher.Verifies()-before, c.want)
		}
	}
	verify(t, w, owner.ID)
	w.Login(t, email)
}

// Who registers a stranger's address must not learn by the login with that password
// whether this made an account.
func TestPrivateRegistrationCannotBeProbedByLogin(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.WithPrivacy())
	w.Register(t, "free@example.com")
	w.Register(t, email)
	var taken domain.Account
	err := w.Store.View(t.Context(), func(ctx context.Context, tx ports.Tx) (err error) {
		taken, err = tx.Accounts().ByEmail(ctx, email)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	verify(t, w, taken.ID)
	const other = "another horse battery staple"
	for address, password := range map[string]string{"free@example.com": world.Password, email: other} {
		_, err := guess(t.Context(), w, address, password, "")
		if domain.CodeOf(err) != domain.CodeInvalidCredentials {
			t.Errorf("%s: %v; want %s", address, err, domain.CodeInvalidCredentials)
		}
	}
	w.Login(t, email)
}

// The refusal gives no more guesses than any other: a closed class stays closed.
func TestUnverifiedAccountsAreThrottledLikeOthers(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.WithVerifiedOnly())
	w.Register(t, email)
	for range 200 { // right ones are no failures, and take nothing
		if _, err := guess(whereabouts(t, "192.0.2.7", "x"), w, email, world.Password, ""); domain.CodeOf(err) != domain.CodeEmailNotVerified {
			t.Fatal(err)
		}
	}
	h := &interrupted{Hasher: w.Hasher, change: func() { exhaust(t, w, email) }}
	logins := verifiedLoginsWith(w, h)
	if _, err := logins.WithPassword(t.Context(), login.Attempt{Identifier: email, Password: domain.NewSecret(world.Password)}); domain.CodeOf(err) != domain.CodeTooManyAttempts {
		t.Errorf("right, after the class was closed: %v", err)
	}
	if _, err := guess(t.Context(), w, email, world.Password, ""); domain.CodeOf(err) != domain.CodeTooManyAttempts {
		t.Errorf("right, in a closed class: %v", err)
	}
}

func verifiedLoginsWith(w *world.World, h ports.Hasher) *login.Service {
	sessions := session.New(w.Store, w.Tokens, w.Sealer, w.Clock, w.IDs, w.Random, session.Config{MaxPerAccount: world.Sessions})
	return login.New(w.Store, h, sessions, w.Throttle, w.Sealer, w.Clock, w.IDs, login.Config{RequireVerifiedEmail: true})
}

func verify(t *testing.T, w *world.World, id domain.ID) {
	t.Helper()
	err := w.Store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		a, err := tx.Accounts().ByID(ctx, id)
		if err != nil {
			return err
		}
		from := a.Version
		a.EmailVerifiedAt = w.Clock.Now()
		a.Version.Profile++
		return tx.Accounts().Update(ctx, a, from)
	})
	if err != nil {
		t.Fatal(err)
	}
}
