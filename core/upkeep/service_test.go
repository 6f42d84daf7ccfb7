package upkeep_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"authserve/adapters/outbound/jwt"
	"authserve/adapters/outbound/memstore"
	"authserve/adapters/outbound/seal"
	"authserve/core/domain"
	"authserve/core/token"
	"authserve/core/upkeep"
	"authserve/ports"
	"authserve/ports/fake"
)

const (
	day   = 24 * time.Hour
	batch = 10
)

// bench is a service over a store in memory whose every Update runs twice.
type bench struct {
	*upkeep.Service
	clock *fake.Clock
	store *fake.BrokenStore
	calls *calls
}

// calls counts the batches, and can do something after one, or fail a View.
type calls struct {
	ports.Store
	updates  int
	after    func()
	views    int
	failView int // the number of the View that fails, from 1
}

func (c *calls) View(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	if c.views++; c.views == c.failView {
		return ports.ErrUnavailable
	}
	return c.Store.View(ctx, fn)
}

func (c *calls) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	err := c.Store.Update(ctx, fn)
	c.updates++
	if c.after != nil {
		c.after()
	}
	return err
}

func newBench(t *testing.T, options ...func(*upkeep.Config)) *bench {
	t.Helper()
	return newBenchOver(t, fake.Twice(memstore.New()), options...)
}

func newBenchOver(t *testing.T, store ports.Store, options ...func(*upkeep.Config)) *bench {
	t.Helper()
	b := &bench{clock: fake.NewClock(fake.Epoch()), store: fake.Broken(store)}
	b.calls = &calls{Store: b.store}
	key := domain.NewSecret(base64.StdEncoding.EncodeToString(fake.NewRandom(2).Bytes(32)))
	sealer, err := seal.New(fake.NewRandom(1), key)
	if err != nil {
		t.Fatalf("seal.New: %v", err)
	}
	ids := new(fake.IDs)
	keys := token.New(b.store, jwt.New(), sealer, b.clock, ids, token.Config{
		Issuer: "https://id.example.org", Audience: "https://id.example.org",
		AccessTTL: 10 * time.Minute, Leeway: 30 * time.Second, Algorithm: domain.ES256,
	})
	if err := keys.EnsureKeys(t.Context()); err != nil {
		t.Fatalf("EnsureKeys: %v", err)
	}
	cfg := upkeep.Config{
		SessionRetention: 7 * day, MessageRetention: 3 * day, FailureRetention: 90 * day, KeyRotation: 90 * day, Batch: batch,
	}
	for _, option := range options {
		option(&cfg)
	}
	b.Service = upkeep.New(b.calls, keys, b.clock, ids, cfg)
	return b
}

func (b *bench) update(t *testing.T, fn func(ctx context.Context, tx ports.Tx) error) {
	t.Helper()
	if err := b.store.Update(t.Context(), fn); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

// messages enqueues n of them and settles those that settle accepts.
func (b *bench) messages(t *testing.T, n int, settle func(i int) bool) {
	t.Helper()
	b.update(t, func(ctx context.Context, tx ports.Tx) error {
		for i := range n {
			if err := tx.Outbox().Enqueue(ctx, fake.Message(i)); err != nil {
				return err
			}
		}
		claimed, err := tx.Outbox().Claim(ctx, fake.Epoch(), fake.Epoch().Add(time.Hour), n)
		if err != nil {
			return err
		}
		for i, m := range claimed {
			if !settle(i) {
				continue
			}
			if err := tx.Outbox().Sent(ctx, m.ID, m.Attempt, fake.Epoch()); err != nil {
				return err
			}
		}
		return nil
	})
}

func all(int) bool { return true }

func TestRunRemovesWhatIsPastItsRetentionAndNothingElse(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := fake.Account(1)
	ended := fake.Session(1, a)
	expired := fake.Session(2, a, func(s *domain.Session) { s.ExpiresAt = fake.Epoch().Add(time.Hour) })
	live := fake.Session(3, a)
	b.update(t, func(ctx context.Context, tx ports.Tx) error {
		if err := tx.Accounts().Create(ctx, a); err != nil {
			return err
		}
		for _, s := range []domain.Session{ended, expired, live} {
			if err := tx.Sessions().Create(ctx, s); err != nil {
				return err
			}
		}
		_, err := tx.Sessions().End(ctx, ended.ID, domain.EndedByLogout, fake.Epoch())
		if err != nil {
			return err
		}
		return tx.Idempotency().Create(ctx, fake.IdempotencyRecord(1))
	})
	b.messages(t, 2, func(i int) bool { return i == 0 })

	tests := []struct {
		at   time.Duration
		want upkeep.Report
	}{
		{0, upkeep.Report{}},
		{day, upkeep.Report{}},
		{day + 1*time.Microsecond, upkeep.Report{IdempotencyRecords: 1}},
		{3 * day, upkeep.Report{}},
		{3*day + time.Microsecond, upkeep.Report{Messages: 1}},
		{7 * day, upkeep.Report{}},
		{7*day + time.Microsecond, upkeep.Report{Sessions: 1}},
		{7*day + time.Hour, upkeep.Report{}},
		{7*day + time.Hour + time.Microsecond, upkeep.Report{Sessions: 1}},
		{29 * day, upkeep.Report{}},
	}
	for _, tt := range tests {
		b.clock.Set(fake.Epoch().Add(tt.at))
		if got, err := b.Run(t.Context()); got != tt.want || err != nil {
			t.Errorf("Run after %v: got %+v, %v, want %+v", tt.at, got, err, tt.want)
		}
	}
	err := b.store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Sessions().ByID(ctx, live.ID)
		return err
	})
	if err != nil {
		t.Errorf("the live session: got %v, want it kept", err)
	}
}

