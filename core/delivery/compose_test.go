package delivery_test

import (
	"context"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"authserve/core/delivery"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// scene is one message in the outbox, and what has happened to its account since.
type scene struct {
	account domain.Account
	changed time.Time // of the password; zero: there is none
	message domain.Message
	token   *domain.OneTimeToken // in the store already
	other   *domain.Account
	wait    time.Duration // until the message is delivered
}

type change func(*scene)

// newScene is a message to account 1, which nothing speaks against.
func newScene(kind domain.MessageKind, changes []change) scene {
	s := scene{account: fake.Account(1), changed: fake.Epoch()}
	s.message = domain.NewMessage(fake.Message(1).ID, kind, s.account, nil, fake.Epoch())
	switch kind {
	case domain.MessageVerifyEmail:
		s.account.EmailVerifiedAt = time.Time{}
	case domain.MessageChangeEmail:
		s.message.To = "New@Example.net"
	case domain.MessageEmailChanged:
		s.message.To = "Old@Example.net"
	default:
	}
	for _, c := range changes {
		c(&s)
	}
	return s
}

// Changes of scenes.
func anonymous(s *scene)     { s.message.AccountID, s.message.Generation = "", 0 }
func disabled(s *scene)      { s.account.Status = domain.AccountDisabled }
func verified(s *scene)      { s.account.EmailVerifiedAt = fake.Epoch() }
func outdated(s *scene)      { s.account.Version.AuthGeneration++ }
func withoutHash(s *scene)   { s.changed = time.Time{} }
func otherPassword(s *scene) { s.changed = fake.Epoch().Add(time.Microsecond) }
func otherAddress(s *scene) {
	s.account.Email = domain.Email{Address: "x@example.com", Canonical: "x@example.com"}
}
func gone(s *scene)                { s.message.AccountID = fake.Account(2).ID }
func toNobody(s *scene)            { anonymous(s); s.message.To = "nobody@example.com" }
func after(d time.Duration) change { return func(s *scene) { s.wait = d } }
func to(address string) change     { return func(s *scene) { s.message.To = address } }

func takenBy(address string) change {
	return func(s *scene) {
		other := fake.Account(2, func(a *domain.Account) { a.Email = domain.Email{Address: address, Canonical: address} })
		s.other = &other
	}
}

// held puts the token to undo that was made with the change into the store.
func held(t *testing.T, b *bench) change {
	t.Helper()
	return func(s *scene) {
		secret, err := b.sealer.MAC(t.Context(), ports.PurposeOneTime, b.sealer.ActiveKey(), s.message.TokenLabel())
		if err != nil {
			t.Fatalf("MAC: %v", err)
		}
		s.message.Data = map[string]string{domain.DataKey: b.sealer.ActiveKey()}
		token := domain.NewOneTimeToken(secret, domain.TokenUndoEmail, s.account, domain.Email{Address: "Old@Example.net", Canonical: "old@example.net"}, fake.Epoch(), fake.Epoch())
		s.token = &token
	}
}

// play writes the scene and delivers its message.
func (b *bench) play(t *testing.T, s scene, post ports.Mailer) (delivery.Report, error) {
	t.Helper()
	b.update(t, func(ctx context.Context, tx ports.Tx) error {
		errs := []error{tx.Accounts().Create(ctx, s.account)}
		if s.other != nil {
			errs = append(errs, tx.Accounts().Create(ctx, *s.other))
		}
		if !s.changed.IsZero() {
			errs = append(errs, tx.Credentials().Create(ctx, fake.Credential(s.account, func(c *domain.Credential) { c.ChangedAt = s.changed })))
		}
		if s.token != nil {
			errs = append(errs, tx.OneTimeTokens().Put(ctx, *s.token))
		}
		return errors.Join(append(errs, tx.Outbox().Enqueue(ctx, s.message))...)
	})
	b.clock.Advance(s.wait)
	return b.relay(post, config()).Deliver(t.Context())
}

func (b *bench) update(t *testing.T, fn func(ctx context.Context, tx ports.Tx) error) {
	t.Helper()
	if err := b.store.Update(t.Context(), fn); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

// token reads the token of a letter of fake.Letters.
func (b *bench) token(t *testing.T, l domain.Letter) (token domain.OneTimeToken, found bool) {
	t.Helper()
	purpose, _ := l.Kind.Purpose()
	secret, err := base64.RawURLEncoding.Strict().DecodeString(l.Text)
	if err != nil || len(secret) != 32 {
		t.Fatalf("secret: got %q (%v), want 32 bytes in base64url", l.Text, err)
	}
	err = b.store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		token, err = tx.OneTimeTokens().ByHash(ctx, domain.OneTimeHash(purpose, secret))
		return err
	})
	if err != nil && !errors.Is(err, ports.ErrNotFound) {
		t.Fatalf("ByHash: %v", err)
	}
	return token, err == nil
}

