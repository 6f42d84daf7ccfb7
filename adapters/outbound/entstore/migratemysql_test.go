package entstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"authserve/adapters/outbound/entstore"
	"authserve/bootstrap/dbtest"
	"authserve/ports"
)

const handMade = "CREATE TABLE guards (mine int)"

// handMadeStays fails the test unless Up refuses, and somebody's table is as it was.
func handMadeStays(t *testing.T, m *entstore.Migrator) {
	t.Helper()
	for range 2 { // a refusal leaves no note that the next one would trust
		if _, err := m.Up(t.Context()); err == nil || !strings.Contains(err.Error(), "guards") {
			t.Errorf("Up over a table made by hand = %v, want a refusal that names it", err)
		}
	}
	db := migrationDB(t, m)
	execAll(t, db, "INSERT INTO guards (mine) VALUES (1)", "DROP TABLE guards")
	if _, err := m.Up(t.Context()); err != nil {
		t.Errorf("Up after it was removed: %v", err)
	}
	complete(t, m)
}

func TestMySQLTakesNoForeignTableForItsOwn(t *testing.T) {
	t.Parallel()
	onEachMySQL(t, func(t *testing.T, server *dbtest.Server) {
		m := newMigrator(t, entstore.Config{URL: server.URL(t)})
		execAll(t, migrationDB(t, m), handMade)
		handMadeStays(t, m)
	})
}

// TestMySQLTakesNoForeignTableForItsOwnAfterAKill: the note of the step is there, as a
// killed process leaves it, and so is the table, but from before the note.
func TestMySQLTakesNoForeignTableForItsOwnAfterAKill(t *testing.T) {
	t.Parallel()
	onEachMySQL(t, func(t *testing.T, server *dbtest.Server) {
		cfg := entstore.Config{URL: server.URL(t)}
		m := newMigrator(t, cfg)
		execAll(t, migrationDB(t, m), handMade)
		steps, err := m.Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		before := slices.IndexFunc(steps, func(s ports.PlannedMigration) bool { return strings.Contains(s.SQL, "CREATE TABLE `guards`") })
		// Writes: the table of versions, its row, their commit, the table of notes; then
		// note, statement, record, commit and the note's end of each step.
		if _, killed := child(t.Context(), t, cfg.URL, fmt.Sprintf("%s=before:%d", childKill, 4+5*before+2)); !killed {
			t.Fatal("the process was not killed")
		}
		x, err := m.Examine(t.Context())
		if err != nil || x.Interrupted == nil || !x.Interrupted.Up || x.Interrupted.Version != steps[before].Version {
			t.Fatalf("Examine = %+v, %v; want the step interrupted that makes the guards", x, err)
		}
		handMadeStays(t, m)
	})
}

// TestMySQLAnInterruptedDownIsPending: a service that only checks the schema must not
// start on one that lacks a table.
func TestMySQLAnInterruptedDownIsPending(t *testing.T) {
	t.Parallel()
	onEachMySQL(t, func(t *testing.T, server *dbtest.Server) {
		cfg := entstore.Config{URL: server.URL(t)}
		m := migrated(t, cfg)
		if _, killed := child(t.Context(), t, cfg.URL, childDown+"=1", childKill+"=before:4"); !killed {
			t.Fatal("the process was not killed")
		}
		known, err := m.Status(t.Context())
		if err != nil || !known[len(known)-1].AppliedAt.IsZero() {
			t.Errorf("Status = %v, %v; want the last step pending", known, err)
		}
		if x, err := m.Examine(t.Context()); err != nil || x.Interrupted == nil || x.Interrupted.Up {
			t.Errorf("Examine = %+v, %v; want the step interrupted downwards", x, err)
		}
	})
}

// TestMySQLAnInterruptedNewerStepIsRefused: what a newer program began is not this
// one's to finish.
func TestMySQLAnInterruptedNewerStepIsRefused(t *testing.T) {
	t.Parallel()
	onEachMySQL(t, func(t *testing.T, server *dbtest.Server) {
		m := migrated(t, entstore.Config{URL: server.URL(t)})
		execAll(t, migrationDB(t, m), "INSERT INTO migration_notes VALUES (99990101000000, true, '')")
		if _, err := m.Down(t.Context()); !errors.Is(err, entstore.ErrSchemaNewer) {
			t.Errorf("Down = %v, want %v", err, entstore.ErrSchemaNewer)
		}
	})
}

