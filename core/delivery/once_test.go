package delivery_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"authserve/adapters/outbound/seal"
	"authserve/core/delivery"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// What owners do with a letter while the relay does not know that it went out.
func TestASpentTokenDoesNotComeBack(t *testing.T) {
	t.Parallel()
	tests := map[domain.MessageKind]func(ctx context.Context, tx ports.Tx, s scene) error{
		domain.MessageVerifyEmail: func(ctx context.Context, tx ports.Tx, s scene) error {
			verified := s.account
			verified.EmailVerifiedAt = fake.Epoch()
			verified.Version.Profile++
			return tx.Accounts().Update(ctx, verified, s.account.Version)
		},
		domain.MessageChangeEmail: func(ctx context.Context, tx ports.Tx, s scene) error {
			changed := s.account
			changed.Email = domain.Email{Address: "New@Example.net", Canonical: "new@example.net"}
			changed.Version.AuthGeneration++
			return tx.Accounts().Update(ctx, changed, s.account.Version)
		},
		domain.MessageResetPassword: func(ctx context.Context, tx ports.Tx, s scene) error {
			changed := s.account
			changed.Version.Credential++
			fresh := fake.Credential(changed, func(c *domain.Credential) { c.ChangedAt = fake.Epoch().Add(time.Second) })
			return errors.Join(tx.Accounts().Update(ctx, changed, s.account.Version), tx.Credentials().Replace(ctx, fresh, s.account.Version.Credential))
		},
		domain.MessageEmailChanged: func(ctx context.Context, tx ports.Tx, s scene) error {
			changed := s.account
			changed.Email = domain.Email{Address: "Old@Example.net", Canonical: "old@example.net"}
			return errors.Join(tx.Accounts().Update(ctx, changed, s.account.Version))
		},
	}
	for kind, use := range tests {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			b, post := newBench(), &fake.Mailer{}
			var changes []change
			if kind == domain.MessageEmailChanged {
				changes = append(changes, held(t, b))
			}
			s := newScene(kind, changes)
			forgetful := sender(func(ctx context.Context, l domain.Letter) error {
				defer b.store.FailUpdate(ports.ErrUnavailable) // the next is the settling
				return post.Send(ctx, l)
			})
			if got, err := b.play(t, s, forgetful); got != (delivery.Report{Claimed: 1}) || !errors.Is(err, ports.ErrUnavailable) {
				t.Fatalf("Deliver: got %+v, %v, want it sent and not settled", got, err)
			}
			token, found := b.token(t, post.Sent()[0])
			if !found {
				t.Fatal("the letter's token is not there")
			}
			b.update(t, func(ctx context.Context, tx ports.Tx) error {
				return errors.Join(tx.OneTimeTokens().Spend(ctx, token.Hash), use(ctx, tx, s))
			})
			b.clock.Advance(config().Lease)
			got, err := b.relay(post, config()).Deliver(t.Context())
			if want := (delivery.Report{Claimed: 1, Moot: 1}); got != want || err != nil || len(post.Sent()) != 1 {
				t.Errorf("Deliver again: got %+v, %v and %d letters in all, want %+v and 1", got, err, len(post.Sent()), want)
			}
			if tokens := b.tokens(t, s.account.ID); len(tokens) != 0 {
				t.Errorf("tokens: got %+v, want none", tokens)
			}
		})
	}
}

// sender is a mailer by its one method.
type sender func(ctx context.Context, l domain.Letter) error

func (f sender) Send(ctx context.Context, l domain.Letter) error { return f(ctx, l) }

func TestAMessageSentAgainHasTheSameIDAndTheSameLink(t *testing.T) {
	t.Parallel()
	for _, kind := range domain.MessageKinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			b := newBench()
			var changes []change
			if kind == domain.MessageEmailChanged {
				changes = append(changes, held(t, b))
			}
			var sent []domain.Letter
			post := sender(func(_ context.Context, l domain.Letter) error {
				sent = append(sent, l)
				return ports.ErrUnavailable
			})
			if _, err := b.play(t, newScene(kind, changes), post); !errors.Is(err, ports.ErrUnavailable) {
				t.Fatalf("Deliver: got %v, want %v", err, ports.ErrUnavailable)
			}
			b.clock.Advance(config().FirstPause)
			if got, _ := b.relay(post, config()).Deliver(t.Context()); got.Retried != 1 {
				t.Fatalf("another relay: got %+v, want it tried again", got)
			}
			if len(sent) != 2 || sent[0] != sent[1] || sent[0].ID != fake.Message(1).ID {
				t.Errorf("sent: got %#v, want the same letter twice", sent)
			}
			if _, linked := kind.Purpose(); linked == (sent[0].Text == "") {
				t.Errorf("secret: got %q, want one only for a link", sent[0].Text)
			}
		})
	}
}