func (b *bench) tokens(t *testing.T, account domain.ID) (tokens []domain.OneTimeToken) {
	t.Helper()
	err := b.store.View(t.Context(), func(ctx context.Context, tx ports.Tx) (err error) {
		tokens, err = tx.OneTimeTokens().ListByAccount(ctx, account)
		return err
	})
	if err != nil {
		t.Fatalf("ListByAccount: %v", err)
	}
	return tokens
}

func TestMessagesThatStillHaveAPoint(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	tests := []struct {
		name    string
		kind    domain.MessageKind
		changes []change
		sent    bool
	}{
		{"verify", domain.MessageVerifyEmail, nil, true},
		{"verify: asked for by anybody", domain.MessageVerifyEmail, []change{anonymous}, true},
		{"verify: verified meanwhile", domain.MessageVerifyEmail, []change{verified}, false},
		{"verify: verified, asked for by anybody", domain.MessageVerifyEmail, []change{anonymous, verified}, false},
		{"verify: nobody has the address", domain.MessageVerifyEmail, []change{toNobody}, false},
		{"verify: the address changed", domain.MessageVerifyEmail, []change{otherAddress}, false},
		{"verify: the generation rose", domain.MessageVerifyEmail, []change{outdated}, false},
		{"verify: the password changed, asked for by anybody", domain.MessageVerifyEmail, []change{anonymous, otherPassword}, false},
		{"verify: disabled", domain.MessageVerifyEmail, []change{disabled}, false},
		{"verify: deleted", domain.MessageVerifyEmail, []change{gone}, false},
		{"verify: a day old", domain.MessageVerifyEmail, []change{after(day)}, true},
		{"verify: older than a day", domain.MessageVerifyEmail, []change{after(day + 1000)}, false},

		{"reset", domain.MessageResetPassword, nil, true},
		{"reset: asked for by anybody", domain.MessageResetPassword, []change{anonymous}, true},
		{"reset: asked for by anybody in capitals", domain.MessageResetPassword, []change{anonymous, to("USER1@EXAMPLE.ORG")}, true},
		{"reset: imported without a password", domain.MessageResetPassword, []change{anonymous, withoutHash}, true},
		{"reset: nobody has the address", domain.MessageResetPassword, []change{toNobody}, false},
		{"reset: the password changed", domain.MessageResetPassword, []change{anonymous, otherPassword}, false},
		{"reset: the address changed", domain.MessageResetPassword, []change{otherAddress}, false},
		{"reset: the address changed, asked for by anybody", domain.MessageResetPassword, []change{anonymous, otherAddress}, false},
		{"reset: the generation rose", domain.MessageResetPassword, []change{outdated}, false},
		{"reset: disabled", domain.MessageResetPassword, []change{anonymous, disabled}, false},
		{"reset: deleted", domain.MessageResetPassword, []change{gone}, false},
		{"reset: older than a day", domain.MessageResetPassword, []change{anonymous, after(day + 1000)}, false},

		{"change", domain.MessageChangeEmail, nil, true},
		{"change: of the spelling alone", domain.MessageChangeEmail, []change{to("USER1@example.org")}, true},
		{"change: it is the account's already", domain.MessageChangeEmail, []change{to("User1@Example.org")}, false},
		{"change: somebody else has the address", domain.MessageChangeEmail, []change{takenBy("new@example.net")}, false},
		{"change: somebody else has another", domain.MessageChangeEmail, []change{takenBy("newer@example.net")}, true},
		{"change: the generation rose", domain.MessageChangeEmail, []change{outdated}, false},
		{"change: disabled", domain.MessageChangeEmail, []change{disabled}, false},
		{"change: deleted", domain.MessageChangeEmail, []change{gone}, false},
		{"change: older than a day", domain.MessageChangeEmail, []change{after(day + 1000)}, false},

		{"registered before", domain.MessageRegisteredBefore, []change{anonymous}, true},
		{"registered before: nobody has the address", domain.MessageRegisteredBefore, []change{toNobody}, false},
		{"notice: the password changed", domain.MessagePasswordChanged, []change{outdated, otherPassword, after(5 * day)}, true},
		{"notice: deleted", domain.MessageAccountDeleted, []change{gone}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, post := newBench(), &fake.Mailer{}
			s := newScene(tt.kind, tt.changes)
			got, err := b.play(t, s, post)
			want := delivery.Report{Claimed: 1, Moot: 1}
			if tt.sent {
				want = delivery.Report{Claimed: 1, Sent: 1}
			}
			if got != want || err != nil || len(post.Sent()) != want.Sent {
				t.Fatalf("Deliver: got %+v, %v and %d letters, want %+v", got, err, len(post.Sent()), want)
			}
			if line := b.journal.all()[0]; line.verb != "sent" {
				t.Errorf("settled: got %+v, want it done with", line)
			}
			tokens := b.tokens(t, s.account.ID)
			purpose, linked := tt.kind.Purpose()
			if !tt.sent || !linked {
				if len(tokens) != 0 {
					t.Errorf("tokens: got %v, want none", tokens)
				}
				return
			}
			email, err := domain.ParseEmail(s.message.To)
			if err != nil {
				t.Fatal(err)
			}
			token, found := b.token(t, post.Sent()[0])
			wanted := domain.OneTimeToken{
				Hash: token.Hash, AccountID: s.account.ID, Purpose: purpose, Address: email, Generation: s.account.Version.AuthGeneration,
				CreatedAt: s.message.CreatedAt, ExpiresAt: b.clock.Now().Add(purpose.TTL()),
			}
			if !found || len(tokens) != 1 || !equal(token, wanted) {
				t.Errorf("token: got %+v of %d, want %+v", token, len(tokens), wanted)
			}
		})
	}
}

