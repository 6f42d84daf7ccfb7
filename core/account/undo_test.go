package account_test

import (
	"context"
	"testing"
	"time"

	"authserve/bootstrap/world"
	"authserve/core/account"
	"authserve/core/domain"
	"authserve/ports"
)

func TestChangingTheAddress(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	a := p.verified(t, owner)
	pair := p.Login(t, owner)
	who := authenticated(t, p.World, pair)
	p.Clock.Advance(time.Minute)
	token := p.asked(t, who, "Ada@New.example", world.Password)
	if now := p.account(t, a.ID); now.Email.Address != owner {
		t.Fatalf("address = %s before the new one was confirmed", now.Email.Address)
	}
	fits(t, "an address that was only asked for is free", register(t, p, "ada@new.example"))
	refused(t, "confirm what somebody took", p.Emails.Verify(t.Context(), token), domain.CodeEmailTaken)
	token = p.asked(t, who, "Ada@Newer.example", world.Password)
	fits(t, "confirm", p.Emails.Verify(t.Context(), token))
	now := p.account(t, a.ID)
	want := domain.AccountVersion{AuthGeneration: a.Version.AuthGeneration + 1, Credential: 1, Profile: a.Version.Profile + 1}
	if now.Email != (domain.Email{Address: "Ada@Newer.example", Canonical: "ada@newer.example"}) || !now.EmailVerified() || now.Version != want || !now.UpdatedAt.Equal(p.Clock.Now()) {
		t.Errorf("account = %+v", now)
	}
	ended(t, p.World, "the session that asked", pair)
	fits(t, "log in with the new address", p.logIn(t, "ada@newer.example", world.Password))
	refused(t, "log in with the old one", p.logIn(t, owner, world.Password), domain.CodeInvalidCredentials)
	if got := p.kinds(t); len(got) != 1 || got[0] != "email_changed "+owner {
		t.Errorf("sent %v; want the notice to the old address", got)
	}
	for _, action := range []domain.AuditAction{domain.AuditEmailAsked, domain.AuditEmailChanged} {
		for _, e := range p.events(t, a.ID, action) {
			if len(e.Detail) != 0 {
				t.Errorf("%s: detail %v; want none", action, e.Detail)
			}
		}
	}
	if got := p.events(t, a.ID, domain.AuditEmailChanged); len(got) != 1 {
		t.Errorf("audit = %v; want one change", got)
	}
}

func register(t *testing.T, p *post, email string) error {
	t.Helper()
	_, err := p.Accounts.Register(t.Context(), registration(email))
	return err
}

func TestAddressChangesThatAreRefused(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	p.verified(t, thief)
	p.verified(t, owner)
	who := authenticated(t, p.World, p.Login(t, owner))
	for name, tc := range map[string]struct {
		wanted, password string
		want             domain.Code
		field            string
		code             domain.Code
	}{
		"none":                   {"", world.Password, domain.CodeValidation, "new_email", domain.CodeRequired},
		"no address":             {"ada", world.Password, domain.CodeValidation, "new_email", domain.CodeInvalidFormat},
		"the same":               {owner, world.Password, domain.CodeValidation, "new_email", domain.CodeUnchanged},
		"no password":            {"ada@new.example", "", domain.CodeValidation, "password", domain.CodeRequired},
		"wrong password":         {"ada@new.example", another, domain.CodeWrongPassword, "", ""},
		"taken":                  {"EVE@example.net", world.Password, domain.CodeEmailTaken, "", ""},
		"taken, wrong password":  {thief, another, domain.CodeWrongPassword, "", ""},
		"header injection":       {"a@b.example\r\nBcc: c@d.example", world.Password, domain.CodeValidation, "new_email", domain.CodeInvalidFormat},
		"confusable domain":      {"ada@ex\u0430mple.com\u0000", world.Password, domain.CodeValidation, "new_email", domain.CodeInvalidFormat},
		"not ASCII in its local": {"\u0430da@example.com", world.Password, domain.CodeValidation, "new_email", domain.CodeInvalidFormat},
	} {
		err := p.Emails.Change(t.Context(), who, tc.wanted, domain.NewSecret(tc.password))
		refused(t, name, err, tc.want)
		if fields := domain.FieldsOf(err); tc.field != "" && (len(fields) != 1 || fields[0].Field != tc.field || fields[0].Code != tc.code) {
			t.Errorf("%s: %+v; want %s %s", name, fields, tc.field, tc.code)
		}
	}
	if got := p.kinds(t); len(got) != 0 {
		t.Errorf("sent %v; want nothing", got)
	}
	for _, e := range p.events(t, who.Account.ID, domain.AuditPasswordRefused) {
		if e.Detail["for"] != string(domain.AuditEmailAsked) || e.Detail["reason"] != string(domain.CodeWrongPassword) || len(e.Detail) != 2 {
			t.Errorf("detail = %v", e.Detail)
		}
	}
	if got := p.events(t, who.Account.ID, domain.AuditPasswordRefused); len(got) != 2 {
		t.Errorf("%d refusals audited; want 2", len(got))
	}
}

