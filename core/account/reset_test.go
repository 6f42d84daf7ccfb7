package account_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"authserve/bootstrap/world"
	"authserve/core/account"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func TestResettingThePassword(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	a := p.verified(t, owner)
	old := p.Login(t, owner)
	p.Clock.Advance(time.Minute)
	token := p.forgot(t, owner)
	fits(t, "reset", spendReset(t.Context(), p, token))
	now := p.account(t, a.ID)
	if want := (domain.AccountVersion{AuthGeneration: a.Version.AuthGeneration + 1, Credential: 2, Profile: a.Version.Profile}); now.Version != want || !now.EmailVerifiedAt.Equal(a.EmailVerifiedAt) {
		t.Errorf("account = %+v; want %+v and no other change", now, want)
	}
	ended(t, p.World, "before the reset", old)
	p.update(t, func(ctx context.Context, tx ports.Tx) error {
		s, err := tx.Sessions().ByID(ctx, old.SessionID)
		if s.EndReason != domain.EndedByReset {
			t.Errorf("session ended by %q", s.EndReason)
		}
		return err
	})
	if got := p.events(t, a.ID, domain.AuditSessionEnded); len(got) != 1 || got[0].Detail["reason"] != string(domain.EndedByReset) {
		t.Errorf("audit = %+v; want the end of the sessions", got)
	}
	if got := p.events(t, a.ID, domain.AuditPasswordReset); len(got) != 1 || len(got[0].Detail) != 0 {
		t.Errorf("audit = %+v", got)
	}
	if got := p.kinds(t); !slices.Equal(got, []string{"password_reset " + owner}) {
		t.Errorf("sent %q; want the notice", got)
	}
	refused(t, "the old password", p.logIn(t, owner, world.Password), domain.CodeInvalidCredentials)
	fits(t, "the new one", p.logIn(t, owner, another))
	refused(t, "the link again", spendReset(t.Context(), p, token), domain.CodeInvalidOneTimeToken)
}

// Strangers who closed the login of an account do not keep its owner out.
func TestAResetOpensLoginAgain(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	p.verified(t, owner)
	for range domain.MaxFailures {
		_ = p.logIn(t, owner, another)
		p.Clock.Advance(time.Hour)
	}
	refused(t, "the right password", p.logIn(t, owner, world.Password), domain.CodeTooManyAttempts)
	fits(t, "reset", spendReset(t.Context(), p, p.forgot(t, owner)))
	fits(t, "log in", p.logIn(t, owner, another))
}

// An account that was imported without a password gets its first one by a reset.
func TestAResetGivesAFirstPassword(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	runImport(t, p.World, reading(importRow(1, func(r *account.ImportRow) { r.PasswordHash = domain.Secret{} })), false)
	if err := p.Passwords.Forgot(t.Context(), "user1@example.org"); err != nil {
		t.Fatal(err)
	}
	fits(t, "reset", spendReset(t.Context(), p, p.token(t, domain.MessageResetPassword, "User1@Example.org")))
	fits(t, "log in", p.logIn(t, "user1", another))
	if a, _ := stored(t, p.World, "user1@example.org"); !a.EmailVerified() {
		t.Error("the address does not count as verified")
	}
}

func TestABreachedPasswordIsNotSetByAReset(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t, func(w *world.World) { w.Breaches = fake.NewBreaches(another) })
	p.verified(t, owner)
	token := p.forgot(t, owner)
	err := spendReset(t.Context(), p, token)
	refused(t, "breached", err, domain.CodeValidation)
	if fields := domain.FieldsOf(err); len(fields) != 1 || fields[0].Field != "new_password" || fields[0].Code != domain.CodeBreached {
		t.Errorf("fields = %+v", fields)
	}
	fits(t, "another one", p.Passwords.Reset(t.Context(), token, domain.NewSecret(another+" again")))
}

// Somebody else takes the address while a private registration hashes its password:
// nothing tells that.
func TestAnAddressTakenDuringAPrivateRegistration(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t, world.WithPrivacy())
	hasher := whileHashing{p.Hasher, func() { fits(t, "the other one", register(t, p, owner)) }}
	accounts := account.New(p.Store, keeperOf(p.World, hasher, p.Breaches), p.Throttle, p.Sealer, p.Clock, p.IDs, account.Config{Privacy: true})
	_, err := accounts.Register(t.Context(), registration(owner))
	fits(t, "register", err)
	if got := p.kinds(t); !slices.Equal(got, []string{"registered_before " + owner, "verify_email " + owner}) {
		t.Errorf("sent %q", got)
	}
	// Its username goes to somebody else meanwhile: that is public.
	name := "probe"
	r := registration("new@example.com")
	r.Username = &name
	hasher = whileHashing{p.Hasher, func() {
		_, err := p.Accounts.Register(t.Context(), privately(name, "")) // an address that is taken
		fits(t, "hold", err)
	}}
	accounts = account.New(p.Store, keeperOf(p.World, hasher, p.Breaches), p.Throttle, p.Sealer, p.Clock, p.IDs, account.Config{Privacy: true})
	_, err = accounts.Register(t.Context(), r)
	refused(t, "a username that is held by now", err, domain.CodeUsernameTaken)
}
