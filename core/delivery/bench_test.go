package delivery_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/adapters/outbound/seal"
	"authserve/core/delivery"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func config() delivery.Config {
	return delivery.Config{
		Batch: 10, Lease: 10 * time.Minute, Attempts: 5,
		FirstPause: time.Minute, LongestPause: 5 * time.Minute,
	}
}

// desk writes letters like fake.Letters, and sends them by a function of the message.
type desk struct {
	fake.Letters
	next     func(ctx context.Context, m domain.Message) error
	mu       sync.Mutex
	messages map[domain.ID]domain.Message
}

func mailer(next func(ctx context.Context, m domain.Message) error) *desk {
	return &desk{next: next, messages: map[domain.ID]domain.Message{}}
}

func (d *desk) Compose(m domain.Message, secret domain.Secret) (domain.Letter, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.messages[m.ID] = m
	return d.Letters.Compose(m, secret)
}

func (d *desk) Send(ctx context.Context, l domain.Letter) error {
	d.mu.Lock()
	m := d.messages[l.ID]
	d.mu.Unlock()
	return d.next(ctx, m)
}

// bench is an outbox in memory, whose every Update runs twice and can be broken,
// with a record of what was settled in it.
type bench struct {
	clock   *fake.Clock
	store   *fake.BrokenStore
	sealer  ports.Sealer
	journal *journal
}

func masterKey() domain.Secret {
	return domain.NewSecret("4vJ9AAAgZ9uQv3xkqDPrEwY7b1tKc5mH8sLfN2oRiUw=")
}

func newBench() *bench {
	j := &journal{Store: memstore.New()}
	sealer, err := seal.New(fake.NewRandom(1), masterKey())
	if err != nil {
		panic(err)
	}
	return &bench{clock: fake.NewClock(fake.Epoch()), store: fake.Broken(fake.Twice(j)), sealer: sealer, journal: j}
}

func (b *bench) relay(m ports.Mailer, cfg delivery.Config) *delivery.Relay {
	var words ports.Letters = fake.Letters{}
	if d, ok := m.(*desk); ok {
		words = d
	}
	return delivery.New(b.store, m, words, b.sealer, b.clock, fake.NewRandom(1), cfg)
}

// enqueue writes fixtures 1 to n.
func (b *bench) enqueue(t *testing.T, n int) {
	t.Helper()
	err := b.store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		for i := 1; i <= n; i++ {
			if err := tx.Outbox().Enqueue(ctx, fake.Message(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("Enqueue: %v", err)
	}
}

// claim takes everything due, as a relay that then dies would.
func (b *bench) claim(t *testing.T, lease time.Duration) []domain.Message {
	t.Helper()
	var claimed []domain.Message
	err := b.store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) (err error) {
		claimed, err = tx.Outbox().Claim(ctx, b.clock.Now(), b.clock.Now().Add(lease), 1000)
		return err
	})
	if err != nil {
		t.Fatalf("Claim: %v", err)
	}
	return claimed
}

// settled is one committed settling call.
type settled struct {
	verb    string // sent, retry, return, abandon
	id      domain.ID
	attempt int
	due     time.Time // of a retry or return
	reason  string
}

// journal is a store that records the settling calls of committed transactions.
type journal struct {
	ports.Store
	mu    sync.Mutex
	lines []settled
}

func (j *journal) all() []settled {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]settled(nil), j.lines...)
}

func (j *journal) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	var lines []settled
	err := j.Store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		lines = nil
		return fn(ctx, journalTx{tx, &lines})
	})
	if err == nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.lines = append(j.lines, lines...)
	}
	return err
}

type journalTx struct {
	ports.Tx
	lines *[]settled
}

func (t journalTx) Outbox() ports.Outbox { return journalOutbox{t.Tx.Outbox(), t.lines} }

type journalOutbox struct {
	ports.Outbox
	lines *[]settled
}

func (o journalOutbox) keep(err error, line settled) error {
	if err == nil {
		*o.lines = append(*o.lines, line)
	}
	return err
}

func (o journalOutbox) Sent(ctx context.Context, id domain.ID, attempt int, at time.Time) error {
	return o.keep(o.Outbox.Sent(ctx, id, attempt, at), settled{verb: "sent", id: id, attempt: attempt})
}

func (o journalOutbox) Retry(ctx context.Context, id domain.ID, attempt int, due time.Time, reason string) error {
	return o.keep(o.Outbox.Retry(ctx, id, attempt, due, reason),
		settled{verb: "retry", id: id, attempt: attempt, due: due, reason: reason})
}

func (o journalOutbox) Return(ctx context.Context, id domain.ID, attempt int, due time.Time) error {
	return o.keep(o.Outbox.Return(ctx, id, attempt, due),
		settled{verb: "return", id: id, attempt: attempt, due: due})
}

func (o journalOutbox) Abandon(ctx context.Context, id domain.ID, attempt int, at time.Time, reason string) error {
	return o.keep(o.Outbox.Abandon(ctx, id, attempt, at, reason),
		settled{verb: "abandon", id: id, attempt: attempt, reason: reason})
}
