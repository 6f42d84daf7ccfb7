package entstore_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"authserve/adapters/outbound/entstore"
	"authserve/ports"
	"authserve/ports/fake"
)

// TestDownRefusesToDeleteRows: whoever goes one step too far keeps the accounts.
func TestDownRefusesToDeleteRows(t *testing.T) {
	t.Parallel()
	everyDatabase(t, func(t *testing.T, fresh func(*testing.T) entstore.Config) {
		store := open(t, fresh(t))
		err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
			return errors.Join(tx.Accounts().Create(ctx, fake.Account(1)), tx.Accounts().Create(ctx, fake.Account(2)))
		})
		if err != nil {
			t.Fatal(err)
		}
		m, ok := store.Migrator().(*entstore.Migrator)
		if !ok {
			t.Fatalf("the migrator is a %T", store.Migrator())
		}
		// Steps that drop nothing, and tables without rows, go as ever.
		var refusal error
		for range complete(t, m) {
			if _, refusal = m.Down(t.Context()); refusal != nil {
				break
			}
		}
		if !errors.Is(refusal, ports.ErrHoldsData) || errors.Is(refusal, ports.ErrUnavailable) || !strings.Contains(refusal.Error(), "accounts: 2") {
			t.Fatalf("Down of the step of the accounts = %v; want %v and their number", refusal, ports.ErrHoldsData)
		}
		if !hasAccount(t, store, 1) || !hasAccount(t, store, 2) {
			t.Fatal("the refused step deleted accounts")
		}
		if reverted, err := m.DownWithData(t.Context()); err != nil || len(reverted) != 1 {
			t.Errorf("DownWithData = %v, %v; want the step reverted", reverted, err)
		}
		if text := schemaText(t, m); text != "" {
			t.Errorf("there is still\n%s", text)
		}
	})
}

// TestARebuiltTableIsNotDropped: SQLite changes a table by making it anew.
func TestARebuiltTableIsNotDropped(t *testing.T) {
	t.Parallel()
	const text = "-- +goose Up\nDROP TABLE old;\n-- +goose Down\nCREATE TABLE `a2` (a int);\nDROP TABLE `accounts`;\nALTER TABLE `a2` RENAME TO `accounts`;\ndrop table if exists \"guards\";\n"
	tables, err := entstore.Dropped(fstest.MapFS{"7_x.sql": {Data: []byte(text)}}, 7)
	if err != nil || !slices.Equal(tables, []string{"guards"}) {
		t.Errorf("dropped = %v, %v; want what is gone afterwards", tables, err)
	}
}
