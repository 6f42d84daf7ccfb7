package account_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap/world"
	"authserve/core/domain"
	"authserve/ports"
)

func TestVerifying(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	a := p.Register(t, owner)
	before := p.Login(t, owner)
	p.Clock.Advance(time.Minute)
	token := p.token(t, domain.MessageVerifyEmail, owner)
	fits(t, "verify", p.Emails.Verify(t.Context(), token))
	now := p.account(t, a.ID)
	if !now.EmailVerifiedAt.Equal(p.Clock.Now()) || !now.UpdatedAt.Equal(p.Clock.Now()) || now.Version != (domain.AccountVersion{AuthGeneration: 2, Credential: 1, Profile: 2}) {
		t.Errorf("account = %+v", now)
	}
	ended(t, p.World, "before the address was verified", before)
	fits(t, "the password stays good", p.logIn(t, owner, world.Password))
	if got := p.events(t, a.ID, domain.AuditEmailVerified); len(got) != 1 {
		t.Errorf("audit = %+v; want one event", got)
	}
	if got := p.events(t, a.ID, domain.AuditSessionEnded); len(got) != 1 || got[0].Detail["reason"] != string(domain.EndedByVerification) {
		t.Errorf("audit = %+v; want the sessions ended by verification", got)
	}
	refused(t, "once more", p.Emails.Verify(t.Context(), token), domain.CodeInvalidOneTimeToken)
}

// Whoever registers a stranger's address can prepare nothing that outlives its owner's
// proof: no session, no token, and no mail under way.
func TestNothingOfAPreHijackerOutlivesVerification(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	who := identity(t, p.World, owner) // by the thief
	waiting := p.asked(t, who, thief, world.Password)
	verify := p.token(t, domain.MessageVerifyEmail, owner)
	fits(t, "ask again", p.Emails.Change(t.Context(), who, thief2, domain.NewSecret(world.Password)))
	fits(t, "verify", p.Emails.Verify(t.Context(), verify))
	refused(t, "the change asked for before", p.Emails.Verify(t.Context(), waiting), domain.CodeInvalidOneTimeToken)
	if got := p.kinds(t); len(got) != 0 {
		t.Errorf("sent %v; want nothing of before", got)
	}
}

// The owner who never asked for the account takes it over, and what the pre-hijacker
// has is void: the password too.
func TestAResetTakesAPreHijackedAccountOver(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	a := p.Register(t, owner)
	session := p.Login(t, owner)
	who := authenticated(t, p.World, session)
	waiting := p.asked(t, who, thief, world.Password)
	fits(t, "reset", p.Passwords.Reset(t.Context(), p.forgot(t, owner), domain.NewSecret(another)))
	ended(t, p.World, "the pre-hijacker", session)
	refused(t, "change of address under way", p.Emails.Verify(t.Context(), waiting), domain.CodeInvalidOneTimeToken)
	refused(t, "old password", p.logIn(t, owner, world.Password), domain.CodeInvalidCredentials)
	if now := p.account(t, a.ID); !now.EmailVerified() || now.Email.Address != owner || now.Version.Profile != 2 || !now.UpdatedAt.Equal(p.Clock.Now()) {
		t.Errorf("account = %+v; want it verified by the reset", now)
	}
	fits(t, "new password", p.logIn(t, owner, another))
}

