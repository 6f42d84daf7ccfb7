package login_test

import (
	"context"
	"fmt"
	"testing"

	"authserve/bootstrap/world"
	"authserve/core/domain"
	"authserve/core/login"
	"authserve/core/session"
	"authserve/ports"
)

func TestOverloadEndsTheRunOfRehashes(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	for i := range 3 {
		w.Register(t, fmt.Sprintf("user%d@example.com", i))
	}
	w.Hasher.SetCost(2)
	for i := range 3 {
		w.Login(t, fmt.Sprintf("user%d@example.com", i))
	}
	w.Hasher.Fail(ports.ErrOverloaded)
	rehash(t, w, 0)
	if got := w.Hasher.Rehashes(); got != 1 {
		t.Errorf("%d tries while the hasher has no room; want 1", got)
	}
	w.Hasher.Fail(nil)
	rehash(t, w, 3)
}

func TestSixtyFourRehashesWait(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	for i := range 65 {
		w.Register(t, fmt.Sprintf("user%d@example.com", i))
	}
	w.Hasher.SetCost(2)
	for i := range 65 {
		w.Login(t, fmt.Sprintf("user%d@example.com", i))
	}
	rehash(t, w, 64)
}

// interrupted changes the account once, while its password is being checked.
type interrupted struct {
	ports.Hasher
	change func()
}

func (h *interrupted) Verify(ctx context.Context, p domain.Password, hash domain.PasswordHash) (match, needsRehash bool, err error) {
	if h.change != nil {
		h.change()
		h.change = nil
	}
	return h.Hasher.Verify(ctx, p, hash)
}

// loginsWith are those of w with another hasher.
func loginsWith(w *world.World, h ports.Hasher) *login.Service {
	sessions := session.New(w.Store, w.Tokens, w.Sealer, w.Clock, w.IDs, w.Random, session.Config{
		Limits: domain.SessionLimits{Idle: world.Idle, Absolute: world.Absolute, Grace: world.Grace}, MaxPerAccount: world.Sessions,
	})
	return login.New(w.Store, h, sessions, w.Throttle, w.Sealer, w.Clock, w.IDs, login.Config{})
}

func TestChangeDuringALoginThatLeavesThePasswordIsNoRefusal(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	owner := w.Register(t, email)
	h := &interrupted{Hasher: w.Hasher, change: func() {
		err := w.Store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
			a, err := tx.Accounts().ByID(ctx, owner.ID)
			if err != nil {
				return err
			}
			from := a.Version
			a.Version.AuthGeneration++
			return tx.Accounts().Update(ctx, a, from)
		})
		if err != nil {
			t.Error(err)
		}
	}}
	if _, err := loginsWith(w, h).WithPassword(t.Context(), login.Attempt{Identifier: email, Password: domain.NewSecret(world.Password)}); err != nil {
		t.Errorf("%v; want the second try to log in", err)
	}
}

// Half of the stored hashes are imported ones: so are the dummies of legal and of
// illegal identifiers.
func TestDummiesOfEvenMixesAreEven(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	for i := range 2 {
		a := w.Register(t, fmt.Sprintf("user%d@example.com", i))
		if i == 0 {
			replace(t, w, a.ID, func(c *domain.Credential) { c.Hash = domain.NewSecret("$import$fake$7$salt$digest") })
		}
	}
	logins, hasher := watchedLogins(t, w)
	if err := logins.LearnMix(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"nobody%d@example.com", "no body %d"} {
		const tries = 200
		imported := 0
		for i := range tries {
			fail(t, logins, fmt.Sprintf(form, i))
			if hasher.last() == "$import$fake$7" {
				imported++
			}
		}
		if share := float64(imported) / tries; share < .35 || share > .65 {
			t.Errorf("%.2f of %q cost what imported hashes cost; want about 0.5", share, form)
		}
	}
}
