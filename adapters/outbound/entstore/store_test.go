package entstore_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"authserve/adapters/outbound/entstore"
	"authserve/core/domain"
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

func TestOpenRefusesFaultyConfig(t *testing.T) {
	t.Parallel()

	good := "sqlite:///tmp/never.db"
	tests := []struct {
		name string
		cfg  entstore.Config
		want string
	}{
		{"another scheme", entstore.Config{URL: "oracle://u:hunter2@h/db"}, "sqlite:///path"},
		{"PostgreSQL without host", entstore.Config{URL: "postgres:///hunter2"}, "postgres://user"},
		{"PostgreSQL without database", entstore.Config{URL: "postgres://u:hunter2@h"}, "postgres://user"},
		{"PostgreSQL with a bad parameter", entstore.Config{URL: "postgres://u:hunter2@h/db?sslmode=maybe"}, "parameters"},
		{"MySQL without host", entstore.Config{URL: "mysql:///hunter2"}, "mysql://user"},
		{"MySQL without database", entstore.Config{URL: "mysql://u:hunter2@h/"}, "mysql://user"},
		{"MySQL with another parameter", entstore.Config{URL: "mysql://u:hunter2@h/db?allowAllFiles=true"}, "allowAllFiles"},
		{"MySQL with a bad tls", entstore.Config{URL: "mysql://u:hunter2@h/db?tls=maybe"}, "tls"},
		{"too many writers", entstore.Config{URL: "postgres://u:hunter2@h/db", Writers: 1001}, "writers"},
		{"unparsable", entstore.Config{URL: "sqlite://%zz/hunter2"}, "cannot be parsed"},
		{"no path", entstore.Config{URL: "sqlite://"}, "sqlite:///path"},
		{"a host", entstore.Config{URL: "sqlite://host/path"}, "sqlite:///path"},
		{"parameters", entstore.Config{URL: good + "?mode=memory"}, "sqlite:///path"},
		{"synchronous", entstore.Config{URL: good, Synchronous: "OFF"}, "synchronous"},
		{"too many readers", entstore.Config{URL: good, Readers: 65}, "readers"},
		{"negative readers", entstore.Config{URL: good, Readers: -1}, "readers"},
		{"busy timeout", entstore.Config{URL: good, BusyTimeout: time.Millisecond}, "busy timeout"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, openErr := entstore.Open(t.Context(), tt.cfg)
			_, migratorErr := entstore.NewMigrator(tt.cfg)
			for _, err := range []error{openErr, migratorErr} {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got error %v, want one that mentions %q", err, tt.want)
				} else if strings.Contains(err.Error(), "hunter2") {
					t.Errorf("the error repeats a secret of the URL: %v", err)
				}
			}
		})
	}
}

func TestOpenReportsAllFaults(t *testing.T) {
	t.Parallel()
	_, err := entstore.NewMigrator(entstore.Config{URL: "oracle://h/db", Synchronous: "OFF", Readers: -1, BusyTimeout: -1})
	for _, want := range []string{"URL", "synchronous", "readers", "busy timeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one that mentions %q", err, want)
		}
	}
}

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	path := file(t, cfg)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("this is no database", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if store, err := entstore.Open(t.Context(), cfg); err == nil {
		t.Errorf("Open succeeded on a text file (Close: %v)", store.Close())
	}
}

func TestFilesBelongToTheOwnerAlone(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	store := open(t, cfg)
	if err := store.Update(t.Context(), createAccount(1)); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(file(t, cfg))
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o700 {
		t.Errorf("the directory has mode %o, want 700", got)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s has mode %o, want 600", entry.Name(), got)
		}
	}
	if !slices.Contains(names, "auth.db-wal") {
		t.Errorf("got files %q, want a write-ahead log among them", names)
	}
}

func TestPathWithReservedCharacters(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a b?mode=memory&c#d%41", "ä.db")
	store := open(t, entstore.Config{URL: (&url.URL{Scheme: "sqlite", Path: path}).String()})
	if err := store.Update(t.Context(), createAccount(1)); err != nil {
		t.Fatal(err)
	}
	if !hasAccount(t, store, 1) {
		t.Error("the account is not there")
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("the database is not at the path given: %v", err)
	}
}

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

func TestReadersRefuseToWrite(t *testing.T) {
	t.Parallel()
	store := open(t, config(t))
	_, err := store.Reader().ExecContext(t.Context(), "DELETE FROM accounts")
	var fault sqlite3.Error
	if !errors.As(err, &fault) || fault.Code != sqlite3.ErrReadonly {
		t.Errorf("a write on the readers = %v, want %v", err, sqlite3.ErrReadonly)
	}
}

func TestPragmas(t *testing.T) {
	t.Parallel()
	for _, synchronous := range []string{"", "NORMAL"} {
		cfg := config(t)
		cfg.Synchronous = synchronous
		store := open(t, cfg)
		want := map[string]string{"journal_mode": "wal", "foreign_keys": "1", "synchronous": "2"}
		if synchronous == "NORMAL" {
			want["synchronous"] = "1"
		}
		for pragma, value := range want {
			var got string
			if err := store.Writer().QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != value {
				t.Errorf("synchronous %q: the writer has %s = %s, want %s", synchronous, pragma, got, value)
			}
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
	check("with a newer schema", true, false)
	exec("DELETE FROM goose_db_version WHERE version_id > 20000101000000")
	check("with an older schema", true, false)
}
