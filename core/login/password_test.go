package login_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap/world"
	"authserve/core/account"
	"authserve/core/domain"
	"authserve/core/login"
	"authserve/ports"
	"authserve/ports/fake"
)

const email = "ada@example.com"

func attempt(t *testing.T, w *world.World, identifier, password string) (login.Granted, error) {
	t.Helper()
	return w.Logins.WithPassword(t.Context(), login.Attempt{Identifier: identifier, Password: domain.NewSecret(password)})
}

func TestLoginByEmailOrUsernameInAnyCase(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	name := "Ada.L"
	_, err := w.Accounts.Register(t.Context(), account.Registration{Email: "Ada@Example.com", Password: domain.NewSecret(world.Password), Username: &name})
	if err != nil {
		t.Fatal(err)
	}
	for _, identifier := range []string{"Ada@Example.com", "ada@EXAMPLE.com", "ada.l", "ADA.L"} {
		pair, err := attempt(t, w, identifier, world.Password)
		if err != nil {
			t.Errorf("%s: %v", identifier, err)
			continue
		}
		who, err := w.Sessions.Authenticate(t.Context(), pair.Access.Reveal())
		if err != nil || who.Claims.AuthMethods[0] != "pwd" || !who.Claims.AuthTime.Equal(w.Clock.Now().Truncate(1e9)) {
			t.Errorf("%s: identity %+v, %v", identifier, who.Claims, err)
		}
	}
}

func TestRefusalsLookAndCostTheSame(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	disabled := w.Register(t, "off@example.com")
	disable(t, w, disabled.ID)
	for name, c := range map[string]struct{ identifier, password string }{
		"wrong password":          {email, "another password entirely"},
		"unknown e-mail":          {"nobody@example.com", world.Password},
		"unknown username":        {"nobody", world.Password},
		"not an identifier":       {"no body@", world.Password},
		"disabled, right":         {"off@example.com", world.Password},
		"disabled, wrong":         {"off@example.com", "another password entirely"},
		"password beyond limits":  {email, string(make([]byte, 4096))},
		"password case changed":   {email, "Correct horse battery staple"},
		"password with a space":   {email, world.Password + " "},
		"password without a byte": {email, world.Password[:len(world.Password)-1]},
	} {
		before := w.Hasher.Verifies()
		_, err := attempt(t, w, c.identifier, c.password)
		var got *domain.Error
		if !errors.As(err, &got) || got.Code != domain.CodeInvalidCredentials || got.Message != "The identifier or the password is wrong." {
			t.Errorf("%s: %v; want the one refusal", name, err)
		}
		if n := w.Hasher.Verifies() - before; n != 1 {
			t.Errorf("%s: %d password checks; want exactly 1", name, n)
		}
	}
}

func disable(t *testing.T, w *world.World, id domain.ID) {
	t.Helper()
	err := w.Store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		a, err := tx.Accounts().ByID(ctx, id)
		if err != nil {
			return err
		}
		a.Status = domain.AccountDisabled
		return tx.Accounts().Update(ctx, a, a.Version)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestMissingFieldsAreNamed(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	_, err := attempt(t, w, "", "")
	if fields := domain.FieldsOf(err); domain.CodeOf(err) != domain.CodeValidation || len(fields) != 2 {
		t.Errorf("error %v with %v; want both fields", err, fields)
	}
}

func TestTroubleIsNeverAWrongPassword(t *testing.T) {
	t.Parallel()
	store := fake.Broken(memstore.New())
	w := world.New(t, world.WithStore(store))
	w.Register(t, email)
	store.FailView(ports.ErrUnavailable)
	if _, err := attempt(t, w, email, world.Password); domain.CodeOf(err) != domain.CodeDependencyUnavailable {
		t.Errorf("reading fails: %v", err)
	}
	store.FailCommit(ports.ErrUnavailable)
	if _, err := attempt(t, w, email, world.Password); domain.CodeOf(err) != domain.CodeDependencyUnavailable {
		t.Errorf("writing fails: %v", err)
	}
	store.FailUpdate(ports.ErrUnavailable)
	if _, err := attempt(t, w, email, "a wrong password, surely"); domain.CodeOf(err) != domain.CodeDependencyUnavailable {
		t.Errorf("auditing a failure fails: %v", err)
	}
	w.Hasher.Fail(ports.ErrOverloaded)
	if _, err := attempt(t, w, email, world.Password); domain.CodeOf(err) != domain.CodeOverloaded {
		t.Errorf("hashing is overloaded: %v", err)
	}
}

func TestPasswordChangeDuringLoginWins(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	owner := w.Register(t, email)
	release := w.Hasher.Block()
	var group sync.WaitGroup
	var err error
	group.Go(func() { _, err = attempt(t, w, email, world.Password) })
	for w.Hasher.Verifies() == 0 { // the login has read the old password and is checking it
		if t.Context().Err() != nil {
			t.Fatal("the login never reached the hasher")
		}
	}
	changed := w.Store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		a, err := tx.Accounts().ByID(ctx, owner.ID)
		if err != nil {
			return err
		}
		c, err := tx.Credentials().ByAccount(ctx, owner.ID)
		if err != nil {
			return err
		}
		from := a.Version
		a.Version.AuthGeneration++
		a.Version.Credential++
		c.Version, c.Hash = a.Version.Credential, w.Hasher.Dummy("")
		if err := tx.Accounts().Update(ctx, a, from); err != nil {
			return err
		}
		return tx.Credentials().Replace(ctx, c, from.Credential)
	})
	if changed != nil {
		t.Fatal(changed)
	}
	release()
	group.Wait()
	if domain.CodeOf(err) != domain.CodeInvalidCredentials {
		t.Errorf("a login with the old password: %v; want refused", err)
	}
}

func TestLoginsAreAudited(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	owner := w.Register(t, email)
	ctx := domain.WithActor(t.Context(), domain.Actor{Kind: domain.ActorAnonymous, IP: "192.0.2.7", CorrelationID: "c-1"})
	_, _ = w.Logins.WithPassword(ctx, login.Attempt{Identifier: email, Password: domain.NewSecret("wrong, and long enough")})
	if _, err := w.Logins.WithPassword(ctx, login.Attempt{Identifier: email, Password: domain.NewSecret(world.Password)}); err != nil {
		t.Fatal(err)
	}
	events := w.Audit(t, owner.ID)
	var actions []domain.AuditAction
	for _, e := range events {
		actions = append(actions, e.Action)
	}
	if len(actions) != 3 || actions[1] != domain.AuditLoginFailed || actions[2] != domain.AuditLoginSucceeded {
		t.Fatalf("actions = %v; want created, failed, succeeded", actions)
	}
	if got := events[2].Actor; got.IP != "192.0.2.7" || got.CorrelationID != "c-1" {
		t.Errorf("actor = %+v; want where it came from", got)
	}
}
