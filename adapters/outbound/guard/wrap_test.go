package guard_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

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
		if match, _, err := hasher.Verify(t.Context(), password, hasher.Dummy("")); match || err != nil {
			t.Errorf("Verify against the dummy = %t, %v, want no match", match, err)
		}
		if _, err := hasher.Rehash(t.Context(), password); err != nil || inner.Rehashes() != 1 {
			t.Errorf("Rehash = %v, %d re-hashes, want one", err, inner.Rehashes())
		}
		r.wantCounts(ports.BreakerCounts{Success: 4})
		for _, settings := range []string{"", "$fake$9"} {
			if got, want := hasher.Dummy(settings), inner.Dummy(settings); got != want {
				t.Errorf("Dummy(%q) differs from the hasher's own", settings)
			}
		}
		imported, err := hasher.Import(fake.ForeignHash("correct horse"))
		if want, _ := inner.Import(fake.ForeignHash("correct horse")); imported != want || err != nil {
			t.Errorf("Import differs from the hasher's own: %v", err)
		}
		if _, err := hasher.Import(domain.NewSecret("unknown")); domain.KindOf(err) != domain.KindInvalid {
			t.Errorf("Import = %v, want the hasher's answer", err)
		}
		r.wantCounts(ports.BreakerCounts{Success: 4})
		inner.Fail(errBroken)
		if _, err := hasher.Rehash(t.Context(), password); !errors.Is(err, ports.ErrUnavailable) {
			t.Errorf("Rehash = %v, want ErrUnavailable", err)
		}
		r.wantCounts(ports.BreakerCounts{Success: 4, Failure: 1})
	})
}

func TestBreaches(t *testing.T) {
	t.Parallel()
	s := settings()
	inBubble(t, s, func(t *testing.T, r *rig) {
		inner := fake.NewBreaches("trustno1")
		breaches := guard.Breaches(inner, r.circuit)
		ask := func(plain string) (bool, error) {
			breached, err := breaches.Contains(t.Context(), domain.PresentedPassword(plain))
			synctest.Wait()
			return breached, err
		}
		for plain, want := range map[string]bool{"trustno1": true, "correct horse battery staple": false} {
			if breached, err := ask(plain); breached != want || err != nil {
				t.Errorf("Contains(%s) = %t, %v, want %t", plain, breached, err, want)
			}
		}
		r.wantCounts(ports.BreakerCounts{Success: 2})

		inner.Fail(ports.ErrUnavailable.Wrap(errBroken))
		for range s.RequestVolume {
			if breached, err := ask("trustno1"); breached || !errors.Is(err, ports.ErrUnavailable) {
				t.Errorf("Contains = %t, %v, want ErrUnavailable", breached, err)
			}
		}
		r.wantState(ports.BreakerOpen)
		asked := inner.Asked()
		if breached, err := ask("trustno1"); breached || !errors.Is(err, ports.ErrUnavailable) || inner.Asked() != asked {
			t.Errorf("Contains through the open circuit = %t, %v, asked %d times, want ErrUnavailable at once", breached, err, inner.Asked()-asked)
		}

		inner.Fail(nil)
		pass(s.SleepWindow + time.Millisecond)
		if breached, err := ask("trustno1"); !breached || err != nil {
			t.Errorf("Contains after the trouble = %t, %v, want a match", breached, err)
		}
		r.wantState(ports.BreakerClosed)
	})
}

func TestMailer(t *testing.T) {
	t.Parallel()
	inBubble(t, settings(), func(t *testing.T, r *rig) {
		inner := &fake.Mailer{}
		mailer := guard.Mailer(inner, r.circuit)
		if err := mailer.Send(t.Context(), domain.Letter{ID: "m1"}); err != nil {
			t.Errorf("Send = %v, want none", err)
		}
		if sent := inner.Sent(); len(sent) != 1 || sent[0].ID != "m1" {
			t.Errorf("sent %v, want m1", sent)
		}
		inner.Fail(domain.Invalid())
		if err := mailer.Send(t.Context(), domain.Letter{}); domain.KindOf(err) != domain.KindInvalid {
			t.Errorf("Send = %v, want the mailer's answer", err)
		}
		inner.Fail(errBroken)
		if err := mailer.Send(t.Context(), domain.Letter{}); !errors.Is(err, ports.ErrUnavailable) {
			t.Errorf("Send = %v, want ErrUnavailable", err)
		}
		r.wantCounts(ports.BreakerCounts{Success: 2, Failure: 1})
	})
}
