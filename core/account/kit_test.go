package account_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"authserve/bootstrap/world"
	"authserve/core/account"
	"authserve/core/delivery"
	"authserve/core/domain"
	"authserve/core/login"
	"authserve/core/throttle"
	"authserve/ports"
	"authserve/ports/fake"
)

const (
	owner   = "ada@example.com"
	thief   = "eve@example.net"
	thief2  = "eve2@example.net"
	another = "nine purple otters at noon"
)

// post sends the mails of a world.
type post struct {
	*world.World
	mailer *fake.Mailer
	relay  *delivery.Relay
}

func newPost(t testing.TB, w *world.World) *post {
	t.Helper()
	mailer := new(fake.Mailer)
	relay := delivery.New(w.Store, mailer, fake.Letters{}, w.Sealer, w.Clock, w.Random, delivery.Config{
		Batch: 50, Lease: time.Minute, Attempts: 3, FirstPause: time.Second, LongestPause: time.Minute,
	})
	return &post{w, mailer, relay}
}

func newWorldPost(t *testing.T, options ...world.Option) *post {
	t.Helper()
	return newPost(t, world.New(t, options...))
}

// deliver sends what is due, and returns what was sent since.
func (p *post) deliver(t *testing.T) []domain.Letter {
	t.Helper()
	before := len(p.mailer.Sent())
	if report, err := p.relay.Deliver(t.Context()); err != nil || report.Retried+report.Abandoned > 0 {
		t.Fatalf("deliver: %+v, %v", report, err)
	}
	return p.mailer.Sent()[before:]
}

// kinds returns what was sent since, as kind and address.
func (p *post) kinds(t *testing.T) []string {
	t.Helper()
	var kinds []string
	for _, l := range p.deliver(t) {
		kinds = append(kinds, string(l.Kind)+" "+l.To)
	}
	slices.Sort(kinds)
	return kinds
}

// token delivers, and returns the token of the latest mail of the kind to the address.
func (p *post) token(t *testing.T, kind domain.MessageKind, to string) domain.Secret {
	t.Helper()
	p.deliver(t)
	for _, l := range slices.Backward(p.mailer.Sent()) {
		if l.Kind == kind && l.To == to {
			return domain.NewSecret(l.Text)
		}
	}
	t.Fatalf("no mail %s to %s among %v", kind, to, p.mailer.Sent())
	return domain.Secret{}
}

// forgot asks for a reset and returns its token.
func (p *post) forgot(t *testing.T, email string) domain.Secret {
	t.Helper()
	if err := p.Passwords.Forgot(t.Context(), email); err != nil {
		t.Fatalf("forgot %s: %v", email, err)
	}
	return p.token(t, domain.MessageResetPassword, email)
}

// verified registers an address and verifies it.
func (p *post) verified(t *testing.T, email string) domain.Account {
	t.Helper()
	a := p.Register(t, email)
	if err := p.Emails.Verify(t.Context(), p.token(t, domain.MessageVerifyEmail, email)); err != nil {
		t.Fatalf("verify %s: %v", email, err)
	}
	return p.account(t, a.ID)
}

// asked asks for the wanted address and returns the token mailed there.
func (p *post) asked(t *testing.T, who domain.Identity, wanted, password string) domain.Secret {
	t.Helper()
	if err := p.Emails.Change(t.Context(), who, wanted, domain.NewSecret(password)); err != nil {
		t.Fatalf("change to %s: %v", wanted, err)
	}
	return p.token(t, domain.MessageChangeEmail, wanted)
}

// move changes the address of the account that has email, by its password.
func (p *post) move(t *testing.T, email, wanted string) {
	t.Helper()
	who := authenticated(t, p.World, p.Login(t, email))
	if err := p.Emails.Verify(t.Context(), p.asked(t, who, wanted, world.Password)); err != nil {
		t.Fatalf("move to %s: %v", wanted, err)
	}
}

func (p *post) account(t *testing.T, id domain.ID) (a domain.Account) {
	t.Helper()
	p.view(t, func(ctx context.Context, tx ports.Tx) (err error) {
		a, err = tx.Accounts().ByID(ctx, id)
		return err
	})
	return a
}

// find returns the account that has one of the addresses.
func (p *post) find(t *testing.T, addresses ...string) (a domain.Account, err error) {
	t.Helper()
	p.update(t, func(ctx context.Context, tx ports.Tx) error {
		for _, address := range addresses {
			if a, err = tx.Accounts().ByEmail(ctx, address); err == nil {
				return nil
			}
		}
		return nil
	})
	return a, err
}

func (p *post) view(t *testing.T, fn func(ctx context.Context, tx ports.Tx) error) {
	t.Helper()
	if err := p.Store.View(t.Context(), fn); err != nil {
		t.Fatalf("View: %v", err)
	}
}

