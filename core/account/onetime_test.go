package account_test

import (
	"context"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap/world"
	"authserve/core/domain"
	"authserve/ports"
)

// flow is one way to get a token by mail, and to spend it.
type flow struct {
	purpose domain.TokenPurpose
	get     func(t *testing.T, p *post) domain.Secret
	spend   func(ctx context.Context, p *post, token domain.Secret) error
}

func spendReset(ctx context.Context, p *post, token domain.Secret) error {
	return p.Passwords.Reset(ctx, token, domain.NewSecret(another))
}

func spendVerify(ctx context.Context, p *post, token domain.Secret) error {
	return p.Emails.Verify(ctx, token)
}

func spendUndo(ctx context.Context, p *post, token domain.Secret) error {
	return p.Emails.Undo(ctx, token)
}

// flows are all of them, for an account of owner's.
func flows() map[string]flow {
	return map[string]flow{
		"verify": {domain.TokenVerifyEmail, func(t *testing.T, p *post) domain.Secret {
			t.Helper()
			p.Register(t, owner)
			return p.token(t, domain.MessageVerifyEmail, owner)
		}, spendVerify},
		"change": {domain.TokenChangeEmail, func(t *testing.T, p *post) domain.Secret {
			t.Helper()
			return p.asked(t, identity(t, p.World, owner), "ada@new.example", world.Password)
		}, spendVerify},
		"reset": {domain.TokenResetPassword, func(t *testing.T, p *post) domain.Secret {
			t.Helper()
			p.verified(t, owner)
			return p.forgot(t, owner)
		}, spendReset},
		"undo": {domain.TokenUndoEmail, func(t *testing.T, p *post) domain.Secret {
			t.Helper()
			p.verified(t, owner)
			p.move(t, owner, "ada@new.example")
			return p.token(t, domain.MessageEmailChanged, owner)
		}, spendUndo},
	}
}

// Of sixteen contenders for one token one spends it, and the others find it gone.
func TestATokenIsSpentOnce(t *testing.T) {
	t.Parallel()
	for name, f := range flows() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newWorldPost(t, world.WithStore(memstore.New()))
			token := f.get(t, p)
			var group sync.WaitGroup
			results := make([]error, 16)
			for i := range results {
				group.Go(func() { results[i] = f.spend(t.Context(), p, token) })
			}
			group.Wait()
			spent := 0
			for _, err := range results {
				if err == nil {
					spent++
					continue
				}
				refused(t, "a loser", err, domain.CodeInvalidOneTimeToken)
			}
			if spent != 1 {
				t.Errorf("spent %d times; want once", spent)
			}
			all := 0
			p.view(t, func(ctx context.Context, tx ports.Tx) error {
				page, err := tx.Audit().List(ctx, domain.AuditFilter{Action: domain.AuditTokenRefused}, domain.PageRequest{Limit: 100})
				all = len(page.Items)
				return err
			})
			if all != len(results)-1 {
				t.Errorf("%d refusals audited; want %d", all, len(results)-1)
			}
		})
	}
}

// A token is good for its purpose alone, up to the microsecond of its end.
func TestTokensAreGoodForOneThingAndAWhile(t *testing.T) {
	t.Parallel()
	for name, f := range flows() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newWorldPost(t)
			token := f.get(t, p)
			for other, spend := range map[string]func(context.Context, *post, domain.Secret) error{"verify": spendVerify, "reset": spendReset, "undo": spendUndo} {
				if other == name || name == "change" && other == "verify" {
					continue
				}
				refused(t, "for "+other, spend(t.Context(), p, token), domain.CodeInvalidOneTimeToken)
			}
			p.Clock.Advance(f.purpose.TTL())
			refused(t, "at its end", f.spend(t.Context(), p, token), domain.CodeInvalidOneTimeToken)
			p.Clock.Advance(-time.Microsecond)
			fits(t, "before its end", f.spend(t.Context(), p, token))
		})
	}
}

