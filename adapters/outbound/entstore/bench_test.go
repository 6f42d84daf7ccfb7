package entstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"authserve/adapters/outbound/entstore"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// BenchmarkView reads what an authenticated request reads.
func BenchmarkView(b *testing.B) {
	each(b, func(b *testing.B, store *entstore.Store, s domain.Session) {
		ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
		defer cancel()
		for b.Loop() {
			err := store.View(ctx, func(ctx context.Context, tx ports.Tx) error {
				session, err := tx.Sessions().ByID(ctx, s.ID)
				if err != nil {
					return err
				}
				_, err = tx.Accounts().ByID(ctx, session.AccountID)
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkAdvance does what a refresh does.
func BenchmarkAdvance(b *testing.B) {
	each(b, func(b *testing.B, store *entstore.Store, s domain.Session) {
		ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
		defer cancel()
		limits := domain.SessionLimits{Idle: time.Hour, Absolute: time.Hour}
		for b.Loop() {
			err := store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
				session, err := tx.Sessions().ByID(ctx, s.ID)
				if err != nil {
					return err
				}
				if _, err := tx.Accounts().ByID(ctx, session.AccountID); err != nil {
					return err
				}
				next := session.Rotated(session.Refresh.Counter, "k1", nil, limits, fake.Epoch())
				return tx.Sessions().Advance(ctx, next, session.Refresh.RefreshPosition)
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

// each runs fn with and without telemetry, with and without waiting for the disk.
func each(b *testing.B, fn func(*testing.B, *entstore.Store, domain.Session)) {
	b.Helper()
	cases := []struct {
		name        string
		synchronous string
		telemetry   bool
	}{
		{"NORMAL/plain", "NORMAL", false},
		{"NORMAL/traced", "NORMAL", true},
		{"FULL/traced", "FULL", true},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			cfg := config(b)
			cfg.Synchronous = c.synchronous
			if c.telemetry {
				cfg.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.TraceIDRatioBased(0.01)))
				cfg.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
			}
			store := open(b, cfg)
			account := fake.Account(1)
			session := fake.Session(1, account)
			err := store.Update(b.Context(), func(ctx context.Context, tx ports.Tx) error {
				if err := tx.Accounts().Create(ctx, account); err != nil {
					return err
				}
				return tx.Sessions().Create(ctx, session)
			})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			fn(b, store, session)
		})
	}
}

// BenchmarkImport fills an empty database in full batches, each in a transaction of
// its own. Addresses and usernames come in no order, as in the tables of other
// programs, so that the cost of an account grows with the database.
func BenchmarkImport(b *testing.B) {
	const batches = 50
	for b.Loop() {
		b.StopTimer()
		store := open(b, config(b))
		for n := range batches {
			batch := make([]domain.ImportedAccount, domain.MaxImportBatch)
			for i := range batch {
				batch[i] = imported(n*len(batch) + i)
			}
			b.StartTimer()
			err := store.Update(b.Context(), func(ctx context.Context, tx ports.Tx) error {
				return tx.Imports().Create(ctx, batch)
			})
			b.StopTimer()
			if err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.N*batches*domain.MaxImportBatch)/b.Elapsed().Seconds(), "users/s")
}

// imported has a hash of the usual length.
func imported(n int) domain.ImportedAccount {
	name := fmt.Sprintf("%08x-%d", uint32(n)*2654435761, n) // multiplied by 2^32 over the golden ratio
	return domain.ImportedAccount{
		Account: fake.Account(n, func(a *domain.Account) {
			a.Email = domain.Email{Address: name + "@Example.org", Canonical: name + "@example.org"}
			a.Username = domain.Username{Name: name, Canonical: name}
		}),
		Hash:  domain.NewSecret("$import$argon2id$v=19$m=19456,t=2,p=1$" + strings.Repeat("s", 22) + "$" + strings.Repeat("d", 43)),
		Event: fake.AuditEvent(n),
	}
}

// BenchmarkWriters does what refreshes do, of many sessions at a time: writers share
// their commits, which FULL makes wait for the disk.
func BenchmarkWriters(b *testing.B) {
	for _, synchronous := range []string{"FULL", "NORMAL"} {
		for _, writers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%s/%d", synchronous, writers), func(b *testing.B) {
				cfg := config(b)
				cfg.Synchronous = synchronous
				store := open(b, cfg)
				if err := store.Update(b.Context(), sessionsOf(writers)); err != nil {
					b.Fatal(err)
				}
				var left atomic.Int64
				left.Store(int64(b.N))
				var group sync.WaitGroup
				b.ResetTimer()
				for w := range writers {
					group.Go(func() {
						for left.Add(-1) >= 0 {
							if err := store.Update(b.Context(), refresh(w)); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				group.Wait()
			})
		}
	}
}

// sessionsOf creates accounts 0 to n-1 with a session each.
func sessionsOf(n int) func(context.Context, ports.Tx) error {
	return func(ctx context.Context, tx ports.Tx) error {
		for i := range n {
			a := fake.Account(i)
			if err := errors.Join(tx.Accounts().Create(ctx, a), tx.Sessions().Create(ctx, fake.Session(i, a))); err != nil {
				return err
			}
		}
		return nil
	}
}

// refresh advances the session n.
func refresh(n int) func(context.Context, ports.Tx) error {
	limits := domain.SessionLimits{Idle: time.Hour, Absolute: time.Hour}
	return func(ctx context.Context, tx ports.Tx) error {
		session, err := tx.Sessions().ByID(ctx, fake.Session(n, fake.Account(n)).ID)
		if err != nil {
			return err
		}
		next := session.Rotated(session.Refresh.Counter, "k1", nil, limits, fake.Epoch())
		return tx.Sessions().Advance(ctx, next, session.Refresh.RefreshPosition)
	}
}