// TestMySQLKnowsWhatIsDone runs each kind of statement that migrations may have twice:
// the second refusal must say that the first was done, and other refusals not.
func TestMySQLKnowsWhatIsDone(t *testing.T) {
	t.Parallel()
	onEachMySQL(t, func(t *testing.T, server *dbtest.Server) {
		db := migrationDB(t, newMigrator(t, entstore.Config{URL: server.URL(t)}))
		execAll(t, db, "CREATE TABLE a (id int PRIMARY KEY)")
		for _, statement := range []string{
			"CREATE TABLE b (id int NOT NULL, n int, a int)",
			"ALTER TABLE b ADD COLUMN more int",
			"ALTER TABLE b ADD PRIMARY KEY (id)",
			"ALTER TABLE b ADD INDEX b_n (n)",
			"CREATE UNIQUE INDEX b_more ON b (more)",
			"ALTER TABLE b ADD CONSTRAINT b_a FOREIGN KEY (a) REFERENCES a (id)",
			"ALTER TABLE b ADD CONSTRAINT b_positive CHECK (n > 0)",
			"ALTER TABLE b DROP FOREIGN KEY b_a",
			"ALTER TABLE b DROP INDEX b_n",
			"DROP INDEX b_more ON b",
			"ALTER TABLE b DROP COLUMN more",
			"DROP TABLE b",
		} {
			execAll(t, db, statement)
			if _, err := db.ExecContext(t.Context(), statement); !entstore.IsDone(err) {
				t.Errorf("%s, again: %v; want it known as done", statement, err)
			}
		}
		for _, statement := range []string{"CREATE TABLE", "ALTER TABLE nowhere ADD COLUMN n int", "SELECT missing FROM a"} {
			if _, err := db.ExecContext(t.Context(), statement); err == nil || entstore.IsDone(err) {
				t.Errorf("%s: %v is taken for done", statement, err)
			}
		}
	})
}

// TestMySQLStopsWithoutItsLock: a connection that is lost between two steps is made
// anew by the pool, but the lock is not.
func TestMySQLStopsWithoutItsLock(t *testing.T) {
	t.Parallel()
	onEachMySQL(t, func(t *testing.T, server *dbtest.Server) {
		m := newMigrator(t, entstore.Config{URL: server.URL(t)})
		killer := &lockKiller{ctx: t.Context(), db: migrationDB(t, m)}
		applied, err := m.Through(func(db *sql.DB) *sql.DB { return through(db, killer) }).Up(t.Context())
		if !errors.Is(err, entstore.ErrLockLost) || killer.err != nil || len(applied) != 1 {
			t.Errorf("Up = %v, %v after its lock was lost with the first step (%v); want it to stop there", applied, err, killer.err)
		}
		if _, err := m.Up(t.Context()); err != nil {
			t.Errorf("the next Up: %v", err)
		}
		complete(t, m)
	})
}

// lockKiller is a spy that ends the connection with the lock after the first step.
type lockKiller struct {
	ctx  context.Context //nolint:containedctx // of the test
	db   *sql.DB
	once sync.Once
	err  error
}

func (k *lockKiller) call(what string, _ []driver.NamedValue, do func() error) error {
	err := do()
	if strings.HasPrefix(what, "DELETE FROM migration_notes") {
		k.once.Do(func() {
			var id int64
			k.err = k.db.QueryRowContext(k.ctx, "SELECT IS_USED_LOCK("+entstore.MySQLLock+")").Scan(&id)
			if k.err == nil {
				_, k.err = k.db.ExecContext(k.ctx, fmt.Sprintf("KILL %d", id))
			}
			for _, await := range []string{"GET_LOCK(" + entstore.MySQLLock + ", 10)", "RELEASE_LOCK(" + entstore.MySQLLock + ")"} {
				if k.err == nil { // the server has then ended the connection
					_, k.err = k.db.ExecContext(k.ctx, "DO "+await)
				}
			}
		})
	}
	return err
}
