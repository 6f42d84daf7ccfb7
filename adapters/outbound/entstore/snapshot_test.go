package entstore_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"authserve/adapters/outbound/entstore"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func snapshots(t testing.TB, cfg entstore.Config) *entstore.Snapshots {
	t.Helper()
	s, err := entstore.NewSnapshots(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// take makes a snapshot of the database in a directory of its own.
func take(t *testing.T, cfg entstore.Config) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "snapshot.db")
	if _, err := snapshots(t, cfg).Create(t.Context(), path); err != nil {
		t.Fatalf("Create: %v", err)
	}
	return path
}

// at is the configuration of the database in the file.
func at(path string) entstore.Config { return entstore.Config{URL: "sqlite://" + path} }

func filesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestSnapshotOfADatabaseInUse(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	store := open(t, cfg)
	if err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		a := fake.Account(1)
		return errors.Join(tx.Accounts().Create(ctx, a), tx.Sessions().Create(ctx, fake.Session(1, a)), tx.Audit().Append(ctx, fake.AuditEvent(1)))
	}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a?b#c%41 d.db")
	made, err := snapshots(t, cfg).Create(t.Context(), path)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("the snapshot has mode %v, want 0600", info.Mode())
	}
	if made.Accounts != 1 || made.Sessions != 1 || made.AuditEvents != 1 || made.Bytes != info.Size() || made.SchemaVersion == 0 {
		t.Errorf("Create = %+v, want one of each and %d bytes", made, info.Size())
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	verified, err := snapshots(t, cfg).Verify(t.Context(), path)
	if err != nil || verified != made {
		t.Errorf("Verify = %+v, %v, want %+v", verified, err, made)
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("Verify changed the file, %v", err)
	}
	if names := filesIn(t, filepath.Dir(path)); len(names) != 1 {
		t.Errorf("beside the snapshot lie %q", names)
	}
}

// Writers go on while snapshots are taken, and every snapshot is whole: each write
// adds an account with its session.
func TestSnapshotsWhileWritersGoOn(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	store := open(t, cfg)
	const writers, rounds = 8, 25
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for n := range rounds {
				err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
					a := fake.Account(w*rounds + n)
					if err := tx.Accounts().Create(ctx, a); err != nil {
						return err
					}
					return tx.Sessions().Create(ctx, fake.Session(w*rounds+n, a))
				})
				if err != nil {
					t.Errorf("Update: %v", err)
				}
			}
		})
	}
	dir := t.TempDir()
	last := int64(0)
	for n := range 5 {
		s, err := snapshots(t, cfg).Create(t.Context(), filepath.Join(dir, string(rune('a'+n))))
		if err != nil {
			t.Fatalf("Create: %v", err)
		}
		if s.Accounts != s.Sessions || s.Accounts < last {
			t.Errorf("snapshot %d has %d accounts and %d sessions after %d", n, s.Accounts, s.Sessions, last)
		}
		last = s.Accounts
	}
	group.Wait()
	s, err := snapshots(t, cfg).Create(t.Context(), filepath.Join(dir, "last"))
	if err != nil || s.Accounts != writers*rounds {
		t.Errorf("at the end %d accounts, %v, want %d", s.Accounts, err, writers*rounds)
	}
}

func TestSnapshotOverwritesNothing(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	open(t, cfg)
	path := filepath.Join(t.TempDir(), "taken")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := snapshots(t, cfg).Create(t.Context(), path); !errors.Is(err, ports.ErrSnapshotExists) {
		t.Errorf("Create = %v, want %v", err, ports.ErrSnapshotExists)
	}
	if text, err := os.ReadFile(path); string(text) != "mine" {
		t.Errorf("the file that was there is %q, %v", text, err)
	}

	// Of many that want one name, one gets it.
	const contenders = 8
	path = filepath.Join(t.TempDir(), "wanted")
	errs := make([]error, contenders)
	var group sync.WaitGroup
	for i := range contenders {
		group.Go(func() { _, errs[i] = snapshots(t, cfg).Create(t.Context(), path) })
	}
	group.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, ports.ErrSnapshotExists):
			t.Errorf("a loser got %v, want %v", err, ports.ErrSnapshotExists)
		}
	}
	if names := filesIn(t, filepath.Dir(path)); won != 1 || len(names) != 1 {
		t.Errorf("%d won, and %q lie there; want one", won, names)
	}
}

func TestFailedSnapshotLeavesNothing(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	open(t, cfg)
	unmigrated := config(t)
	openEmpty(t, unmigrated)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context //nolint:containedctx // a case
		cfg  entstore.Config
		want string
	}{
		"no database":   {t.Context(), config(t), "no such file"},
		"no schema":     {t.Context(), unmigrated, "none of authserve"},
		"ended context": {canceled, cfg, "canceled"},
	} {
		dir := t.TempDir()
		_, err := snapshots(t, c.cfg).Create(c.ctx, filepath.Join(dir, "s"))
		if !errors.Is(err, ports.ErrSnapshotFailed) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Create = %v, want %v with %q", name, err, ports.ErrSnapshotFailed, c.want)
		}
		if names := filesIn(t, dir); len(names) > 0 {
			t.Errorf("%s: %q are left", name, names)
		}
	}
	if _, err := snapshots(t, cfg).Create(t.Context(), filepath.Join(t.TempDir(), "absent", "s")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("into no directory: %v, want %v", err, fs.ErrNotExist)
	}
}

