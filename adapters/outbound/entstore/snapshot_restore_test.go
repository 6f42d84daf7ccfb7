package entstore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"authserve/adapters/outbound/entstore"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// taken is a snapshot with account 1, which has a live session.
func taken(t *testing.T) string {
	t.Helper()
	cfg := config(t)
	store := open(t, cfg)
	if err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		a := fake.Account(1)
		return errors.Join(tx.Accounts().Create(ctx, a), tx.Sessions().Create(ctx, fake.Session(1, a)), tx.OneTimeTokens().Put(ctx, fake.OneTimeToken(1, a)))
	}); err != nil {
		t.Fatal(err)
	}
	return take(t, cfg)
}

// session1 is that of taken, and the events are all there are.
func read(t *testing.T, store *entstore.Store) (session1 domain.Session, events []domain.AuditEvent) {
	t.Helper()
	err := store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		var err error
		if session1, err = tx.Sessions().ByID(ctx, fake.Session(1, fake.Account(1)).ID); err != nil {
			return err
		}
		page, err := tx.Audit().List(ctx, domain.AuditFilter{}, domain.PageRequest{Limit: 10})
		events = page.Items
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return session1, events
}

// links returns the one-time tokens of taken that are left.
func links(t *testing.T, store *entstore.Store) (tokens []domain.OneTimeToken) {
	t.Helper()
	err := store.View(t.Context(), func(ctx context.Context, tx ports.Tx) (err error) {
		tokens, err = tx.OneTimeTokens().ListByAccount(ctx, fake.Account(1).ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestRestoreIntoAnEmptyPlace(t *testing.T) {
	t.Parallel()
	snapshot := taken(t)
	database := filepath.Join(t.TempDir(), "new", "auth.db")
	got, err := restore(t, database, snapshot, ports.RestoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Database != database || got.Kept != "" || got.SessionsEnded != 1 || got.Snapshot.Accounts != 1 || len(got.Migrated) != 0 {
		t.Errorf("Restore = %+v", got)
	}
	if names := filesIn(t, filepath.Dir(database)); !slices.Equal(names, []string{"auth.db", "auth.db.migrate.lock"}) {
		t.Errorf("there are %q", names)
	}
	if info, err := os.Stat(database); err != nil || info.Mode() != 0o600 {
		t.Errorf("the database has mode %v, %v, want 0600", info.Mode(), err)
	}
	session, events := read(t, open(t, at(database)))
	if session.EndReason != domain.EndedByRestore || !session.EndedAt.Equal(fake.Epoch()) {
		t.Errorf("the session ended at %v by %q, want by %q", session.EndedAt, session.EndReason, domain.EndedByRestore)
	}
	if tokens := links(t, open(t, at(database))); len(tokens) != 0 {
		t.Errorf("the one-time tokens %v are left", tokens)
	}
	if len(events) != 1 || events[0].Action != domain.AuditDatabaseRestored || events[0].Actor.ID != "root" || events[0].Detail["sessions_ended"] != "1" {
		t.Errorf("the audit log is %+v", events)
	}
	if _, err := snapshots(t, at(database)).Verify(t.Context(), snapshot); err != nil {
		t.Errorf("the snapshot after the restore: %v", err)
	}
}

func TestRestoreKeepsSessionsWhenAsked(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "auth.db")
	got, err := restore(t, database, taken(t), ports.RestoreOptions{KeepSessions: true})
	if err != nil || got.SessionsEnded != 0 {
		t.Fatalf("Restore = %+v, %v", got, err)
	}
	if session, _ := read(t, open(t, at(database))); !session.EndedAt.IsZero() {
		t.Errorf("the session has ended: %+v", session)
	}
	if tokens := links(t, open(t, at(database))); len(tokens) != 1 {
		t.Errorf("the one-time tokens are %v, want that of the snapshot", tokens)
	}
}

func TestRestoreMigratesAnOlderSnapshot(t *testing.T) {
	t.Parallel()
	// No older schema was released; one without the record of its newest step is as good
	// for telling that the steps run, and that a failing one leaves everything as it was.
	snapshot := taken(t)
	spoil(t, snapshot, "UPDATE goose_db_version SET version_id = 1 WHERE version_id > 1")
	database := filepath.Join(t.TempDir(), "auth.db")
	_, err := restore(t, database, snapshot, ports.RestoreOptions{})
	if !errors.Is(err, ports.ErrRestoreFailed) || !strings.Contains(err.Error(), "migration") {
		t.Errorf("Restore = %v, want %v by a migration", err, ports.ErrRestoreFailed)
	}
	if names := filesIn(t, filepath.Dir(database)); !slices.Equal(names, []string{"auth.db.migrate.lock"}) {
		t.Errorf("there are %q, want nothing but the lock", names)
	}
}

func TestRestoreBesideADatabase(t *testing.T) {
	t.Parallel()
	snapshot := taken(t)
	cfg := config(t)
	database := file(t, cfg)
	store, err := entstore.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Migrator().Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(store.Update(t.Context(), createAccount(7)), store.Close()); err != nil {
		t.Fatal(err)
	}

	if _, err := restore(t, database, snapshot, ports.RestoreOptions{}); !errors.Is(err, ports.ErrDatabaseExists) {
		t.Errorf("Restore = %v, want %v", err, ports.ErrDatabaseExists)
	}
	got, err := restore(t, database, snapshot, ports.RestoreOptions{Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	if got.Kept == "" || filepath.Dir(got.Kept) != filepath.Dir(database) {
		t.Errorf("the database before is kept as %q", got.Kept)
	}
	if restored := open(t, cfg); !hasAccount(t, restored, 1) || hasAccount(t, restored, 7) {
		t.Error("the database is not that of the snapshot")
	}
	if kept := open(t, at(got.Kept)); !hasAccount(t, kept, 7) {
		t.Error("the database before is not whole")
	}
}

// A log that a killed process left belongs to the old database, and would spoil the new
// one.
func TestRestoreTakesTheOldLogAway(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"damaged": strings.Repeat("no database ", 500), "empty": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := filepath.Join(t.TempDir(), "auth.db")
			for suffix, text := range map[string]string{"": content, "-wal": "log", "-shm": "index", "-journal": "journal"} {
				if err := os.WriteFile(database+suffix, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := restore(t, database, taken(t), ports.RestoreOptions{Replace: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, suffix := range []string{"-wal", "-shm", "-journal"} {
				if _, err := os.Stat(database + suffix); err == nil {
					t.Errorf("%s is still there", suffix)
				}
			}
			if text, err := os.ReadFile(got.Kept); string(text) != content {
				t.Errorf("kept is %.20q, %v; want %.20q", text, err, content)
			}
			if !hasAccount(t, open(t, at(database)), 1) {
				t.Error("the database is not that of the snapshot")
			}
		})
	}
}

func spoil(t *testing.T, path, query string) {
	t.Helper()
	db, err := openRaw(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), query)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}
