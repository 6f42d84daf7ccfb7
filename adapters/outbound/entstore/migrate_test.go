package entstore_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/pressly/goose/v3"

	"authserve/adapters/outbound/entstore"
	"authserve/ent/migrate/sqlite"
	"authserve/ports"
	"authserve/ports/fake"
)

const newerVersion = "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99990101000000, 1)"

func newMigrator(t *testing.T, cfg entstore.Config) *entstore.Migrator {
	t.Helper()
	m, err := entstore.NewMigrator(cfg)
	if err != nil {
		t.Fatalf("NewMigrator: %v", err)
	}
	return m
}

// migrationDB opens the database as migrations see it.
func migrationDB(t *testing.T, m *entstore.Migrator) *sql.DB {
	t.Helper()
	db := m.OpenForMigration()
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// drift tells what would have to be done to make the schema what ent/schema says.
func drift(t *testing.T, db *sql.DB) string {
	t.Helper()
	text, err := entstore.Drift(t.Context(), dialect.SQLite, db)
	if err != nil {
		t.Fatalf("Drift: %v", err)
	}
	return text
}

// objects lists tables and indexes with the text that made them, without quotes:
// a table that was rebuilt and renamed has others.
func objects(t *testing.T, db *sql.DB) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(),
		"SELECT type || ' ' || name || ': ' || coalesce(sql, '') FROM sqlite_master WHERE name <> 'sqlite_sequence' AND tbl_name <> 'goose_db_version' ORDER BY 1")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.NewReplacer("`", "", `"`, "").Replace(line))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestReplayedMigrationsEqualTheSchema(t *testing.T) {
	t.Parallel()
	if got := drift(t, open(t, config(t)).Writer()); got != "" {
		t.Errorf("ent/schema needs a migration (task migrate:new -- NAME):\n%s", got)
	}
}

func TestDriftIsNoticed(t *testing.T) {
	t.Parallel()
	for _, change := range []string{
		"ALTER TABLE sessions ADD COLUMN planted text",
		"DROP INDEX accounts_email_canonical",
		"CREATE INDEX planted ON messages (kind)",
		"DROP TABLE guards",
	} {
		t.Run(change, func(t *testing.T) {
			t.Parallel()
			db := open(t, config(t)).Writer()
			if _, err := db.ExecContext(t.Context(), change); err != nil {
				t.Fatal(err)
			}
			if drift(t, db) == "" {
				t.Error("the planted drift was not noticed")
			}
		})
	}
}

// stepwise applies one step after the other to a database of its own and returns
// what was there before each.
func stepwise(t *testing.T) [][]string {
	t.Helper()
	cfg := config(t)
	if err := os.MkdirAll(filepath.Dir(file(t, cfg)), 0o700); err != nil {
		t.Fatal(err)
	}
	db := migrationDB(t, newMigrator(t, cfg))
	p, err := goose.NewProvider(goose.DialectSQLite3, db, sqlite.Files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	var before [][]string
	for range p.ListSources() {
		before = append(before, objects(t, db))
		if _, err := p.UpByOne(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return before
}

func TestUpDownUp(t *testing.T) {
	t.Parallel()
	m := newMigrator(t, config(t))
	db := migrationDB(t, m)
	known, err := m.Status(t.Context())
	if err != nil || len(known) == 0 {
		t.Fatalf("Status = %v, %v, want the known steps", known, err)
	}
	up := func() []string {
		t.Helper()
		applied, err := m.Up(t.Context())
		if err != nil || len(applied) != len(known) {
			t.Fatalf("Up = %v, %v, want %d steps", applied, err, len(known))
		}
		for _, step := range applied {
			if step.AppliedAt.IsZero() {
				t.Errorf("Up did not say when it applied %d", step.Version)
			}
		}
		return objects(t, db)
	}
	first, before := up(), stepwise(t)
	for i, want := range slices.Backward(known) {
		reverted, err := m.Down(t.Context())
		if err != nil || len(reverted) != 1 || reverted[0] != want {
			t.Fatalf("Down = %v, %v, want %v", reverted, err, want)
		}
		if got := objects(t, db); !slices.Equal(got, before[i]) {
			t.Errorf("after Down of %d %s:\n%s\nwant what was there before it:\n%s", want.Version, want.Name, strings.Join(got, "\n"), strings.Join(before[i], "\n"))
		}
	}
	if reverted, err := m.Down(t.Context()); err != nil || len(reverted) != 0 {
		t.Errorf("Down at the start = %v, %v, want nothing", reverted, err)
	}
	if second := up(); !slices.Equal(first, second) {
		t.Errorf("up, down, up ends differently:\n%s\nwant\n%s", strings.Join(second, "\n"), strings.Join(first, "\n"))
	}
	if applied, err := m.Up(t.Context()); err != nil || len(applied) != 0 {
		t.Errorf("Up at the end = %v, %v, want nothing", applied, err)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	m := newMigrator(t, cfg)
	pending, err := m.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file(t, cfg)); err == nil {
		t.Error("Status made a database")
	}
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	applied, err := m.Status(t.Context())
	if err != nil || len(applied) != len(pending) {
		t.Fatalf("Status = %v, %v, want %d steps", applied, err, len(pending))
	}
	for i, step := range applied {
		if step.Name == "" || step.Version != pending[i].Version || step.Name != pending[i].Name {
			t.Errorf("got step %+v, want %+v", step, pending[i])
		}
		if !pending[i].AppliedAt.IsZero() || step.AppliedAt.IsZero() {
			t.Errorf("step %d: applied at %v before and %v after Up", step.Version, pending[i].AppliedAt, step.AppliedAt)
		}
	}
	if _, err := m.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	reverted, err := m.Status(t.Context())
	if err != nil || !reverted[len(reverted)-1].AppliedAt.IsZero() {
		t.Errorf("Status after Down = %v, %v, want the last step pending", reverted, err)
	}
}

// TestMigrationsKeepChildRows applies each step to a database that has rows: where
// a step rebuilds a table, nothing that refers to it may go.
func TestMigrationsKeepChildRows(t *testing.T) {
	t.Parallel()
	store := open(t, config(t))
	err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		return errors.Join(
			tx.Accounts().Create(ctx, fake.Account(1)),
			tx.Credentials().Create(ctx, fake.Credential(fake.Account(1))),
			tx.Sessions().Create(ctx, fake.Session(1, fake.Account(1))))
	})
	if err != nil {
		t.Fatal(err)
	}
	known, err := store.Migrator().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The first step makes the tables; every later one is taken back and repeated.
	for range known[1:] {
		if _, err := store.Migrator().Down(t.Context()); err != nil {
			t.Fatal(err)
		}
		children(t, store.Writer())
	}
	if _, err := store.Migrator().Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	children(t, store.Writer())
}

// TestRebuildKeepsChildRows rebuilds a table the way SQLite migrations must, on
// the connection and in the kind of transaction in which they run.
func TestRebuildKeepsChildRows(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	store := open(t, cfg)
	err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		return errors.Join(
			tx.Accounts().Create(ctx, fake.Account(1)),
			tx.Credentials().Create(ctx, fake.Credential(fake.Account(1))),
			tx.Sessions().Create(ctx, fake.Session(1, fake.Account(1))))
	})
	if err != nil {
		t.Fatal(err)
	}
	tx, err := migrationDB(t, newMigrator(t, cfg)).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		"CREATE TABLE new_accounts AS SELECT * FROM accounts",
		"DROP TABLE accounts",
		"ALTER TABLE new_accounts RENAME TO accounts",
	} {
		if _, err := tx.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	children(t, store.Writer())
}

