package entstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"
	"testing"

	"entgo.io/ent/dialect"

	"authserve/adapters/outbound/entstore"
	"authserve/ports"
)

// TestAStepRefusedForItsContentIsPermanent: a start that took it for a bad day would
// try again for ever.
func TestAStepRefusedForItsContentIsPermanent(t *testing.T) {
	t.Parallel()
	everyDatabase(t, func(t *testing.T, fresh func(*testing.T) entstore.Config) {
		cfg := fresh(t)
		m := migrated(t, cfg)
		known := complete(t, m)
		before := schemaText(t, m)
		db := migrationDB(t, m)
		execAll(t, db, "CREATE TABLE planted (a int, b varchar(20))", "INSERT INTO planted (a, b) VALUES (1, 'x'), (1, NULL)")
		steps := map[string]string{
			"bad SQL":                          "CREATE TABEL planted_again (a int)",
			"a table that is there":            "CREATE TABLE sessions (a int)",
			"a table that is not there":        "ALTER TABLE nowhere ADD COLUMN c int",
			"a column that is not there":       "CREATE INDEX planted_nowhere ON planted (nowhere)",
			"rows that break a unique index":   "CREATE UNIQUE INDEX planted_a ON planted (a)",
			"rows that break a column's rules": "ALTER TABLE planted MODIFY b varchar(20) NOT NULL",
			"rows that break a check":          "ALTER TABLE planted ADD CONSTRAINT planted_check CHECK (a > 1)",
			"rows that refer to nothing":       "INSERT INTO credentials (id, password_hash, settings, version, changed_at) VALUES ('nobody', '', '', 1, '2026-11-24 00:00:00')",
			"data of another type":             "ALTER TABLE planted MODIFY b int",
		}
		switch m.Dialect() {
		case dialect.Postgres:
			steps["rows that break a column's rules"] = "ALTER TABLE planted ALTER b SET NOT NULL"
			steps["data of another type"] = "ALTER TABLE planted ALTER b TYPE int USING b::int"
		case dialect.SQLite: // which changes a table by copying it
			steps["rows that break a column's rules"] = "CREATE TABLE planted_new (b text NOT NULL); INSERT INTO planted_new SELECT b FROM planted"
			steps["rows that break a check"] = "CREATE TABLE planted_new (a int CHECK (a > 1)); INSERT INTO planted_new SELECT a FROM planted"
			steps["data of another type"] = "CREATE TABLE planted_new (a int, b int) STRICT; INSERT INTO planted_new SELECT a, b FROM planted"
			delete(steps, "rows that refer to nothing") // references are off, and looked at in the end
		}
		for name, query := range steps {
			bad := m.With(filesAnd(t, m.Files(), query))
			for range 2 { // and the first leaves nothing that the second would trust
				_, err := bad.Up(t.Context())
				if !errors.Is(err, ports.ErrUnusable) || !errors.Is(err, ports.ErrUnavailable) || !strings.Contains(err.Error(), "migration 99990000000000 (more)") {
					t.Errorf("%s: Up = %v; want %v and the step named", name, err, ports.ErrUnusable)
				}
			}
		}
		execAll(t, db, "DROP TABLE planted")
		if got := schemaText(t, m); got != before {
			t.Errorf("refused steps left\n%s\nwant\n%s", got, before)
		}
		if steps := complete(t, m); !slices.Equal(steps, known) {
			t.Errorf("the steps are %v; want %v", steps, known)
		}
	})
}

// spoiler fails what makes the table of accounts.
type spoiler struct{ fault error }

func (s spoiler) call(what string, _ []driver.NamedValue, do func() error) error {
	if strings.HasPrefix(withoutComments(what), "CREATE TABLE") && strings.Contains(what, "email_canonical") {
		return s.fault
	}
	return do()
}

// TestAStepThatMeetsABadDayIsTriedAgain: neither the network nor another transaction
// makes a start end.
func TestAStepThatMeetsABadDayIsTriedAgain(t *testing.T) {
	t.Parallel()
	everyDatabase(t, func(t *testing.T, fresh func(*testing.T) entstore.Config) {
		for _, fault := range []error{
			driver.ErrBadConn, context.DeadlineExceeded, errors.New("read: connection reset by peer"),
		} {
			m := newMigrator(t, fresh(t))
			spoiled := m.Through(func(db *sql.DB) *sql.DB { return through(db, spoiler{fault}) })
			_, err := spoiled.Up(t.Context())
			if !errors.Is(err, ports.ErrUnavailable) || errors.Is(err, ports.ErrUnusable) {
				t.Errorf("%v: Up = %v; want %v, and not %v", fault, err, ports.ErrUnavailable, ports.ErrUnusable)
			}
			if _, err := m.Up(t.Context()); err != nil {
				t.Errorf("%v: the next Up = %v", fault, err)
			}
			complete(t, m)
		}
	})
}
