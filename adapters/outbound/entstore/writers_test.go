package entstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// What was acknowledged is there, whoever leaves, fails or spoils the batch meanwhile,
// and nobody waits for ever.
func TestAcknowledgedWritesLastAmongThoseThatLeave(t *testing.T) {
	t.Parallel()
	store := open(t, config(t))
	const writers, rounds = 16, 40
	var group sync.WaitGroup
	var kept sync.Map
	for w := range writers {
		group.Go(func() {
			for n := range rounds {
				id := w*rounds + n
				ctx, cancel := context.WithCancel(t.Context())
				if n%3 == 0 {
					go cancel() // at any moment
				}
				err := store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
					err := createAccount(id)(ctx, tx)
					if n%5 == 0 {
						return errors.Join(err, errMine)
					}
					return err
				})
				cancel()
				switch {
				case err == nil:
					kept.Store(id, true)
				case errors.Is(err, errMine), n%3 == 0 && errors.Is(err, ports.ErrUnavailable):
				default:
					t.Errorf("Update: %v", err)
				}
			}
		})
	}
	group.Wait()
	kept.Range(func(id, _ any) bool {
		if n, ok := id.(int); !ok || !hasAccount(t, store, n) {
			t.Errorf("account %v is gone", id)
		}
		return true
	})
	if err := store.Update(t.Context(), createAccount(writers*rounds)); err != nil {
		t.Errorf("Update after all: %v", err)
	}
}

// 64 writers beside readers, with another process that writes too, see no error.
func TestManyWritersAndReadersGetNoError(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	store, other := open(t, cfg), open(t, cfg)
	const writers, readers, rounds = 64, 8, 20
	if err := store.Update(t.Context(), sessionsOf(writers)); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	each := func(n int, fn func(i int) error) {
		for i := range n {
			group.Go(func() {
				for range rounds {
					if err := fn(i); err != nil {
						t.Errorf("got %v, want no error", err)
					}
				}
			})
		}
	}
	each(writers, func(i int) error { return store.Update(t.Context(), refresh(i)) })
	each(2, func(int) error {
		return other.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
			count, err := tx.Guards().Read(ctx, "other")
			if err != nil {
				return err
			}
			return tx.Guards().Advance(ctx, "other", count)
		})
	})
	each(readers, func(i int) error {
		return store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Sessions().ByID(ctx, fake.Session(i, fake.Account(i)).ID)
			return err
		})
	})
	group.Wait()
	err := store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		for i := range writers {
			s, err := tx.Sessions().ByID(ctx, fake.Session(i, fake.Account(i)).ID)
			if err != nil {
				return err
			}
			if moved := s.Refresh.Counter - fake.Session(i, fake.Account(i)).Refresh.Counter; moved != rounds {
				t.Errorf("session %d was moved %d times, want %d", i, moved, rounds)
			}
		}
		count, err := tx.Guards().Read(ctx, "other")
		if count != 2*rounds {
			t.Errorf("the other process wrote %d times, want %d", count, 2*rounds)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestOptimizeKeepsStatistics(t *testing.T) {
	t.Parallel()
	store := open(t, config(t))
	if err := store.Update(t.Context(), sessionsOf(200)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := store.Optimize(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var tables int
	if err := store.Reader().QueryRowContext(t.Context(), "SELECT count(*) FROM sqlite_stat1 WHERE tbl IN ('accounts', 'sessions')").Scan(&tables); err != nil || tables == 0 {
		t.Errorf("statistics of %d indexes, %v, want some", tables, err)
	}
	if _, err := store.Migrator().Status(t.Context()); err != nil {
		t.Errorf("Status beside the statistics: %v", err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := store.Optimize(canceled); domain.KindOf(err) != domain.KindUnavailable {
		t.Errorf("Optimize with an ended context = %v, want %v", err, ports.ErrUnavailable)
	}
}
