package userfile_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"authserve/adapters/inbound/cli/userfile"
)

func itoa(n int) string { return strconv.Itoa(n) }

// newDatabase makes an SQLite file, with a name that a careless URL would lose.
func newDatabase(t testing.TB, statements ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users 100%?mode=memory#.db")
	closeDatabase(t, openDatabase(t, path, statements...))
	return path
}

func openDatabase(t testing.TB, path string, statements ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return db
}

func closeDatabase(t testing.TB, db *sql.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// sqlAlchemyTable is what SQLAlchemy makes of a usual User model.
const sqlAlchemyTable = `CREATE TABLE users (
	id INTEGER NOT NULL, email VARCHAR NOT NULL, username VARCHAR, hashed_password VARCHAR NOT NULL,
	is_active BOOLEAN, created_at DATETIME, PRIMARY KEY (id))`

func TestSQLiteValuesAreReadAsTheyAreStored(t *testing.T) {
	t.Parallel()
	path := newDatabase(t, sqlAlchemyTable,
		`INSERT INTO users VALUES (1, 'a@b.c', NULL, x'243262243132', 1, '2024-05-01 12:34:56')`,
		`INSERT INTO users VALUES (2, 'b@b.c', 'b', '', NULL, NULL)`,
		`INSERT INTO users VALUES (3, 'c@b.c', 'c', 'x', 'yes', '2024-05-01 12:34:56')`,
		`INSERT INTO users VALUES (4, 'd@b.c', 'd', 'x', 1, 'yesterday')`,
		`INSERT INTO users VALUES (5, 'e@b.c', 'e', 'x', 1, 1714566896)`,
		`INSERT INTO users VALUES (6, x'ff', 'f', 'x', 1, NULL)`,
		`INSERT INTO users VALUES (7, 'g@b.c', 'g', hex(zeroblob(40000)), 1, NULL)`)
	got := readAll(t, open(t, userfile.Source{Format: userfile.SQLite, Path: path, Table: "users"}))
	wantFaults := []string{"3 id=3 is_active invalid_format", "4 id=4 created_at invalid_format", "5 id=5 created_at invalid_format", "6 malformed_row", "7 malformed_row"}
	if !slices.Equal(got.faults, wantFaults) || len(got.rows) != 2 || got.err != nil {
		t.Fatalf("got %+v; want two rows and faults %q", got, wantFaults)
	}
	first, second := got.rows[0], got.rows[1]
	if first.PasswordHash.Reveal() != "$2b$12" || first.Username != "" || first.Disabled || !first.CreatedAt.Equal(time.Date(2024, time.May, 1, 12, 34, 56, 0, time.UTC)) {
		t.Errorf("first row = %+v", first)
	}
	if !second.PasswordHash.IsZero() || !second.Disabled || !second.CreatedAt.IsZero() {
		t.Errorf("second row = %+v; want no password, disabled, of unknown age", second)
	}
}

func TestSQLiteTablesOfAnyNameAndViews(t *testing.T) {
	t.Parallel()
	path := newDatabase(t, `CREATE TABLE "odd ""name""" (email, password, "is_active""" INTEGER, domain TEXT GENERATED ALWAYS AS ('x') VIRTUAL)`,
		`INSERT INTO "odd ""name""" VALUES ('a@b.c', 'x', 1)`,
		`CREATE VIEW v AS SELECT email, password, 1 AS email_verified, datetime(1714566896, 'unixepoch') AS created_at FROM "odd ""name"""`)
	got := readAll(t, open(t, userfile.Source{Format: userfile.SQLite, Path: path, Table: `odd "name"`}))
	if len(got.rows) != 1 || !slices.Equal(got.ignored, []string{`"is_active\""`, "domain"}) {
		t.Errorf("table: %+v", got)
	}
	got = readAll(t, open(t, userfile.Source{Format: userfile.SQLite, Path: path, Table: "v"}))
	if len(got.rows) != 1 || !got.rows[0].EmailVerified || got.rows[0].CreatedAt.Unix() != 1714566896 {
		t.Errorf("view: %+v", got)
	}
}

// A program that runs has its last commits in the write-ahead log, and what it has
// not committed must not be seen.
func TestADatabaseInUse(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.db")
	db := openDatabase(t, path, `PRAGMA journal_mode=WAL`, `PRAGMA wal_autocheckpoint=0`, sqlAlchemyTable,
		`INSERT INTO users VALUES (1, 'a@b.c', NULL, 'x', 1, NULL)`, `BEGIN`, `INSERT INTO users VALUES (2, 'b@b.c', NULL, 'x', 1, NULL)`)
	defer closeDatabase(t, db)
	f := open(t, userfile.Source{Format: userfile.SQLite, Path: path, Table: "users"})
	if _, err := db.ExecContext(t.Context(), `COMMIT`); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, f); len(got.rows) != 2 || got.err != nil {
		t.Errorf("got %+v; want what was committed when the reading began", got)
	}
	for _, statement := range []string{`DELETE FROM users`, `INSERT INTO users VALUES (3, 'c@b.c', NULL, 'x', 1, NULL)`} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Errorf("%s beside the reading: %v", statement, err)
		}
	}
}