const otherKey = "tz8IJLlIo1aaR8l8uwyITCiVYTGQHE6lBjXV8ALJN0E="

// The keyring has a new active key by the time that the mail goes out.
func TestTheLinkToUndoOutlivesAChangeOfKeys(t *testing.T) {
	t.Parallel()
	b, post := newBench(), &fake.Mailer{}
	s := newScene(domain.MessageEmailChanged, []change{held(t, b)})
	fresh, err := seal.New(fake.NewRandom(2), domain.NewSecret(otherKey), masterKey())
	if err != nil {
		t.Fatal(err)
	}
	b.sealer = fresh
	if got, err := b.play(t, s, post); got.Sent != 1 || err != nil {
		t.Fatalf("Deliver: got %+v, %v, want it sent", got, err)
	}
	if _, found := b.token(t, post.Sent()[0]); !found {
		t.Error("the letter's link is not the one that was made with the change")
	}
}

// Secrets have 256 bits, and are those of one message, one kind and one master key.
func TestSecretsOfTokensCannotBeGuessed(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, key := range []string{masterKey().Reveal(), otherKey} {
		b, post := newBench(), &fake.Mailer{}
		ring, err := seal.New(fake.NewRandom(1), domain.NewSecret(key))
		if err != nil {
			t.Fatal(err)
		}
		b.sealer = ring
		s := newScene(domain.MessageVerifyEmail, nil)
		b.update(t, func(ctx context.Context, tx ports.Tx) error {
			for i, kind := range []domain.MessageKind{domain.MessageVerifyEmail, domain.MessageChangeEmail, domain.MessageResetPassword} {
				m := domain.NewMessage(fake.Message(10+i).ID, kind, s.account, nil, fake.Epoch())
				if kind == domain.MessageChangeEmail {
					m.To = "new@example.net"
				}
				if err := tx.Outbox().Enqueue(ctx, m); err != nil {
					return err
				}
			}
			return nil
		})
		if got, err := b.play(t, s, post); got.Sent != 4 || err != nil {
			t.Fatalf("Deliver: got %+v, %v, want 4 sent", got, err)
		}
		for _, l := range post.Sent() {
			b.token(t, l) // of 32 bytes
			if other := seen[l.Text]; other != "" {
				t.Errorf("secret of %s: got that of %s", l, other)
			}
			seen[l.Text] = l.String()
		}
	}
	kinds := map[string]bool{}
	for _, kind := range domain.MessageKinds() {
		kinds[string(domain.Message{ID: fake.Message(1).ID, Kind: kind}.TokenLabel())] = true
	}
	if len(kinds) != len(domain.MessageKinds()) {
		t.Errorf("labels of one id: got %d, want one for each kind", len(kinds))
	}
}

// A message that was held up must not end the link of a newer one.
func TestAnOlderMessageAfterANewerOne(t *testing.T) {
	t.Parallel()
	b, post := newBench(), &fake.Mailer{}
	s := newScene(domain.MessageResetPassword, []change{anonymous})
	older := s.message
	older.ID, older.DueAt = fake.Message(2).ID, fake.Epoch().Add(time.Hour)
	s.message.CreatedAt = fake.Epoch().Add(time.Second)
	s.wait = time.Minute
	if got, err := b.play(t, s, post); got.Sent != 1 || err != nil {
		t.Fatalf("the newer: got %+v, %v, want it sent", got, err)
	}
	newer := b.tokens(t, s.account.ID)
	b.update(t, func(ctx context.Context, tx ports.Tx) error { return tx.Outbox().Enqueue(ctx, older) })
	b.clock.Advance(time.Hour)
	got, err := b.relay(post, config()).Deliver(t.Context())
	if want := (delivery.Report{Claimed: 1, Moot: 1}); got != want || err != nil || len(post.Sent()) != 1 {
		t.Errorf("the older: got %+v, %v and %d letters in all, want %+v and 1", got, err, len(post.Sent()), want)
	}
	if tokens := b.tokens(t, s.account.ID); len(tokens) != 1 || !equal(tokens[0], newer[0]) {
		t.Errorf("tokens: got %+v, want the newer alone", tokens)
	}
}