func TestRunWorksInBatches(t *testing.T) {
	t.Parallel()
	// One batch each for sessions, idempotency records, tokens and counts, which are none.
	tests := map[int]int{0: 5, batch - 1: 5, batch: 6, 2*batch + 5: 7}
	for n, updates := range tests {
		b := newBench(t)
		b.messages(t, n, all)
		b.clock.Advance(4 * day)
		got, err := b.Run(t.Context())
		if want := (upkeep.Report{Messages: n}); got != want || err != nil {
			t.Errorf("Run over %d messages: got %+v, %v, want %+v", n, got, err, want)
		}
		if b.calls.updates != updates {
			t.Errorf("Run over %d messages: got %d transactions, want %d", n, b.calls.updates, updates)
		}
	}
}

func TestRunStopsBetweenBatchesWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.messages(t, 3*batch, all)
	b.clock.Advance(4 * day)
	ctx, cancel := context.WithCancel(t.Context())
	b.calls.after = func() {
		if b.calls.updates == 2 { // sessions, and the first batch of messages
			cancel()
		}
	}
	got, err := b.Run(ctx)
	if want := (upkeep.Report{Messages: batch}); got != want || !errors.Is(err, context.Canceled) {
		t.Errorf("Run: got %+v, %v, want %+v and %v", got, err, want, context.Canceled)
	}
}

func TestAPartThatFailsKeepsNoOtherFromItsTurn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.messages(t, 1, all)
	b.clock.Advance(91 * day)
	b.store.FailUpdate(ports.ErrUnavailable) // hits the sessions
	got, err := b.Run(t.Context())
	if want := (upkeep.Report{Messages: 1, KeyRotated: true}); got != want {
		t.Errorf("Run: got %+v, want %+v", got, want)
	}
	if !errors.Is(err, ports.ErrUnavailable) || !strings.Contains(err.Error(), "purge sessions") {
		t.Errorf("Run: got error %v, want %v named after the sessions", err, ports.ErrUnavailable)
	}
}

func TestRunReportsAFailedRotation(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.store.FailView(ports.ErrUnavailable)
	if got, err := b.Run(t.Context()); got.KeyRotated || !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("Run: got %+v, %v, want %v", got, err, ports.ErrUnavailable)
	}
}

func TestRunRotatesTheSigningKeyWhenDue(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, tt := range []struct {
		advance time.Duration
		want    bool
	}{
		{90*day - time.Microsecond, false},
		{time.Microsecond, true},
		{0, false},
		{day, false}, // the retired key goes, no other signs
		{day, false},
	} {
		b.clock.Advance(tt.advance)
		if got, err := b.Run(t.Context()); got.KeyRotated != tt.want || err != nil {
			t.Errorf("Run at %v: got %+v, %v, want rotated %t", b.clock.Now(), got, err, tt.want)
		}
	}
}
