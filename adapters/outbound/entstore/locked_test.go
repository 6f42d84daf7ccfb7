package entstore_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"authserve/adapters/outbound/entstore"
	"authserve/ports"
)

// lockElsewhere holds the write lock as another process would, until release.
func lockElsewhere(t *testing.T, cfg entstore.Config) (release func()) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+file(t, cfg)+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Errorf("Rollback: %v", err)
		}
	}
}

func TestUpdateGivesUpOnALockedDatabase(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.BusyTimeout = 100 * time.Millisecond
	store := open(t, cfg)
	release := lockElsewhere(t, cfg)
	if err := store.Update(t.Context(), createAccount(1)); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("Update = %v, want %v", err, ports.ErrUnavailable)
	}
	if hasAccount(t, store, 1) {
		t.Error("the refused write was kept")
	}
	release()
	if err := store.Update(t.Context(), createAccount(1)); err != nil {
		t.Errorf("Update after the lock was released: %v", err)
	}
}

func TestUpdateOnALockedDatabaseHonoursItsContext(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.BusyTimeout = time.Hour
	store := open(t, cfg)
	defer lockElsewhere(t, cfg)()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := store.Update(ctx, createAccount(1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Update = %v, want %v", err, context.DeadlineExceeded)
	}
}

func TestUpdateWaitsForALockedDatabase(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.BusyTimeout = time.Hour
	store := open(t, cfg)
	release := lockElsewhere(t, cfg)
	done := make(chan error)
	go func() { done <- store.Update(t.Context(), createAccount(1)) }()
	release()
	if err := <-done; err != nil {
		t.Errorf("Update: %v", err)
	}
}
