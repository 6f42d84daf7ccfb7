package guard_test

import (
	"context"
	"errors"
	"testing"

	"authserve/adapters/outbound/guard"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// scriptedStore answers with err, after the closure.
type scriptedStore struct{ err error }

func (s *scriptedStore) View(ctx context.Context, fn func(context.Context, ports.Tx) error) error {
	return s.Update(ctx, fn)
}

func (s *scriptedStore) Update(ctx context.Context, fn func(context.Context, ports.Tx) error) error {
	if err := fn(ctx, ports.Unsupported{}); err != nil {
		return err
	}
	return s.err
}

func TestStore(t *testing.T) {
	t.Parallel()
	inBubble(t, settings(), func(t *testing.T, r *rig) {
		write := newCircuit(t, r.registry, "db.write", settings())
		inner := &scriptedStore{}
		store := guard.Store(inner, r.circuit, write)
		closure := func(answer error) func(context.Context, ports.Tx) error {
			return func(ctx context.Context, tx ports.Tx) error {
				if _, limited := ctx.Deadline(); !limited || tx == nil {
					t.Errorf("closure got deadline %t and tx %v", limited, tx)
				}
				return answer
			}
		}
		if err := store.View(t.Context(), closure(ports.ErrNotFound)); !errors.Is(err, ports.ErrNotFound) {
			t.Errorf("View = %v, want the closure's answer", err)
		}
		inner.err = errBroken
		for range 2 {
			if err := store.Update(t.Context(), closure(nil)); !errors.Is(err, ports.ErrUnavailable) || !errors.Is(err, errBroken) {
				t.Errorf("Update = %v, want ErrUnavailable around its cause", err)
			}
		}
		all := r.registry.Breakers()
		if read, want := all[0].Counts, (ports.BreakerCounts{Success: 1}); read != want {
			t.Errorf("read circuit counts %+v, want %+v", read, want)
		}
		if wrote, want := all[1].Counts, (ports.BreakerCounts{Failure: 2}); wrote != want {
			t.Errorf("write circuit counts %+v, want %+v", wrote, want)
		}
	})
}

func TestHasher(t *testing.T) {
	t.Parallel()
	inBubble(t, settings(), func(t *testing.T, r *rig) {
		inner := fake.NewHasher()
		hasher := guard.Hasher(inner, r.circuit)
		password, err := domain.NewPassword("correct horse battery staple", domain.PasswordPolicy{MinLength: 8})
		if err != nil {
			t.Fatalf("NewPassword: %v", err)
		}
		hash, err := hasher.Hash(t.Context(), password)
		if err != nil {
			t.Fatalf("Hash: %v", err)
		}
		if match, needsRehash, err := hasher.Verify(t.Context(), password, hash); !match || needsRehash || err != nil {
			t.Errorf("Verify = %t, %t, %v, want a match", match, needsRehash, err)
		}
		if match, _, err := hasher.Verify(t.Context(), password, hasher.Dummy()); match || err != nil {
			t.Errorf("Verify against the dummy = %t, %v, want no match", match, err)
		}
		if got, want := hasher.Dummy(), inner.Dummy(); got != want {
			t.Errorf("Dummy differs from the hasher's own")
		}
		r.wantCounts(ports.BreakerCounts{Success: 3})
	})
}

func TestMailer(t *testing.T) {
	t.Parallel()
	inBubble(t, settings(), func(t *testing.T, r *rig) {
		inner := &fake.Mailer{}
		mailer := guard.Mailer(inner, r.circuit)
		if err := mailer.Send(t.Context(), domain.Message{ID: "m1"}); err != nil {
			t.Errorf("Send = %v, want none", err)
		}
		if sent := inner.Sent(); len(sent) != 1 || sent[0].ID != "m1" {
			t.Errorf("sent %v, want m1", sent)
		}
		inner.Fail(domain.Invalid())
		if err := mailer.Send(t.Context(), domain.Message{}); domain.KindOf(err) != domain.KindInvalid {
			t.Errorf("Send = %v, want the mailer's answer", err)
		}
		inner.Fail(errBroken)
		if err := mailer.Send(t.Context(), domain.Message{}); !errors.Is(err, ports.ErrUnavailable) {
			t.Errorf("Send = %v, want ErrUnavailable", err)
		}
		r.wantCounts(ports.BreakerCounts{Success: 2, Failure: 1})
	})
}