func TestRefusedTokensAreAudited(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	a := p.verified(t, owner)
	expired := p.forgot(t, owner)
	p.Clock.Advance(domain.TokenResetPassword.TTL())
	caller := from(t.Context(), "192.0.2.9")
	refused(t, "expired", spendReset(caller, p, expired), domain.CodeInvalidOneTimeToken)
	outdated := p.forgot(t, owner)
	// The token of a change that its account outran: EndAll took it, and this one is put back.
	p.update(t, func(ctx context.Context, tx ports.Tx) error {
		kept, err := tx.OneTimeTokens().ListByAccount(ctx, a.ID)
		if err != nil {
			return err
		}
		for _, token := range kept {
			token.Generation--
			if err := tx.OneTimeTokens().Put(ctx, token); err != nil {
				return err
			}
		}
		return nil
	})
	refused(t, "outdated", spendReset(caller, p, outdated), domain.CodeInvalidOneTimeToken)
	refused(t, "unknown", spendReset(caller, p, domain.NewSecret(encode(make([]byte, 32)))), domain.CodeInvalidOneTimeToken)
	refused(t, "no token", spendReset(caller, p, domain.NewSecret("abc")), domain.CodeInvalidOneTimeToken)
	reasons := map[string]int{}
	for _, subject := range []domain.ID{a.ID, ""} {
		for _, e := range p.events(t, subject, domain.AuditTokenRefused) {
			reasons[e.Detail["reason"]+" "+string(e.Subject)]++
			if e.Detail["purpose"] != "reset_password" || len(e.Detail) != 2 || e.Actor.IP != "192.0.2.9" || e.Actor.Network != "" {
				t.Errorf("event = %+v", e)
			}
		}
	}
	if want := map[string]int{"expired " + string(a.ID): 1, "outdated " + string(a.ID): 1, "unknown ": 1}; !maps.Equal(reasons, want) {
		t.Errorf("reasons = %v; want %v", reasons, want)
	}
}

// What a change of the password or the address ends, and a newer token.
func TestTokensThatAreOutdated(t *testing.T) {
	t.Parallel()
	events := map[string]func(t *testing.T, p *post){
		"a newer one": func(t *testing.T, p *post) {
			t.Helper()
			p.Clock.Advance(time.Second)
			p.forgot(t, owner)
		},
		"a change of the password": func(t *testing.T, p *post) {
			t.Helper()
			_, err := change(t, p.World, authenticated(t, p.World, p.Login(t, owner)), world.Password, another)
			fits(t, "change", err)
		},
		"a change of the address": func(t *testing.T, p *post) { t.Helper(); p.move(t, owner, "ada@new.example") },
	}
	for name, happen := range events {
		p := newWorldPost(t)
		p.verified(t, owner)
		token := p.forgot(t, owner)
		happen(t, p)
		refused(t, name, spendReset(t.Context(), p, token), domain.CodeInvalidOneTimeToken)
		if name == "a newer one" {
			continue
		}
		a, err := p.find(t, owner, "ada@new.example")
		if err != nil {
			t.Fatal(err)
		}
		for _, kept := range p.tokens(t, a.ID) {
			if kept.Purpose != domain.TokenUndoEmail {
				t.Errorf("%s: %s is kept", name, kept.Purpose)
			}
		}
		// Asked for before, and mailed after: as late as a mail can be.
		p = newWorldPost(t)
		p.verified(t, owner)
		fits(t, "forgot", p.Passwords.Forgot(t.Context(), owner))
		p.Clock.Advance(time.Second)
		late := p.deliverNothing(t)
		happen(t, p)
		late()
		for _, l := range p.mailer.Sent() {
			if l.Kind == domain.MessageResetPassword {
				refused(t, name+", mailed late", spendReset(t.Context(), p, domain.NewSecret(l.Text)), domain.CodeInvalidOneTimeToken)
			}
		}
	}
}

// deliverNothing keeps what is due now from being sent until the returned call.
func (p *post) deliverNothing(t *testing.T) (later func()) {
	t.Helper()
	var held []domain.Message
	p.update(t, func(ctx context.Context, tx ports.Tx) (err error) {
		held, err = tx.Outbox().Claim(ctx, p.Clock.Now(), p.Clock.Now().Add(time.Hour), 10)
		return err
	})
	return func() {
		p.update(t, func(ctx context.Context, tx ports.Tx) error {
			for _, m := range held {
				if err := tx.Outbox().Return(ctx, m.ID, m.Attempt, p.Clock.Now()); err != nil {
					return err
				}
			}
			return nil
		})
		p.deliver(t)
	}
}

