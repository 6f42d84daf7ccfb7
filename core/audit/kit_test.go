package audit_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/adapters/outbound/seal"
	"authserve/core/audit"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

const day = 24 * time.Hour

// bench is a service over a store in memory, whose every closure runs twice, and which
// shows what somebody made of it who can write the database.
type bench struct {
	*audit.Service
	store *tampered
	clock *fake.Clock
	next  int
}

func newBench(t *testing.T, keys ...string) *bench {
	t.Helper()
	b := &bench{store: &tampered{Store: fake.Twice(memstore.New())}, clock: fake.NewClock(fake.Epoch())}
	b.use(t, keys...)
	return b
}

// use makes the service anew, with these keys in its ring; none: one.
func (b *bench) use(t *testing.T, keys ...string) {
	t.Helper()
	if len(keys) == 0 {
		keys = []string{"first"}
	}
	b.Service = audit.New(b.store, ring(t, keys...), fake.NewRandom(1), b.clock)
}

func ring(t *testing.T, keys ...string) ports.Sealer {
	t.Helper()
	var secrets []domain.Secret
	for _, name := range keys {
		seed := uint64(0)
		for _, c := range name {
			seed = seed*31 + uint64(c)
		}
		secrets = append(secrets, domain.NewSecret(base64.StdEncoding.EncodeToString(fake.NewRandom(seed).Bytes(32))))
	}
	sealer, err := seal.New(fake.NewRandom(7), secrets...)
	if err != nil {
		t.Fatalf("seal.New: %v", err)
	}
	return sealer
}

// happen appends n events, a second apart.
func (b *bench) happen(t *testing.T, n int, options ...func(*domain.AuditEvent)) {
	t.Helper()
	err := b.store.Store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		for i := range n {
			e := fake.AuditEvent(b.next+i, append([]func(*domain.AuditEvent){func(e *domain.AuditEvent) {
				e.At = fake.Epoch().Add(time.Duration(b.next+i) * time.Second)
			}}, options...)...)
			if err := tx.Audit().Append(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	b.next += n
}

func (b *bench) seal(t *testing.T) audit.Sealed {
	t.Helper()
	done, err := b.Seal(t.Context())
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return done
}

// sealed has n events in the chain.
func sealed(t *testing.T, n int) *bench {
	t.Helper()
	b := newBench(t)
	b.happen(t, n)
	b.seal(t)
	return b
}

func (b *bench) verify(t *testing.T, kept *domain.AuditHead) audit.Verdict {
	t.Helper()
	verdict, err := b.Verify(t.Context(), kept, nil)
	if err != nil {
		t.Fatalf("Verify: %v", err)
	}
	return verdict
}

func (b *bench) head(t *testing.T) domain.AuditHead {
	t.Helper()
	head, err := b.Head(t.Context())
	if err != nil {
		t.Fatalf("Head: %v", err)
	}
	return head
}

// sound checks that n events are in order.
func (b *bench) sound(t *testing.T, n int64) audit.Verdict {
	t.Helper()
	v := b.verify(t, nil)
	if v.Faults != 0 || v.Events != n {
		t.Errorf("Verify: got %d events and %d faults (%v), want %d and none", v.Events, v.Faults, v.First, n)
	}
	return v
}

// chain is what the database holds.
type chain struct {
	head, anchor domain.AuditHead
	rows         []domain.ChainedEvent
}

// at is the row of a number; where there is none, one that counts for nothing.
func (c *chain) at(seq int64) *domain.ChainedEvent {
	i := slices.IndexFunc(c.rows, func(r domain.ChainedEvent) bool { return r.Link.Seq == seq })
	if i < 0 {
		return &domain.ChainedEvent{}
	}
	return &c.rows[i]
}

func (c *chain) remove(seqs ...int64) {
	c.rows = slices.DeleteFunc(c.rows, func(r domain.ChainedEvent) bool { return slices.Contains(seqs, r.Link.Seq) })
}

// tampered is a store whose chain reads as somebody changed it.
type tampered struct {
	ports.Store
	tamper func(*chain) // nil: nobody did
	viewed func()       // after each View; nil: nothing
}

func (s *tampered) View(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	err := s.Store.View(ctx, func(ctx context.Context, tx ports.Tx) error {
		if s.tamper == nil {
			return fn(ctx, tx)
		}
		return fn(ctx, tamperedTx{tx, s})
	})
	if s.viewed != nil {
		s.viewed()
	}
	return err
}

type tamperedTx struct {
	ports.Tx
	store *tampered
}

func (t tamperedTx) AuditChain() ports.AuditChain { return tamperedChain{t.Tx.AuditChain(), t.store} }

type tamperedChain struct {
	ports.AuditChain
	store *tampered
}

func (c tamperedChain) load(ctx context.Context) (*chain, error) {
	head, anchor, err := c.AuditChain.Head(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := c.AuditChain.Read(ctx, 0, 1<<20)
	all := &chain{head, anchor, rows}
	c.store.tamper(all)
	slices.SortFunc(all.rows, func(a, b domain.ChainedEvent) int {
		return cmp.Or(cmp.Compare(a.Link.Seq, b.Link.Seq), a.Event.At.Compare(b.Event.At), cmp.Compare(a.Event.ID, b.Event.ID))
	})
	return all, err
}

func (c tamperedChain) Head(ctx context.Context) (head, anchor domain.AuditHead, err error) {
	all, err := c.load(ctx)
	if err != nil {
		return head, anchor, err
	}
	return all.head, all.anchor, nil
}

func (c tamperedChain) Read(ctx context.Context, after int64, limit int) ([]domain.ChainedEvent, error) {
	all, err := c.load(ctx)
	if err != nil {
		return nil, err
	}
	all.rows = slices.DeleteFunc(all.rows, func(r domain.ChainedEvent) bool { return r.Link.Seq <= after })
	return all.rows[:min(limit, len(all.rows))], nil
}