func children(t *testing.T, db *sql.DB) {
	t.Helper()
	for _, table := range []string{"accounts", "credentials", "sessions"} {
		var rows int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		if rows != 1 {
			t.Errorf("%s has %d rows, want 1", table, rows)
		}
	}
}

func TestBrokenReferencesAreReported(t *testing.T) {
	t.Parallel()
	m := newMigrator(t, config(t))
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := migrationDB(t, m).ExecContext(t.Context(), "INSERT INTO credentials VALUES ('orphan', '', '', 1, '')")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Up(t.Context()); err == nil {
		t.Error("Up succeeded over a row that refers to nothing")
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	m := newMigrator(t, config(t))
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	db := migrationDB(t, m)
	if _, err := db.ExecContext(t.Context(), newerVersion); err != nil {
		t.Fatal(err)
	}
	before := objects(t, db)
	calls := map[string]func(context.Context) ([]ports.Migration, error){"Up": m.Up, "Down": m.Down, "Status": m.Status}
	for name, call := range calls {
		if steps, err := call(t.Context()); !errors.Is(err, entstore.ErrSchemaNewer) {
			t.Errorf("%s = %v, %v, want %v", name, steps, err, entstore.ErrSchemaNewer)
		}
	}
	if got := objects(t, db); !slices.Equal(got, before) {
		t.Error("a refused migration changed the schema")
	}
}

// TestManyMigrateAtOnce: of many that open and migrate a fresh file at once, each
// succeeds, and each step is applied by one of them.
func TestManyMigrateAtOnce(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	const openers = 8
	var (
		all     sync.WaitGroup
		mu      sync.Mutex
		applied []int64
	)
	start := make(chan struct{})
	for range openers {
		all.Go(func() {
			<-start
			store, err := entstore.Open(t.Context(), cfg)
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			steps, err := store.Migrator().Up(t.Context())
			if err := errors.Join(err, store.Close()); err != nil {
				t.Errorf("Up and Close: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, step := range steps {
				applied = append(applied, step.Version)
			}
		})
	}
	close(start)
	all.Wait()
	known, err := newMigrator(t, cfg).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(applied) != len(known) {
		t.Errorf("the steps %v were applied, want each of %v once", applied, known)
	}
}

// lockable is the path of the lock, in a directory that exists.
func lockable(t *testing.T, cfg entstore.Config) string {
	t.Helper()
	path := file(t, cfg)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	return path + ".migrate.lock"
}

func TestMigratorWaitsForTheLockUnderItsContext(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	unlock, err := entstore.LockFile(t.Context(), lockable(t, cfg))
	if err != nil {
		t.Fatal(err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	m := newMigrator(t, cfg)
	if _, err := m.Up(canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("Up while another migrates = %v, want %v", err, context.Canceled)
	}
	done := make(chan error)
	go func() {
		_, err := m.Up(t.Context())
		done <- err
	}()
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("Up after the other's end: %v", err)
	}
}
