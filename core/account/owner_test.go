package account_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap/world"
	"authserve/core/account"
	"authserve/core/domain"
	"authserve/core/login"
	"authserve/ports"
)

func TestDeletingAnAccountLeavesNothing(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	kept := p.verified(t, "bob@example.com")
	a := p.verified(t, owner)
	pair := p.Login(t, owner)
	who := authenticated(t, p.World, pair)
	name := "ada"
	if _, err := p.Accounts.UpdateProfile(t.Context(), who, account.ProfileChange{Username: &name, DisplayName: &name}); err != nil {
		t.Fatal(err)
	}
	p.asked(t, who, "ada@new.example", world.Password)
	p.forgot(t, owner)
	refused(t, "a guess", p.logIn(t, owner, another), domain.CodeInvalidCredentials)
	refused(t, "no password", p.Owners.Delete(t.Context(), who, domain.Secret{}), domain.CodeValidation)
	refused(t, "a wrong password", p.Owners.Delete(t.Context(), who, domain.NewSecret(another)), domain.CodeWrongPassword)
	fits(t, "delete", p.Owners.Delete(t.Context(), who, domain.NewSecret(world.Password)))

	p.update(t, func(ctx context.Context, tx ports.Tx) error {
		_, byID := tx.Accounts().ByID(ctx, a.ID)
		_, byEmail := tx.Accounts().ByEmail(ctx, owner)
		_, byName := tx.Accounts().ByUsername(ctx, name)
		_, credential := tx.Credentials().ByAccount(ctx, a.ID)
		_, session := tx.Sessions().ByID(ctx, pair.SessionID)
		for what, err := range map[string]error{"account": byID, "address": byEmail, "username": byName, "credential": credential, "session": session} {
			if !errors.Is(err, ports.ErrNotFound) {
				t.Errorf("%s: %v; want it gone", what, err)
			}
		}
		tokens, err := tx.OneTimeTokens().ListByAccount(ctx, a.ID)
		if len(tokens) != 0 || err != nil {
			t.Errorf("tokens %v, %v", tokens, err)
		}
		count, err := p.Throttle.Read(ctx, tx, throttleOf(a.ID))
		if err != nil || strings.Contains(fmt.Sprintf("%+v", count), "Failures:1") {
			t.Errorf("failures are still counted: %+v, %v", count, err)
		}
		for _, page := range []func() (int, error){
			func() (int, error) {
				page, err := tx.PersonalData().Messages(ctx, a.ID, domain.PageRequest{Limit: 10})
				return len(page.Items), err
			},
			func() (int, error) {
				page, err := tx.PersonalData().Sessions(ctx, a.ID, domain.PageRequest{Limit: 10})
				return len(page.Items), err
			},
		} {
			if n, err := page(); n != 0 || err != nil {
				t.Errorf("%d rows of personal data are left, %v", n, err)
			}
		}
		_, err = tx.Erasures().ByAccount(ctx, a.ID)
		return err
	})
	if got := p.kinds(t); !slices.Equal(got, []string{"account_deleted " + owner}) {
		t.Errorf("sent %q; want the notice alone", got)
	}
	if got := p.events(t, a.ID, domain.AuditAccountDeleted); len(got) != 1 || len(got[0].Detail) != 0 {
		t.Errorf("audit = %+v", got)
	}
	ended(t, p.World, "the account that is gone", pair)
	refused(t, "log in", p.logIn(t, owner, world.Password), domain.CodeInvalidCredentials)
	refused(t, "delete again", p.Owners.Delete(t.Context(), who, domain.NewSecret(world.Password)), domain.CodeWrongPassword)
	fits(t, "the address is free", register(t, p, owner))
	if now := p.account(t, kept.ID); now.Version != kept.Version {
		t.Errorf("another account changed: %+v", now)
	}
}

// The notice does not lead back to the account.
func TestTheNoticeOfADeletionNamesNoAccount(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	who := identity(t, w, owner)
	fits(t, "delete", w.Owners.Delete(t.Context(), who, domain.NewSecret(world.Password)))
	if mail := outbox(t, w); len(mail) != 1 || mail[0].AccountID != "" || mail[0].Kind != domain.MessageAccountDeleted {
		t.Errorf("outbox = %+v; want the notice, and nothing of the account's", mail)
	}
}