func TestANewerMessageEndsTheLinkOfTheOlder(t *testing.T) {
	t.Parallel()
	b, post := newBench(), &fake.Mailer{}
	s := newScene(domain.MessageResetPassword, []change{anonymous})
	newer := s.message
	newer.ID, newer.CreatedAt, newer.DueAt = fake.Message(2).ID, fake.Epoch().Add(time.Second), fake.Epoch().Add(time.Second)
	b.update(t, func(ctx context.Context, tx ports.Tx) error { return tx.Outbox().Enqueue(ctx, newer) })
	s.wait = time.Minute
	if got, err := b.play(t, s, post); got.Sent != 2 || err != nil {
		t.Fatalf("Deliver: got %+v, %v, want both sent", got, err)
	}
	_, first := b.token(t, post.Sent()[0])
	_, second := b.token(t, post.Sent()[1])
	if first || !second {
		t.Errorf("links: got the older good: %t, the newer: %t, want the newer alone", first, second)
	}
}

func TestSixteenRelaysAndLinks(t *testing.T) {
	t.Parallel()
	const accounts, relays = 40, 16
	b, post := newBench(), &fake.Mailer{}
	b.update(t, func(ctx context.Context, tx ports.Tx) error {
		for i := 1; i <= accounts; i++ {
			a := fake.Account(i)
			m := domain.NewMessageTo(fake.Message(i).ID, domain.MessageResetPassword, a.Email.Address, fake.Epoch())
			if err := errors.Join(tx.Accounts().Create(ctx, a), tx.Outbox().Enqueue(ctx, m)); err != nil {
				return err
			}
		}
		return nil
	})
	var all sync.WaitGroup
	for range relays {
		all.Go(func() {
			relay := b.relay(post, config())
			for {
				report, err := relay.Deliver(t.Context())
				if err != nil {
					t.Errorf("Deliver: %v", err)
				}
				if report.Claimed == 0 {
					return
				}
			}
		})
	}
	all.Wait()
	if got := len(post.Sent()); got != accounts {
		t.Errorf("sent: got %d letters, want %d", got, accounts)
	}
	for _, l := range post.Sent() {
		if _, found := b.token(t, l); !found {
			t.Errorf("letter %s: its link is not good", l.ID)
		}
	}
}

// The wrong kind of failure must not make an outage of the mailer, nor hold others up.
func TestFaultsOfWordsAreThoseOfOneMessage(t *testing.T) {
	t.Parallel()
	const bad = 5 // more than make an outage
	tests := []struct {
		name    string
		compose func() error
		want    delivery.Report
		reason  string
	}{
		{"a panic", func() error { panic("User1@Example.org") }, delivery.Report{Claimed: 10, Sent: 5, Retried: bad}, "internal"},
		{"a runtime error", func() error { return []error{}[len(fake.Message(1).Data)] }, delivery.Report{Claimed: 10, Sent: 5, Retried: bad}, "internal"},
		{"a fault", func() error { return domain.NewError(domain.KindInternal, "template_fault", "x") }, delivery.Report{Claimed: 10, Sent: 5, Retried: bad}, "template_fault: x"},
		{"no words for it", func() error { return badAddress }, delivery.Report{Claimed: 10, Sent: 5, Abandoned: bad}, badAddress.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench()
			b.enqueue(t, 10)
			words := words(func(m domain.Message) error {
				if m.ID <= fake.Message(bad).ID {
					return tt.compose()
				}
				return nil
			})
			relay := delivery.New(b.store, &fake.Mailer{}, words, b.sealer, b.clock, fake.NewRandom(1), config())
			got, err := relay.Deliver(t.Context())
			if got != tt.want || err == nil || strings.Contains(err.Error(), "@") {
				t.Errorf("Deliver: got %+v, %v, want %+v and an error without addresses", got, err, tt.want)
			}
			if line := b.journal.all()[0]; line.reason != tt.reason {
				t.Errorf("reason: got %q, want %q", line.reason, tt.reason)
			}
		})
	}
}

// words fail as told.
type words func(m domain.Message) error

func (f words) Compose(m domain.Message, secret domain.Secret) (domain.Letter, error) {
	if err := f(m); err != nil {
		return domain.Letter{}, err
	}
	return fake.Letters{}.Compose(m, secret)
}