// The letters of an address may change without an undo: it is the same mailbox.
func TestAnAddressInOtherLetters(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	a := p.verified(t, owner)
	p.move(t, owner, "Ada@Example.com")
	if now := p.account(t, a.ID); now.Email.Address != "Ada@Example.com" || now.Email.Canonical != owner {
		t.Errorf("account = %+v", now.Email)
	}
	if got := p.kinds(t); len(got) != 0 || len(p.tokens(t, a.ID)) != 0 {
		t.Errorf("sent %v, kept %v; want nothing", got, p.tokens(t, a.ID))
	}
}

func (p *post) tokens(t *testing.T, id domain.ID) (kept []domain.OneTimeToken) {
	t.Helper()
	p.view(t, func(ctx context.Context, tx ports.Tx) (err error) {
		kept, err = tx.OneTimeTokens().ListByAccount(ctx, id)
		return err
	})
	return kept
}

func TestUndoingAChangeOfAddress(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	a := p.verified(t, owner)
	p.move(t, owner, thief)
	undo := p.token(t, domain.MessageEmailChanged, owner)
	session := p.Login(t, thief)
	waiting := p.asked(t, authenticated(t, p.World, session), thief2, world.Password)
	reset := p.forgot(t, thief)
	p.Clock.Advance(7*24*time.Hour - time.Minute)
	fits(t, "undo in the last minute", p.Emails.Undo(t.Context(), undo))
	now := p.account(t, a.ID)
	if now.Email != a.Email || !now.EmailVerified() {
		t.Errorf("account = %+v", now)
	}
	ended(t, p.World, "the thief", session)
	refused(t, "the thief's password", p.logIn(t, owner, world.Password), domain.CodeInvalidCredentials)
	refused(t, "the thief's change under way", p.Emails.Verify(t.Context(), waiting), domain.CodeInvalidOneTimeToken)
	refused(t, "the thief's reset under way", p.Passwords.Reset(t.Context(), reset, domain.NewSecret(another)), domain.CodeInvalidOneTimeToken)
	refused(t, "undo again", p.Emails.Undo(t.Context(), undo), domain.CodeInvalidOneTimeToken)
	choose := p.token(t, domain.MessageResetPassword, owner)
	p.token(t, domain.MessageEmailRestored, owner)
	fits(t, "choose a new password", p.Passwords.Reset(t.Context(), choose, domain.NewSecret(another)))
	fits(t, "log in", p.logIn(t, owner, another))
	if got := p.events(t, a.ID, domain.AuditEmailRestored); len(got) != 1 {
		t.Errorf("audit = %v", got)
	}
}

// A thief who changes the address twice has an undo, too, and so has one whose mail
// server makes the notice wait until the owner has undone everything.
func TestAThiefCannotUndoTheUndo(t *testing.T) {
	t.Parallel()
	for name, deliverBefore := range map[string]bool{"with the thief's mail read": true, "with the thief's mail kept waiting": false} {
		p := newWorldPost(t)
		a := p.verified(t, owner)
		p.move(t, owner, thief)
		undo := p.token(t, domain.MessageEmailChanged, owner)
		p.Clock.Advance(time.Hour)
		p.move(t, thief, thief2)
		var of domain.Secret
		if deliverBefore {
			of = p.token(t, domain.MessageEmailChanged, thief)
		}
		fits(t, name+": the owner undoes", p.Emails.Undo(t.Context(), undo))
		if deliverBefore {
			refused(t, name+": the thief undoes", p.Emails.Undo(t.Context(), of), domain.CodeInvalidOneTimeToken)
		}
		for _, kind := range p.kinds(t) {
			if kind == "email_changed "+thief {
				t.Errorf("%s: the thief gets a link", name)
			}
		}
		if now := p.account(t, a.ID); now.Email.Address != owner {
			t.Errorf("%s: address %s", name, now.Email.Address)
		}
		if kept := p.tokens(t, a.ID); len(kept) != 1 || kept[0].Purpose != domain.TokenResetPassword {
			t.Errorf("%s: kept %+v; want the owner's reset alone", name, kept)
		}
	}
}

// Nothing that a thief does to the account ends the owner's way back.
func TestAnUndoOutlivesWhatAThiefDoes(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(t *testing.T, p *post){
		"another change": func(t *testing.T, p *post) { t.Helper(); p.move(t, thief, thief2) },
		"a reset": func(t *testing.T, p *post) {
			t.Helper()
			fits(t, "reset", p.Passwords.Reset(t.Context(), p.forgot(t, thief), domain.NewSecret(another)))
		},
		"a change of the password": func(t *testing.T, p *post) {
			t.Helper()
			_, err := change(t, p.World, authenticated(t, p.World, p.Login(t, thief)), world.Password, another)
			fits(t, "change", err)
		},
		"a new master key before the mail": func(t *testing.T, p *post) {
			t.Helper()
			*p = *newPost(t, p.WithNewMasterKey(t))
		},
	} {
		p := newWorldPost(t)
		a := p.verified(t, owner)
		p.move(t, owner, thief)
		do(t, p)
		fits(t, name, p.Emails.Undo(t.Context(), p.token(t, domain.MessageEmailChanged, owner)))
		if now := p.account(t, a.ID); now.Email.Address != owner {
			t.Errorf("%s: address %s", name, now.Email.Address)
		}
	}
}