func TestLeftoversOfKilledSnapshotsGo(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	open(t, cfg)
	dir := t.TempDir()
	dead := filepath.Join(dir, ".old.db.1.authserve-partial")
	if err := os.WriteFile(dead, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := snapshots(t, cfg).Create(t.Context(), filepath.Join(dir, "new.db")); err != nil {
		t.Fatal(err)
	}
	if names := filesIn(t, dir); len(names) != 1 || names[0] != "new.db" {
		t.Errorf("left are %q, want new.db alone", names)
	}
}

func TestVerifyNamesTheFault(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	store := open(t, cfg)
	for n := range 200 {
		if err := store.Update(t.Context(), createAccount(n)); err != nil {
			t.Fatal(err)
		}
	}
	good, err := os.ReadFile(take(t, cfg))
	if err != nil {
		t.Fatal(err)
	}
	spoiled := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(good)) }
	edited := func(query string) []byte {
		path := filepath.Join(t.TempDir(), "edited.db")
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
		spoil(t, path, query)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"empty":         {nil, "none of authserve"},
		"text":          {[]byte(strings.Repeat("no database ", 1000)), "not a database"},
		"cut short":     {spoiled(func(b []byte) []byte { return b[:len(b)/2] }), "malformed"},
		"zeros inside":  {spoiled(func(b []byte) []byte { clear(b[len(b)/2 : len(b)/2+8192]); return b }), "page"},
		"a lost row":    {edited("PRAGMA writable_schema=1; DELETE FROM accounts; INSERT INTO credentials VALUES ('x','h','s',1,'2026-01-01')"), "refers to a row of accounts"},
		"another table": {edited("DROP TABLE goose_db_version"), "none of authserve"},
		"a lost index":  {edited("DROP INDEX accounts_email_canonical"), "accounts_email_canonical"},
		"a column more": {edited("ALTER TABLE accounts ADD COLUMN planted TEXT"), "would need"},
		"a trigger":     {edited("CREATE TRIGGER planted AFTER INSERT ON sessions BEGIN UPDATE accounts SET roles = 'x'; END"), "trigger planted"},
		"a view":        {edited("CREATE VIEW planted AS SELECT 1"), "view planted"},
		"newer":         {edited("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99990101000000, 1)"), "newer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "s.db")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := snapshots(t, cfg).Verify(t.Context(), path)
			if !errors.Is(err, ports.ErrSnapshotUnusable) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Verify = %v, want %v with %q", err, ports.ErrSnapshotUnusable, c.want)
			}
			// What cannot be verified is not restored, and leaves nothing.
			dir := t.TempDir()
			_, err = restore(t, filepath.Join(dir, "auth.db"), path, ports.RestoreOptions{})
			if names := filesIn(t, dir); !errors.Is(err, ports.ErrSnapshotUnusable) || len(names) > 0 {
				t.Errorf("Restore = %v and left %q, want %v and nothing", err, names, ports.ErrSnapshotUnusable)
			}
		})
	}
	if _, err := snapshots(t, cfg).Verify(t.Context(), file(t, cfg)); !errors.Is(err, ports.ErrSnapshotUnusable) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("Verify of a database in use = %v, want %v", err, ports.ErrSnapshotUnusable)
	}
}

func TestServersHaveToolsOfTheirOwn(t *testing.T) {
	t.Parallel()
	for url, tool := range map[string]string{"postgres://u:hunter2@h/db": "pg_dump", "mysql://u:hunter2@h/db": "mysqldump"} {
		s := snapshots(t, entstore.Config{URL: url})
		_, created := s.Create(t.Context(), filepath.Join(t.TempDir(), "s"))
		_, verified := s.Verify(t.Context(), filepath.Join(t.TempDir(), "s"))
		_, restored := entstore.Restore(t.Context(), entstore.Config{URL: url}, "s", entstore.RestoreOptions{})
		for _, err := range []error{created, verified, restored} {
			if !errors.Is(err, ports.ErrUnsupported) || !strings.Contains(err.Error(), tool) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v, want %v and %s", url, err, ports.ErrUnsupported, tool)
			}
		}
		if entstore.CanSnapshot(url) {
			t.Errorf("CanSnapshot(%s)", url)
		}
	}
	if !entstore.CanSnapshot("sqlite:///a") {
		t.Error("SQLite can take snapshots")
	}
}

func openRaw(path string) (*sql.DB, error) { return sql.Open("sqlite3", "file:"+path) }

func restore(t *testing.T, database, path string, o ports.RestoreOptions) (ports.Restored, error) {
	t.Helper()
	ctx := domain.WithActor(t.Context(), domain.Actor{Kind: domain.ActorOperator, ID: "root"})
	return entstore.Restore(ctx, at(database), path, entstore.RestoreOptions{RestoreOptions: o, Clock: fake.NewClock(fake.Epoch()), IDs: &fake.IDs{}})
}

// An index of an operator's own ends neither backups nor a restore.
func TestASnapshotMayHaveFurtherIndexes(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	store := open(t, cfg)
	if _, err := store.Writer().ExecContext(t.Context(), "CREATE INDEX of_the_operator ON accounts (display_name)"); err != nil {
		t.Fatal(err)
	}
	s, err := entstore.NewSnapshots(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(t.Context(), filepath.Join(t.TempDir(), "copy.db")); err != nil {
		t.Errorf("Create: %v", err)
	}
}