func TestAViewThatNeverEndsIsInterrupted(t *testing.T) {
	t.Parallel()
	path := newDatabase(t, `CREATE VIEW users AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
		SELECT 'a@b.c' AS email, '' AS password FROM n WHERE i < 2 OR i > 1000000000000`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f, err := userfile.Open(ctx, userfile.Source{Format: userfile.SQLite, Path: path, Table: "users"})
	if err != nil {
		t.Fatal(err)
	}
	var last error
	rows := 0
	for _, err := range f.Rows() {
		if last = err; err == nil {
			rows++
			time.AfterFunc(10*time.Millisecond, cancel)
		}
	}
	if !errors.Is(last, context.Canceled) || rows != 1 {
		t.Errorf("%d rows, then %v; want one, and the end of the context", rows, last)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestAViewMayNotReachOutside(t *testing.T) {
	t.Parallel()
	for _, view := range []string{
		`SELECT 'a@b.c' AS email, load_extension('x') AS password`,
		`SELECT name AS email, file AS password FROM pragma_database_list`, // a schema that is trusted may
	} {
		path := newDatabase(t, `CREATE VIEW users AS `+view)
		f, err := userfile.Open(t.Context(), userfile.Source{Format: userfile.SQLite, Path: path, Table: "users"})
		if err == nil {
			got := readAll(t, f)
			err = errors.Join(got.err, f.Close())
		}
		if err == nil || !strings.Contains(err.Error(), "unsafe use") {
			t.Errorf("%s: %v; want a refusal", view, err)
		}
	}
}

func TestSQLiteValuesAreBounded(t *testing.T) {
	t.Parallel()
	const blob = `zeroblob(2 * 1024 * 1024)`
	path := newDatabase(t, `CREATE TABLE users (email, avatar, password)`,
		`INSERT INTO users VALUES ('a@b.c', NULL, 'x'), ('b@b.c', NULL, `+blob+`), ('c@b.c', NULL, 'x')`,
		`CREATE TABLE pictured (email, avatar, password)`,
		`INSERT INTO pictured VALUES ('a@b.c', `+blob+`, 'x'), ('b@b.c', `+blob+`, 'x')`,
		`CREATE VIEW made AS SELECT 'a@b.c' AS email, `+blob+` AS password`)
	for table, want := range map[string]struct {
		rows int
		err  string // a part; empty: none
	}{
		"users":    {1, "after row 1: a value is longer than 1 MiB"},
		"pictured": {2, ""}, // what is not read may be of any length
		"made":     {0, "a value is longer than 1 MiB"},
	} {
		got := readAll(t, open(t, userfile.Source{Format: userfile.SQLite, Path: path, Table: table}))
		if len(got.rows) != want.rows || len(got.faults) != 0 || (got.err == nil) != (want.err == "") {
			t.Errorf("%s: %d rows, faults %q, %v; want %d rows and %q", table, len(got.rows), got.faults, got.err, want.rows, want.err)
		}
		if got.err != nil && !strings.Contains(got.err.Error(), want.err) {
			t.Errorf("%s: %v; want %q in it", table, got.err, want.err)
		}
	}
}