// Between the change and the undo nobody else gets the address, also while the mail to
// it is still on its way; and only as long as it can be undone.
func TestAnAddressThatCanBeTakenBackIsNotFree(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	p.verified(t, owner)
	p.verified(t, "bob@example.com")
	p.move(t, owner, thief)
	bob := authenticated(t, p.World, p.Login(t, "bob@example.com"))
	refused(t, "register", register(t, p, "ADA@example.com"), domain.CodeEmailTaken)
	_, err := p.Accounts.Create(t.Context(), registration(owner), []domain.Role{domain.RoleUser})
	refused(t, "create", err, domain.CodeEmailTaken)
	refused(t, "change to it", p.Emails.Change(t.Context(), bob, owner, domain.NewSecret(world.Password)), domain.CodeEmailTaken)
	address, err := domain.ParseEmail(owner)
	if err != nil {
		t.Fatal(err)
	}
	stray := p.plant(t, domain.TokenChangeEmail, p.account(t, bob.Account.ID), address)
	refused(t, "confirm it", p.Emails.Verify(t.Context(), stray), domain.CodeEmailTaken)
	p.Clock.Advance(7*24*time.Hour - time.Microsecond)
	refused(t, "in the last microsecond", register(t, p, owner), domain.CodeEmailTaken)
	p.Clock.Advance(time.Microsecond)
	fits(t, "after a week", register(t, p, owner))
}

// An address that is given up while somebody registers it is not free either.
func TestAnAddressGivenUpDuringARegistration(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	a := p.verified(t, "bob@example.com")
	hasher := whileHashing{p.Hasher, func() {
		address, err := domain.ParseEmail(owner)
		fits(t, "address", err)
		p.plant(t, domain.TokenUndoEmail, a, address)
	}}
	accounts := account.New(p.Store, keeperOf(p.World, hasher, p.Breaches), p.Throttle, p.Sealer, p.Clock, p.IDs, account.Config{})
	_, err := accounts.Register(t.Context(), registration(owner))
	refused(t, "register an address that can be taken back by now", err, domain.CodeEmailTaken)
	if _, err := p.find(t, owner); err == nil {
		t.Error("the account was made")
	}
}

// The address before may be a stranger's where nobody verified it.
func TestAnUnverifiedAddressCannotUndo(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	a := p.Register(t, owner)
	p.deliver(t)
	p.move(t, owner, thief)
	if got := p.kinds(t); len(got) != 0 || len(p.tokens(t, a.ID)) != 0 {
		t.Errorf("sent %v, kept %v; want nothing for the address that nobody verified", got, p.tokens(t, a.ID))
	}
	fits(t, "the address is free", register(t, p, owner))
}

func TestADisabledAccountCanBeTakenBackAndNoMore(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	a := p.verified(t, owner)
	p.move(t, owner, thief)
	undo := p.token(t, domain.MessageEmailChanged, owner)
	reset := p.forgot(t, thief)
	p.update(t, func(ctx context.Context, tx ports.Tx) error {
		now, err := tx.Accounts().ByID(ctx, a.ID)
		if err != nil {
			return err
		}
		now.Status = domain.AccountDisabled
		return tx.Accounts().Update(ctx, now, now.Version)
	})
	refused(t, "reset", p.Passwords.Reset(t.Context(), reset, domain.NewSecret(another)), domain.CodeInvalidOneTimeToken)
	if got := p.events(t, a.ID, domain.AuditTokenRefused); len(got) != 1 || got[0].Detail["reason"] != "account_disabled" || got[0].Detail["purpose"] != "reset_password" {
		t.Errorf("audit = %+v", got)
	}
	fits(t, "undo", p.Emails.Undo(t.Context(), undo))
	if now := p.account(t, a.ID); now.IsActive() || now.Email.Address != owner {
		t.Errorf("account = %+v", now)
	}
}

// An account that was imported without a password can be taken back as well.
func TestUndoWithoutAPassword(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	runImport(t, p.World, reading(importRow(1, func(r *account.ImportRow) { r.PasswordHash, r.EmailVerified = domain.Secret{}, true })), false)
	a, _ := stored(t, p.World, "user1@example.org")
	to, err := domain.ParseEmail(thief)
	if err != nil {
		t.Fatal(err)
	}
	fits(t, "move", p.Emails.Verify(t.Context(), p.plant(t, domain.TokenChangeEmail, a, to)))
	fits(t, "undo", p.Emails.Undo(t.Context(), p.token(t, domain.MessageEmailChanged, "User1@Example.org")))
	fits(t, "reset", p.Passwords.Reset(t.Context(), p.token(t, domain.MessageResetPassword, "User1@Example.org"), domain.NewSecret(another)))
	fits(t, "log in", p.logIn(t, "user1@example.org", another))
}
