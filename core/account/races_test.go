package account_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap/world"
	"authserve/core/domain"
	"authserve/core/login"
	"authserve/ports"
	"authserve/ports/fake"
)

// What was begun with an old password, session or address does not survive the event
// that voids it, in whatever order they meet.
func TestNothingOldSurvivesASecurityEvent(t *testing.T) {
	t.Parallel()
	type scene struct {
		*post
		who  domain.Identity // of the caller
		pair domain.TokenPair
	}
	events := map[string]func(t *testing.T, s scene) func(ctx context.Context) error{
		"a change of the password": func(_ *testing.T, s scene) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := s.Passwords.Change(ctx, s.who, domain.NewSecret(world.Password), domain.NewSecret(another))
				return err
			}
		},
		"a reset": func(t *testing.T, s scene) func(context.Context) error {
			t.Helper()
			token := s.forgot(t, owner)
			return func(ctx context.Context) error { return s.Passwords.Reset(ctx, token, domain.NewSecret(another)) }
		},
		"a change of the address": func(t *testing.T, s scene) func(context.Context) error {
			t.Helper()
			token := s.asked(t, s.who, "ada@new.example", world.Password)
			return func(ctx context.Context) error { return s.Emails.Verify(ctx, token) }
		},
		"an undo": func(t *testing.T, s scene) func(context.Context) error {
			t.Helper()
			token := s.plant(t, domain.TokenUndoEmail, s.who.Account, s.who.Account.Email)
			return func(ctx context.Context) error { return s.Emails.Undo(ctx, token) }
		},
	}
	for name, prepare := range events {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 8 {
				p := newWorldPost(t, world.WithStore(memstore.New()))
				p.verified(t, owner)
				s := scene{post: p, pair: p.Login(t, owner)}
				s.who = authenticated(t, p.World, p.Login(t, owner))
				happen := prepare(t, s)
				var group sync.WaitGroup
				var event error
				refreshed, granted := make([]domain.TokenPair, 4), make([]domain.TokenPair, 4)
				for i := range 4 {
					group.Go(func() {
						result, err := p.Sessions.Refresh(t.Context(), s.pair.Refresh, "")
						if err == nil {
							refreshed[i] = result.Pair
						}
					})
					group.Go(func() {
						result, err := p.Logins.WithPassword(t.Context(), login.Attempt{Identifier: owner, Password: domain.NewSecret(world.Password)})
						if err == nil {
							granted[i] = result.TokenPair
						}
					})
				}
				group.Go(func() { event = happen(t.Context()) })
				group.Wait()
				fits(t, name, event)
				for _, pair := range append(refreshed, granted...) {
					if pair.Access.IsZero() {
						continue
					}
					if _, err := p.Sessions.Authenticate(t.Context(), pair.Access.Reveal()); err == nil {
						t.Errorf("%s: tokens from before are good", name)
					}
				}
				if _, err := p.Sessions.Refresh(t.Context(), s.pair.Refresh, ""); err == nil {
					t.Errorf("%s: a refresh token from before is good", name)
				}
			}
		})
	}
}

// While a reset hashes the new password, anything may happen to its token.
func TestWhatHappensWhileAResetHashes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		meanwhile func(t *testing.T, p *post, token domain.Secret)
		want      domain.Code
	}{
		"a login": {func(t *testing.T, p *post, _ domain.Secret) { t.Helper(); p.Login(t, owner) }, ""},
		"another reset": {func(t *testing.T, p *post, token domain.Secret) {
			t.Helper()
			fits(t, "reset", spendReset(t.Context(), p, token))
		}, domain.CodeInvalidOneTimeToken},
		"a newer link": {func(t *testing.T, p *post, _ domain.Secret) {
			t.Helper()
			p.Clock.Advance(time.Second)
			p.forgot(t, owner)
		}, domain.CodeInvalidOneTimeToken},
		"the end of its time":     {func(_ *testing.T, p *post, _ domain.Secret) { p.Clock.Advance(domain.TokenResetPassword.TTL()) }, domain.CodeInvalidOneTimeToken},
		"a change of the address": {func(t *testing.T, p *post, _ domain.Secret) { t.Helper(); p.move(t, owner, "ada@new.example") }, domain.CodeInvalidOneTimeToken},
		"deletion": {func(t *testing.T, p *post, _ domain.Secret) {
			t.Helper()
			fits(t, "delete", p.Owners.Delete(t.Context(), authenticated(t, p.World, p.Login(t, owner)), domain.NewSecret(world.Password)))
		}, domain.CodeInvalidOneTimeToken},
	} {
		p := newWorldPost(t)
		p.verified(t, owner)
		token := p.forgot(t, owner)
		hasher := whileHashing{p.Hasher, func() { tc.meanwhile(t, p, token) }}
		err := passwordsOf(p.World, hasher, p.Breaches).Reset(t.Context(), token, domain.NewSecret(another+"!"))
		if tc.want == "" {
			fits(t, name, err)
			continue
		}
		refused(t, name, err, tc.want)
	}
}

// A fault of the store leaves nothing half done, and the link good.
func TestFaultsLeaveNothingHalfDone(t *testing.T) {
	t.Parallel()
	for name, f := range flows() {
		for fault, arm := range map[string]func(*fake.BrokenStore){
			"commit": func(s *fake.BrokenStore) { s.FailCommit(ports.ErrUnavailable) },
			"update": func(s *fake.BrokenStore) { s.FailUpdate(ports.ErrUnavailable) },
		} {
			t.Run(name+" "+fault, func(t *testing.T) {
				t.Parallel()
				inner := memstore.New()
				store := fake.Broken(inner)
				p := newWorldPost(t, world.WithStore(store))
				token := f.get(t, p)
				p.deliver(t)
				before := snapshot(t, p)
				arm(store)
				refused(t, "with a fault", f.spend(t.Context(), p, token), domain.CodeDependencyUnavailable)
				if after := snapshot(t, p); after != before {
					t.Errorf("a fault left\n%s\nwant\n%s", after, before)
				}
				fits(t, "then", f.spend(t.Context(), p, token))
			})
		}
	}
}

// A commit whose answer was lost has been done once: the link is spent, and saying it
// again changes nothing.
func TestALostAnswerIsDoneOnce(t *testing.T) {
	t.Parallel()
	for name, f := range flows() {
		store := fake.Broken(memstore.New())
		p := newWorldPost(t, world.WithStore(store))
		token := f.get(t, p)
		store.LoseAnswer()
		refused(t, name, f.spend(t.Context(), p, token), domain.CodeDependencyUnavailable)
		before := snapshot(t, p)
		refused(t, name+" again", f.spend(t.Context(), p, token), domain.CodeInvalidOneTimeToken)
		if after := snapshot(t, p); after != before {
			t.Errorf("%s: done twice", name)
		}
	}
}