func equal(a, b domain.OneTimeToken) bool {
	return string(a.Hash) == string(b.Hash) && a.AccountID == b.AccountID && a.Purpose == b.Purpose && a.Address == b.Address &&
		a.Generation == b.Generation && a.CreatedAt.Equal(b.CreatedAt) && a.ExpiresAt.Equal(b.ExpiresAt)
}

// The token to undo a change is made with the change. A thief must not keep its mail
// from going out, and must not get one of their own once the owner has undone it all.
func TestTheLinkToUndoAChange(t *testing.T) {
	t.Parallel()
	const week = 7 * 24 * time.Hour
	tests := []struct {
		name    string
		held    bool
		changes []change
		sent    bool
	}{
		{"at once", true, nil, true},
		{"after another change, or a new password", true, []change{outdated, otherPassword}, true},
		{"disabled", true, []change{disabled}, true},
		{"days later", true, []change{after(week - 1000)}, true},
		{"when it is too old", true, []change{after(week)}, false},
		{"when it was spent or ended", false, nil, false},
		{"when the account has the address again", true, []change{to("User1@Example.org")}, false},
		{"deleted", false, []change{gone}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, post := newBench(), &fake.Mailer{}
			changes := tt.changes
			if tt.held {
				changes = append([]change{held(t, b)}, changes...)
			}
			s := newScene(domain.MessageEmailChanged, changes)
			before := 0
			if s.token != nil {
				before = 1
			}
			got, err := b.play(t, s, post)
			want := delivery.Report{Claimed: 1, Moot: 1}
			if tt.sent {
				want = delivery.Report{Claimed: 1, Sent: 1}
			}
			if got != want || err != nil {
				t.Fatalf("Deliver: got %+v, %v, want %+v", got, err, want)
			}
			if tokens := b.tokens(t, s.account.ID); len(tokens) != before || before == 1 && !equal(tokens[0], *s.token) {
				t.Errorf("tokens: got %+v, want what was there", tokens)
			}
			if tt.sent {
				if token, found := b.token(t, post.Sent()[0]); !found || !equal(token, *s.token) {
					t.Errorf("the letter's token: got %+v, want the one that was there", token)
				}
			}
		})
	}
}

func TestLettersAreInTheLanguageOfWhoHasTheAddress(t *testing.T) {
	t.Parallel()
	for _, kind := range []domain.MessageKind{domain.MessageResetPassword, domain.MessageRegisteredBefore} {
		b := newBench()
		locale := ""
		post := mailer(func(_ context.Context, m domain.Message) error { locale = m.Locale; return nil })
		if got, err := b.play(t, newScene(kind, []change{anonymous}), post); got.Sent != 1 || err != nil || locale != "de" {
			t.Errorf("%s: got %+v, %v in %q, want it sent in the account's language", kind, got, err, locale)
		}
	}
}