// A new password that breaks a rule, or became public, leaves the token good.
func TestARefusedResetSpendsNothing(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	p.verified(t, owner)
	token := p.forgot(t, owner)
	hashes := p.Hasher.Hashes()
	for _, bad := range []string{"", "short", owner, strings.Repeat("a", 20)} {
		err := p.Passwords.Reset(t.Context(), token, domain.NewSecret(bad))
		refused(t, bad, err, domain.CodeValidation)
		if fields := domain.FieldsOf(err); len(fields) != 1 || fields[0].Field != "new_password" {
			t.Errorf("%q: %+v; want new_password", bad, fields)
		}
	}
	refused(t, "a bad token with a bad password", p.Passwords.Reset(t.Context(), domain.NewSecret(encode(make([]byte, 32))), domain.NewSecret("short")), domain.CodeInvalidOneTimeToken)
	if p.Hasher.Hashes() != hashes {
		t.Error("a refused reset cost a hash")
	}
	fits(t, "then a good one", spendReset(t.Context(), p, token))
}

// FuzzOneTimeToken presents anything to every call that takes a token. One token has
// one spelling.
func FuzzOneTimeToken(f *testing.F) {
	p := newPost(f, world.New(f))
	a := p.Register(f, owner)
	good := p.plant(f, domain.TokenVerifyEmail, a, a.Email).Reveal()
	for _, seed := range []string{
		"", good, good + "=", good + "A", good[:42], "\n" + good, good + "\r\n", good[:21] + "\n" + good[21:], good[:42] + "_",
		"\n" + good[1:], strings.ToUpper(good), strings.Repeat("-", 43), strings.Repeat("_", 1<<12), "é" + good[2:], good[:40] + "+/=",
	} {
		f.Add(seed)
	}
	for last := range alphabet { // the last character carries two bits that say nothing
		f.Add(good[:42] + alphabet[last:last+1])
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if raw == good {
			return
		}
		token := domain.NewSecret(raw)
		for name, spend := range map[string]func(context.Context, *post, domain.Secret) error{"verify": spendVerify, "reset": spendReset, "undo": spendUndo} {
			err := spend(t.Context(), p, token)
			if code := domain.CodeOf(err); err == nil || code != domain.CodeInvalidOneTimeToken && (raw != "" || code != domain.CodeValidation) {
				t.Errorf("%s of %q: %v", name, raw, err)
			}
			if err != nil && len(raw) > 8 && strings.Contains(err.Error(), raw) {
				t.Errorf("%s: the error repeats the token: %v", name, err)
			}
		}
	})
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// outrun is a store in which somebody else spends each token between being found and
// being spent, as READ COMMITTED shows it.
type outrun struct {
	ports.Store
	now bool
}

func (s *outrun) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	return s.Store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		if s.now {
			tx = outrunTx{tx}
		}
		return fn(ctx, tx)
	})
}

type outrunTx struct{ ports.Tx }

func (t outrunTx) OneTimeTokens() ports.OneTimeTokens { return outrunTokens{t.Tx.OneTimeTokens()} }

type outrunTokens struct{ ports.OneTimeTokens }

func (outrunTokens) Spend(context.Context, []byte) error { return ports.ErrStale }

func TestATokenThatSomebodyElseSpentIsRefused(t *testing.T) {
	t.Parallel()
	for name, f := range flows() {
		store := &outrun{Store: memstore.New()}
		p := newWorldPost(t, world.WithStore(store))
		token := f.get(t, p)
		before := snapshot(t, p)
		store.now = true
		refused(t, name, f.spend(t.Context(), p, token), domain.CodeInvalidOneTimeToken)
		if after := snapshot(t, p); after != before {
			t.Errorf("%s: the loser changed the account", name)
		}
	}
}
