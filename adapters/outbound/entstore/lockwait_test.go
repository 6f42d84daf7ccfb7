package entstore_test

import (
	"strings"
	"testing"

	"authserve/adapters/outbound/entstore"
	"authserve/ports"
	"authserve/ports/fake"
)

// TestALongWaitForTheLockIsTold: otherwise nobody knows why nothing happens. The lock
// is given back by whoever is told of it.
func TestALongWaitForTheLockIsTold(t *testing.T) {
	t.Parallel()
	everyDatabase(t, func(t *testing.T, fresh func(*testing.T) entstore.Config) {
		cfg := fresh(t)
		holder := newMigrator(t, cfg)
		var told []string
		wait := func(what string, call func(entstore.Config) error) {
			t.Helper()
			unlock, err := holder.HoldLock(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			told = nil
			cfg := cfg
			cfg.Waiting = func(holder string) {
				told = append(told, holder)
				if err := unlock(); err != nil {
					t.Error(err)
				}
			}
			if err := call(cfg); err != nil || len(told) != 1 || !strings.ContainsAny(told[0], "0123456789") {
				t.Errorf("%s = %v, told %q; want success and once who had the lock", what, err, told)
			}
		}
		wait("Up", func(cfg entstore.Config) error {
			_, err := newMigrator(t, cfg).Up(t.Context())
			return err
		})
		if holder.Dialect() == "sqlite3" {
			wait("Open", func(cfg entstore.Config) error {
				store, err := entstore.Open(t.Context(), cfg)
				if err == nil {
					err = store.Close()
				}
				return err
			})
			snapshot := taken(t)
			wait("Restore", func(cfg entstore.Config) error {
				_, err := entstore.Restore(t.Context(), cfg, snapshot, entstore.RestoreOptions{
					RestoreOptions: ports.RestoreOptions{Replace: true}, Clock: fake.NewClock(fake.Epoch()), IDs: &fake.IDs{},
				})
				return err
			})
		}
		cfg.Waiting = func(holder string) { t.Errorf("told of %q where nobody has the lock", holder) }
		if _, err := newMigrator(t, cfg).Up(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
