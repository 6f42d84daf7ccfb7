package delivery_test

import (
	"context"
	"errors"
	"testing"

	"authserve/core/delivery"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// ambush is a keyring with which something happens before each use, which is just
// before a relay makes a token.
type ambush struct {
	ports.Sealer
	before func(label string)
}

func (a ambush) MAC(ctx context.Context, purpose ports.Purpose, key string, data []byte) ([]byte, error) {
	a.before(string(data))
	return a.Sealer.MAC(ctx, purpose, key, data)
}

// links writes n messages to reset the password of an account each.
func (b *bench) links(t *testing.T, n int) {
	t.Helper()
	b.update(t, func(ctx context.Context, tx ports.Tx) error {
		for i := 1; i <= n; i++ {
			a := fake.Account(i)
			m := domain.NewMessage(fake.Message(i).ID, domain.MessageResetPassword, a, nil, fake.Epoch())
			if err := errors.Join(tx.Accounts().Create(ctx, a), tx.Outbox().Enqueue(ctx, m)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *bench) relayWith(s ports.Sealer, post ports.Mailer) *delivery.Relay {
	return delivery.New(b.store, post, fake.Letters{}, s, b.clock, fake.NewRandom(1), config())
}

// The store's trouble is not the mailer's, and no failure of the messages.
func TestTroubleOfTheStoreWhileALetterIsMade(t *testing.T) {
	t.Parallel()
	for _, trouble := range []error{ports.ErrUnavailable, ports.ErrOverloaded, context.DeadlineExceeded} {
		t.Run(trouble.Error(), func(t *testing.T) {
			t.Parallel()
			b, post := newBench(), &fake.Mailer{}
			b.links(t, 5)
			broken := true
			relay := b.relayWith(ambush{b.sealer, func(string) {
				if broken {
					b.store.FailUpdate(trouble)
				}
			}}, post)
			for i := range 4 { // more than make an outage
				got, err := relay.Deliver(t.Context())
				if want := (delivery.Report{Claimed: 5 - i, Returned: 5 - i}); got != want || !errors.Is(err, trouble) {
					t.Errorf("Deliver %d: got %+v, %v, want %+v and %v", i+1, got, err, want, trouble)
				}
			}
			broken = false
			b.clock.Advance(config().FirstPause)
			if got, err := relay.Deliver(t.Context()); got != (delivery.Report{Claimed: 5, Sent: 5}) || err != nil {
				t.Errorf("when the store works again: got %+v, %v, want all 5 sent in one batch", got, err)
			}
			for _, line := range b.journal.all() {
				if line.verb == "retry" || line.verb == "abandon" {
					t.Errorf("settled: got %+v, want no failure", line)
				}
			}
		})
	}
}

// Should one message alone trouble the store, the others do not wait for it.
func TestAMessageThatTroublesTheStoreHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	b, post := newBench(), &fake.Mailer{}
	b.links(t, 5)
	bad := domain.Message{ID: fake.Message(1).ID, Kind: domain.MessageResetPassword}
	relay := b.relayWith(ambush{b.sealer, func(label string) {
		if label == string(bad.TokenLabel()) {
			b.store.FailUpdate(ports.ErrUnavailable)
		}
	}}, post)
	if got, err := relay.Deliver(t.Context()); got != (delivery.Report{Claimed: 5, Returned: 5}) || !errors.Is(err, ports.ErrUnavailable) {
		t.Fatalf("Deliver: got %+v, %v, want all given back", got, err)
	}
	if got, err := relay.Deliver(t.Context()); got != (delivery.Report{Claimed: 4, Sent: 4}) || err != nil {
		t.Errorf("Deliver again: got %+v, %v, want the 4 others sent", got, err)
	}
	if line := b.journal.all()[0]; line.id != bad.ID || !line.due.Equal(fake.Epoch().Add(config().FirstPause)) {
		t.Errorf("given back: got %+v, want message 1 after a pause", line)
	}
}

func TestTroubleWhileTheLanguageIsLookedUp(t *testing.T) {
	t.Parallel()
	b, post := newBench(), &fake.Mailer{}
	s := newScene(domain.MessageRegisteredBefore, []change{anonymous})
	b.store.FailView(ports.ErrUnavailable)
	if got, err := b.play(t, s, post); got != (delivery.Report{Claimed: 1, Returned: 1}) || !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("Deliver: got %+v, %v, want it given back for %v", got, err, ports.ErrUnavailable)
	}
}

func TestAStopWhileALetterIsMade(t *testing.T) {
	t.Parallel()
	for _, said := range []error{context.Canceled, ports.ErrUnavailable} { // as stores say that a context ended
		b, post := newBench(), &fake.Mailer{}
		b.links(t, 3)
		ctx, cancel := context.WithCancel(t.Context())
		times := 1
		store := contended{b.journal, &times, func() error { cancel(); return said }}
		relay := delivery.New(store, post, fake.Letters{}, b.sealer, b.clock, fake.NewRandom(1), config())
		if got, err := relay.Deliver(ctx); got != (delivery.Report{Claimed: 3, Returned: 3}) || !errors.Is(err, context.Canceled) {
			t.Errorf("Deliver: got %+v, %v, want all given back for %v", got, err, context.Canceled)
		}
		if got, err := b.relay(post, config()).Deliver(t.Context()); got.Sent != 3 || err != nil {
			t.Errorf("the next relay: got %+v, %v, want 3 sent at once", got, err)
		}
	}
}

// contended is a store whose Put meets another contender so many times.
type contended struct {
	ports.Store
	times *int
	with  func() error
}

func (c contended) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	return c.Store.Update(ctx, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, contendedTx{tx, c}) })
}

type contendedTx struct {
	ports.Tx
	c contended
}

func (t contendedTx) OneTimeTokens() ports.OneTimeTokens {
	return contendedTokens{t.Tx.OneTimeTokens(), t.c}
}

type contendedTokens struct {
	ports.OneTimeTokens
	c contended
}

func (t contendedTokens) Put(ctx context.Context, token domain.OneTimeToken) error {
	if *t.c.times > 0 {
		*t.c.times--
		return t.c.with()
	}
	return t.OneTimeTokens.Put(ctx, token)
}

func TestContendersForASlot(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		times int
		with  error
		want  delivery.Report
	}{
		{"another put one meanwhile", 2, ports.Conflict("slot"), delivery.Report{Claimed: 4, Sent: 4}},
		{"the same one was put meanwhile", 1, ports.Conflict("hash"), delivery.Report{Claimed: 4, Sent: 4}},
		{"others go on putting theirs", 3, ports.Conflict("slot"), delivery.Report{Claimed: 4, Sent: 3, Retried: 1}},
		{"a newer one is there", 1, ports.ErrStale, delivery.Report{Claimed: 4, Sent: 3, Moot: 1}},
		{"the account went meanwhile", 1, ports.ErrNotFound, delivery.Report{Claimed: 4, Sent: 3, Moot: 1}},
		{"a bug", 1, errors.New("a bug"), delivery.Report{Claimed: 4, Sent: 3, Retried: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, post := newBench(), &fake.Mailer{}
			b.links(t, 4)
			times := tt.times
			store := contended{b.journal, &times, func() error { return tt.with }} // closures run once here
			relay := delivery.New(store, post, fake.Letters{}, b.sealer, b.clock, fake.NewRandom(1), config())
			got, err := relay.Deliver(t.Context())
			if got != tt.want || (err != nil) != (tt.want.Retried > 0) {
				t.Errorf("Deliver: got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}
