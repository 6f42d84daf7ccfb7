package entstore_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"authserve/adapters/outbound/entstore"
	"authserve/ports"
	"authserve/ports/fake"
)

// file is the database of config(t).
func file(t testing.TB, cfg entstore.Config) string {
	t.Helper()
	path, err := entstore.ParseURL(cfg.URL)
	if err != nil {
		t.Fatalf("ParseURL(%q): %v", cfg.URL, err)
	}
	return path
}

// config names a database file that does not exist yet.
func config(t testing.TB) entstore.Config {
	t.Helper()
	return entstore.Config{URL: "sqlite://" + filepath.Join(t.TempDir(), "data", "auth.db")}
}

// openEmpty opens a store without a schema that lives as long as t.
func openEmpty(t testing.TB, cfg entstore.Config) *entstore.Store {
	t.Helper()
	store, err := entstore.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return store
}

// open opens a migrated store that lives as long as t.
func open(t testing.TB, cfg entstore.Config) *entstore.Store {
	t.Helper()
	store := openEmpty(t, cfg)
	if _, err := store.Migrator().Up(t.Context()); err != nil {
		t.Fatalf("Up: %v", err)
	}
	return store
}

func createAccount(n int) func(context.Context, ports.Tx) error {
	return func(ctx context.Context, tx ports.Tx) error { return tx.Accounts().Create(ctx, fake.Account(n)) }
}

func hasAccount(t *testing.T, store *entstore.Store, n int) bool {
	t.Helper()
	err := store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Accounts().ByID(ctx, fake.Account(n).ID)
		return err
	})
	if err != nil && !errors.Is(err, ports.ErrNotFound) {
		t.Fatalf("View: %v", err)
	}
	return err == nil
}
