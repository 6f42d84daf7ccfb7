package entstore_test

import (
	"context"
	"errors"
	"testing"

	"authserve/adapters/outbound/entstore"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func TestReopenKeepsRows(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	first, err := entstore.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Migrator().Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(first.Update(t.Context(), createAccount(1)), first.Close()); err != nil {
		t.Fatal(err)
	}
	if !hasAccount(t, open(t, cfg), 1) {
		t.Error("the account is gone after reopening")
	}
}

func TestClosedStoreFails(t *testing.T) {
	t.Parallel()
	store, err := entstore.Open(t.Context(), config(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.Update(t.Context(), createAccount(1)); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("Update = %v, want %v", err, ports.ErrUnavailable)
	}
}

func TestTxFailsAfterItsDoorClosed(t *testing.T) {
	t.Parallel()
	store := open(t, config(t))
	doors := map[string]func(context.Context, func(context.Context, ports.Tx) error) error{
		"View": store.View, "Update": store.Update,
	}
	for name, door := range doors {
		var leaked ports.Tx
		err := door(t.Context(), func(_ context.Context, tx ports.Tx) error { leaked = tx; return nil })
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := leaked.Accounts().ByID(t.Context(), fake.Account(1).ID); domain.KindOf(err) != domain.KindInternal {
			t.Errorf("%s: a read after the end = %v, want an internal error", name, err)
		}
		if err := leaked.Accounts().Create(t.Context(), fake.Account(1)); err == nil {
			t.Errorf("%s: a write after the end succeeded", name)
		}
	}
	if hasAccount(t, store, 1) {
		t.Error("a write after the end was kept")
	}
}

// TestInterruptedTransactionCannotGoOn: SQLite rolls back by itself when it
// interrupts a write, so what a closure does after it has swallowed that error
// would be committed alone.
func TestInterruptedTransactionCannotGoOn(t *testing.T) {
	t.Parallel()
	store := open(t, config(t))
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		if err := tx.Accounts().Create(ctx, fake.Account(1)); err != nil {
			return err
		}
		if err := tx.Accounts().Create(canceled, fake.Account(2)); !errors.Is(err, context.Canceled) {
			t.Errorf("Create under a canceled context = %v, want %v", err, context.Canceled)
		}
		if err := tx.Accounts().Create(ctx, fake.Account(3)); err == nil {
			t.Error("a write after the interrupted one succeeded")
		}
		return nil
	})
	if !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("Update = %v, want %v", err, ports.ErrUnavailable)
	}
	for n := 1; n <= 3; n++ {
		if hasAccount(t, store, n) {
			t.Errorf("account %d was kept", n)
		}
	}
}

func TestProbes(t *testing.T) {
	t.Parallel()
	store := openEmpty(t, config(t))
	check := func(when string, database, schema bool) {
		t.Helper()
		want := map[string]bool{"database": database, "schema": schema}
		for _, probe := range store.Probes() {
			err := probe.Check(t.Context())
			if healthy := err == nil; healthy != want[probe.Name()] {
				t.Errorf("%s: probe %s = %v, want healthy %t", when, probe.Name(), err, want[probe.Name()])
			}
			delete(want, probe.Name())
		}
		if len(want) > 0 {
			t.Errorf("%s: no probe of %v", when, want)
		}
	}
	exec := func(query string) {
		t.Helper()
		if _, err := store.Writer().ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	check("before migrating", true, false)
	if _, err := store.Migrator().Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("after migrating", true, true)
	exec(newerVersion)
	check("with a newer schema", true, true)
	exec("DELETE FROM goose_db_version WHERE version_id > 20000101000000")
	check("with an older schema", true, false)
}