// A thief who changed the address must not silence the owner by deleting the account.
func TestADeletionIsToldWhereTheAccountCouldBeTakenBack(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	p.verified(t, owner)
	p.move(t, owner, "thief@example.net")
	thief := authenticated(t, p.World, p.Login(t, "thief@example.net"))
	fits(t, "delete", p.Owners.Delete(t.Context(), thief, domain.NewSecret(world.Password)))
	told := map[string]bool{}
	for _, m := range outbox(t, p.World) {
		told[string(m.Kind)+" to "+m.To] = true
	}
	for _, to := range []string{owner, "thief@example.net"} {
		if !told["account_deleted to "+to] {
			t.Errorf("told %v; want a notice to %s", told, to)
		}
	}
}

func TestExportHoldsEverythingAndNoSecret(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	a := p.verified(t, owner)
	p.verified(t, "bob@example.com")
	gone := p.Login(t, owner)
	fits(t, "log out", p.Sessions.Logout(t.Context(), authenticated(t, p.World, gone)))
	const sessions = 2*domain.MaxPageLimit/200 + 3
	for range sessions {
		p.Login(t, owner)
		p.Clock.Advance(time.Second)
	}
	pair := p.Login(t, owner)
	who := authenticated(t, p.World, pair)
	token := p.asked(t, who, "ada@new.example", world.Password)
	for range 5 {
		refused(t, "a guess", p.logIn(t, owner, another), domain.CodeInvalidCredentials)
		p.Clock.Advance(time.Hour)
	}
	all, err := p.Owners.Export(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	if all.Account.ID != a.ID || !all.At.Equal(p.Clock.Now()) || domain.SettingsOf(all.Credential.Hash) != "$fake$1" {
		t.Errorf("account %+v at %v, password %q", all.Account, all.At, domain.SettingsOf(all.Credential.Hash))
	}
	ends := 0
	for _, s := range all.Sessions {
		if s.AccountID != a.ID {
			t.Errorf("session of %s", s.AccountID)
		}
		if !s.EndedAt.IsZero() {
			ends++
		}
	}
	if len(all.Sessions) != sessions+2 || ends != 1 {
		t.Errorf("%d sessions, %d of them ended; want %d and 1", len(all.Sessions), ends, sessions+2)
	}
	if len(all.Tokens) != 1 || all.Tokens[0].Purpose != domain.TokenChangeEmail || all.Tokens[0].Address.Address != "ada@new.example" {
		t.Errorf("tokens = %+v", all.Tokens)
	}
	kinds := map[domain.MessageKind]int{}
	for _, m := range all.Messages {
		kinds[m.Kind]++
	}
	if kinds[domain.MessageVerifyEmail] != 1 || kinds[domain.MessageChangeEmail] != 1 {
		t.Errorf("messages = %v", kinds)
	}
	actions := map[domain.AuditAction]int{}
	for _, e := range all.Events {
		actions[e.Action]++
	}
	if actions[domain.AuditLoginFailed] != 5 || actions[domain.AuditLoginSucceeded] != sessions+2 || actions[domain.AuditAccountCreated] != 1 || actions[domain.AuditEmailVerified] != 1 {
		t.Errorf("events = %v", actions)
	}
	told := fmt.Sprintf("%+v", all) + fmt.Sprintf("%#v", all)
	for name, secret := range map[string]string{"password": world.Password, "token": token.Reveal(), "refresh token": pair.Refresh.Reveal(), "hash": "$fake$1$"} {
		if strings.Contains(told, secret) {
			t.Errorf("the %s is in the export", name)
		}
	}
	for _, s := range all.Sessions {
		if s.Refresh.Nonce != nil || s.Refresh.RetryKey != nil {
			t.Errorf("session %s is exported with what its tokens are made of", s.ID)
		}
	}
	if all.Tokens[0].Hash != nil {
		t.Error("a token is exported with its hash")
	}
	if got := p.events(t, a.ID, domain.AuditAccountExported); len(got) != 1 {
		t.Errorf("audit = %+v", got)
	}
}

// A long history is exported whole: several pages of it.
func TestExportReadsEveryPage(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	who := identity(t, p.World, owner)
	const more = 2*domain.MaxPageLimit + 1
	p.update(t, func(ctx context.Context, tx ports.Tx) error {
		for range more {
			m := domain.NewMessage(p.IDs.New(), domain.MessageNewDevice, who.Account, nil, p.Clock.Now())
			if err := errors.Join(tx.Outbox().Enqueue(ctx, m), tx.Audit().Append(ctx, domain.NewAuditEvent(p.IDs.New(), domain.Actor{}, domain.AuditLoginFailed, who.Account.ID, p.Clock.Now(), nil))); err != nil {
				return err
			}
		}
		return nil
	})
	all, err := p.Owners.Export(t.Context(), who)
	if err != nil || len(all.Messages) != more+1 || len(all.Events) != more+2 {
		t.Errorf("%d messages, %d events, %v; want %d and %d", len(all.Messages), len(all.Events), err, more+1, more+2)
	}
}

// Whatever an account does while it is deleted, nothing of it is left, and nobody is
// told of a fault.
func TestDeletingDuringOtherCalls(t *testing.T) {
	t.Parallel()
	for name, rival := range map[string]func(ctx context.Context, p *post, who domain.Identity, pair domain.TokenPair) error{
		"login": func(ctx context.Context, p *post, _ domain.Identity, _ domain.TokenPair) error {
			_, err := p.Logins.WithPassword(ctx, login.Attempt{Identifier: owner, Password: domain.NewSecret(world.Password)})
			return err
		},
		"refresh": func(ctx context.Context, p *post, _ domain.Identity, pair domain.TokenPair) error {
			_, err := p.Sessions.Refresh(ctx, pair.Refresh, "")
			return err
		},
		"change of the password": func(ctx context.Context, p *post, who domain.Identity, _ domain.TokenPair) error {
			_, err := p.Passwords.Change(ctx, who, domain.NewSecret(world.Password), domain.NewSecret(another))
			return err
		},
		"change of the address": func(ctx context.Context, p *post, who domain.Identity, _ domain.TokenPair) error {
			return p.Emails.Change(ctx, who, "ada@new.example", domain.NewSecret(world.Password))
		},
		"deletion": func(ctx context.Context, p *post, who domain.Identity, _ domain.TokenPair) error {
			return p.Owners.Delete(ctx, who, domain.NewSecret(world.Password))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 10 {
				p := newWorldPost(t, world.WithStore(memstore.New()))
				a := p.Register(t, owner)
				pair := p.Login(t, owner)
				who := authenticated(t, p.World, pair)
				other := authenticated(t, p.World, p.Login(t, owner))
				var group sync.WaitGroup
				var deletion, meanwhile error
				group.Go(func() { deletion = p.Owners.Delete(t.Context(), other, domain.NewSecret(world.Password)) })
				group.Go(func() { meanwhile = rival(t.Context(), p, who, pair) })
				group.Wait()
				for _, err := range []error{deletion, meanwhile} {
					kind := domain.KindOf(err)
					if err != nil && kind != domain.KindUnauthenticated && kind != domain.KindForbidden {
						t.Errorf("got %v; want none, or that the caller is not known any more", err)
					}
				}
				if deletion != nil { // the rival's change came first, and voided the caller
					continue
				}
				p.view(t, func(ctx context.Context, tx ports.Tx) error {
					list, err := tx.PersonalData().Sessions(ctx, a.ID, domain.PageRequest{Limit: 10})
					if len(list.Items) != 0 {
						t.Errorf("%d sessions outlive their account", len(list.Items))
					}
					return err
				})
				for _, l := range p.deliver(t) {
					if l.Kind != domain.MessageAccountDeleted && l.Kind != domain.MessagePasswordChanged {
						t.Errorf("sent %s after the deletion", l.Kind)
					}
				}
			}
		})
	}
}