func (p *post) update(t testing.TB, fn func(ctx context.Context, tx ports.Tx) error) {
	t.Helper()
	if err := p.Store.Update(t.Context(), fn); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

// plant puts a token for the account that no mail carries.
func (p *post) plant(t testing.TB, purpose domain.TokenPurpose, a domain.Account, address domain.Email) domain.Secret {
	t.Helper()
	secret := p.Random.Bytes(32)
	p.update(t, func(ctx context.Context, tx ports.Tx) error {
		return tx.OneTimeTokens().Put(ctx, domain.NewOneTimeToken(secret, purpose, a, address, p.Clock.Now(), p.Clock.Now()))
	})
	return domain.NewSecret(encode(secret))
}

// logIn tries a password.
func (p *post) logIn(t *testing.T, email, password string) error {
	t.Helper()
	_, err := p.Logins.WithPassword(t.Context(), login.Attempt{Identifier: email, Password: domain.NewSecret(password)})
	return err
}

// events returns the audited actions about subject, empty for nobody.
func (p *post) events(t *testing.T, subject domain.ID, action domain.AuditAction) (found []domain.AuditEvent) {
	t.Helper()
	p.view(t, func(ctx context.Context, tx ports.Tx) error {
		page, err := tx.Audit().List(ctx, domain.AuditFilter{Action: action}, domain.PageRequest{Limit: domain.MaxPageLimit})
		found = slices.DeleteFunc(page.Items, func(e domain.AuditEvent) bool { return e.Subject != subject })
		return err
	})
	return found
}

// identity registers the address and logs in.
func identity(t *testing.T, w *world.World, email string) domain.Identity {
	t.Helper()
	w.Register(t, email)
	return authenticated(t, w, w.Login(t, email))
}

func authenticated(t *testing.T, w *world.World, pair domain.TokenPair) domain.Identity {
	t.Helper()
	who, err := w.Sessions.Authenticate(t.Context(), pair.Access.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	return who
}

// refused fails the test unless err has the code.
func refused(t *testing.T, what string, err error, want domain.Code) {
	t.Helper()
	if err == nil || domain.CodeOf(err) != want {
		t.Errorf("%s: got %v; want %s", what, err, want)
	}
}

// fits fails the test unless there is no error.
func fits(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// ended fails the test unless neither token of the pair is good.
func ended(t *testing.T, w *world.World, what string, pair domain.TokenPair) {
	t.Helper()
	if _, err := w.Sessions.Authenticate(t.Context(), pair.Access.Reveal()); domain.KindOf(err) != domain.KindUnauthenticated {
		t.Errorf("access token of %s: %v; want it refused", what, err)
	}
	if _, err := w.Sessions.Refresh(t.Context(), pair.Refresh, ""); domain.CodeOf(err) != domain.CodeInvalidRefreshToken {
		t.Errorf("refresh token of %s: %v; want it refused", what, err)
	}
}

// from is a context of an anonymous caller of the network.
func from(ctx context.Context, network string) context.Context {
	return domain.WithActor(ctx, domain.Actor{Kind: domain.ActorAnonymous, IP: network, Network: network, UserAgent: "Example/1.0", CorrelationID: "c-1"})
}

func encode(secret []byte) string { return base64.RawURLEncoding.EncodeToString(secret) }

// keeperOf is the keeper of w with another hasher and other breaches.
func keeperOf(w *world.World, hasher ports.Hasher, breaches ports.Breaches) *account.Keeper {
	return account.NewKeeper(w.Store, hasher, breaches, w.Throttle, w.Clock, w.IDs, domain.PasswordPolicy{MinLength: domain.DefaultPasswordMinimum})
}

func throttleOf(id domain.ID) throttle.Class { return throttle.OfAccount(id) }

// snapshot is what is kept of the accounts, but for the audit log and logins.
func snapshot(t *testing.T, p *post) string {
	t.Helper()
	var all []string
	p.update(t, func(ctx context.Context, tx ports.Tx) error {
		accounts, err := tx.Accounts().Search(ctx, domain.AccountSearch{Order: domain.AccountsByEmail}, domain.PageRequest{Limit: 100})
		if err != nil {
			return err
		}
		for _, a := range accounts.Items {
			credential, err := tx.Credentials().ByAccount(ctx, a.ID)
			tokens, err2 := tx.OneTimeTokens().ListByAccount(ctx, a.ID)
			sessions, err3 := tx.PersonalData().Sessions(ctx, a.ID, domain.PageRequest{Limit: 100})
			messages, err4 := tx.PersonalData().Messages(ctx, a.ID, domain.PageRequest{Limit: 100})
			if err := errors.Join(err, err2, err3, err4); err != nil {
				return err
			}
			all = append(all, fmt.Sprintf("%+v\n%s %d\n%+v\n%+v\n%+v", a, credential.Hash.Reveal(), credential.Version, tokens, sessions.Items, messages.Items))
		}
		return nil
	})
	return strings.Join(all, "\n")
}