func TestResending(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	p.Register(t, owner)
	first := p.token(t, domain.MessageVerifyEmail, owner)
	p.Clock.Advance(time.Minute)
	fits(t, "resend", p.Emails.Resend(t.Context(), owner))
	second := p.token(t, domain.MessageVerifyEmail, owner)
	refused(t, "the older link", p.Emails.Verify(t.Context(), first), domain.CodeInvalidOneTimeToken)
	fits(t, "the newer link", p.Emails.Verify(t.Context(), second))
	if got := p.events(t, "", domain.AuditVerificationAsked); len(got) != 1 || len(got[0].Detail) != 0 {
		t.Errorf("audit = %+v; want one event without details", got)
	}
	fits(t, "resend to a verified address", p.Emails.Resend(t.Context(), owner))
	if got := p.kinds(t); len(got) != 0 {
		t.Errorf("sent %v; want nothing", got)
	}
	for name, address := range map[string]string{"none": "", "header injection": "ada@example.com\r\nBcc: eve@example.net", "a name": "Ada <ada@example.com>"} {
		refused(t, name, p.Emails.Resend(t.Context(), address), domain.CodeValidation)
		refused(t, name, p.Passwords.Forgot(t.Context(), address), domain.CodeValidation)
	}
}

func TestATokenForAnotherAddressVerifiesNothing(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	a := p.Register(t, owner)
	stray, err := domain.ParseEmail(thief)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "verify", p.Emails.Verify(t.Context(), p.plant(t, domain.TokenVerifyEmail, a, stray)), domain.CodeInvalidOneTimeToken)
	refused(t, "reset", p.Passwords.Reset(t.Context(), p.plant(t, domain.TokenResetPassword, a, stray), domain.NewSecret(another)), domain.CodeInvalidOneTimeToken)
	if now := p.account(t, a.ID); now.Version != a.Version {
		t.Errorf("account = %+v", now)
	}
}

// The bounds of mails keep strangers from filling a mailbox, and not its owner from
// recovering: each kind has its own, and each network.
func TestMailsToOneAddressAreBounded(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	p.Register(t, owner)
	attacker, victim := from(t.Context(), "192.0.2.66"), from(t.Context(), "192.0.2.1")
	for range 5 {
		fits(t, "resend", p.Emails.Resend(attacker, owner))
	}
	refused(t, "the sixth from one network", p.Emails.Resend(attacker, owner), domain.CodeTooManyAttempts)
	fits(t, "the owner's own", p.Emails.Resend(victim, owner))
	for i := range 30 {
		_ = p.Emails.Resend(from(t.Context(), fmt.Sprintf("198.51.100.%d", i%10)), owner)
	}
	refused(t, "after a flood from many networks", p.Emails.Resend(victim, owner), domain.CodeTooManyAttempts)
	fits(t, "recovery after the flood", p.Passwords.Forgot(victim, owner))
	if got := p.kinds(t); len(got) > 2*20+1 {
		t.Errorf("%d mails were sent", len(got))
	}
	p.Clock.Advance(time.Hour)
	fits(t, "an hour later", p.Emails.Resend(victim, owner))
	if err := p.Emails.Resend(attacker, "ADA@EXAMPLE.COM"); err != nil {
		t.Errorf("in other letters: %v", err)
	}
}

// stumbling is a store whose next Updates lose their races.
type stumbling struct {
	ports.Store
	losses int
}

func (s *stumbling) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	if s.losses > 0 {
		s.losses--
		return ports.ErrStale
	}
	return s.Store.Update(ctx, fn)
}

// A link that meets a change of the profile is tried again, and is good after it.
func TestLinksThatLoseRaces(t *testing.T) {
	t.Parallel()
	for losses, want := range map[int]domain.Code{2: "", 3: domain.CodeDependencyUnavailable} {
		store := &stumbling{Store: memstore.New()}
		p := newWorldPost(t, world.WithStore(store))
		p.Register(t, owner)
		token := p.token(t, domain.MessageVerifyEmail, owner)
		spend := func(what string, do func() error) {
			t.Helper()
			store.losses = losses
			err := do()
			if want == "" {
				fits(t, what, err)
				return
			}
			refused(t, what, err, want)
			fits(t, what+" later", do())
		}
		spend("verify", func() error { return p.Emails.Verify(t.Context(), token) })
		token = p.forgot(t, owner)
		spend("reset", func() error { return p.Passwords.Reset(t.Context(), token, domain.NewSecret(another)) })
	}
}
