package entstore_test

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"

	"authserve/adapters/outbound/entstore"
)

// onlooker refuses every write.
type onlooker struct{}

var errWrites = errors.New("whoever only looks may not write")

func (onlooker) call(what string, _ []driver.NamedValue, do func() error) error {
	if isWrite(what) {
		return errWrites
	}
	return do()
}

// TestWhoOnlyLooksWritesNothing: a role without the right to make a table can ask for
// the state of migrations, whatever it is.
func TestWhoOnlyLooksWritesNothing(t *testing.T) {
	t.Parallel()
	everyDatabase(t, func(t *testing.T, fresh func(*testing.T) entstore.Config) {
		cfg := fresh(t)
		m := newMigrator(t, cfg)
		looks := m.Through(func(db *sql.DB) *sql.DB { return through(db, onlooker{}) })
		pending := func(when string, want int) {
			t.Helper()
			all, err := looks.Status(t.Context())
			if err != nil {
				t.Fatalf("%s: Status = %v", when, err)
			}
			left := 0
			for _, step := range all {
				if step.AppliedAt.IsZero() {
					left++
				}
			}
			plan, err := looks.Plan(t.Context())
			if err != nil || left != want || len(plan) != want {
				t.Errorf("%s: %d steps are pending, %d planned, %v; want %d", when, left, len(plan), err, want)
			}
		}
		known, err := m.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		pending("no database, or an empty one", len(known))
		migrated(t, cfg)
		pending("all applied", 0)
		execAll(t, migrationDB(t, m), "DELETE FROM goose_db_version")
		pending("a table of versions without rows", len(known))
	})
}
