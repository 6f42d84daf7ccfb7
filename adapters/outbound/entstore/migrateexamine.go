package entstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"
	"github.com/pressly/goose/v3"

	"authserve/ent/migrate"
	"authserve/ent/migrate/checksum"
	"authserve/ports"
)

// Examination is what Examine found.
type Examination struct {
	Database string // which, without a password
	// Files is not nil when the migrations of this program are not those of their
	// checksums.
	Files error
	// Absent: there is no database yet, and nothing else was looked at.
	Absent bool
	// Newest is the last version that this program knows, and Applied the last one that
	// is recorded; 0: none.
	Newest, Applied int64
	// Newer and Unknown are recorded versions that this program does not know, after
	// and before its newest.
	Newer, Unknown []int64
	// Pending are the steps that Up would apply; Gaps are those of them that a later
	// recorded one was applied without.
	Pending, Gaps []ports.Migration
	// Interrupted is the step that a process has left in the middle.
	Interrupted *Interrupted
	// Drift are the statements that would make the schema what this program was built
	// for; empty: it is. Only where nothing is pending, interrupted or newer.
	Drift string
	// Holder is who has the lock of migrations now; empty: nobody.
	Holder string
}

// Interrupted is a step that was begun on a database without transactions for its
// schema, and whose end was not noted. The next Up or Down finishes it.
type Interrupted struct {
	Version int64
	Up      bool
}

// Examine looks at the schema without waiting for the lock, and changes nothing.
// Errors: ErrUnavailable when the database does not answer.
func (m *Migrator) Examine(ctx context.Context) (Examination, error) {
	plan := m.engine.migrations()
	x := Examination{Database: m.engine.String(), Files: checksum.Verify(plan.files)}
	known, err := pending(plan.files)
	if err != nil {
		return x, err
	}
	x.Newest = known[len(known)-1].Version
	if x.Absent, err = m.Absent(); x.Absent || err != nil {
		return x, m.wrapped(err)
	}
	db := plan.look()
	err = m.examine(ctx, db, known, &x)
	return x, m.wrapped(errors.Join(err, db.Close()))
}

func (m *Migrator) wrapped(err error) error {
	if err == nil {
		return nil
	}
	return m.unavailable(err)
}

func (m *Migrator) examine(ctx context.Context, db *sql.DB, known []ports.Migration, x *Examination) (err error) {
	plan := m.engine.migrations()
	if x.Holder, err = plan.holder(ctx, db); err != nil {
		return fmt.Errorf("the holder of the lock: %w", err)
	}
	tables, err := column(ctx, db, plan.tables)
	if err != nil {
		return err
	}
	if slices.Contains(tables, notesTable) {
		left, err := notes{db}.read(ctx)
		if err != nil {
			return err
		}
		if left != nil {
			x.Interrupted = &Interrupted{Version: left.version, Up: left.up}
		}
	}
	var recorded []int64
	if slices.Contains(tables, goose.DefaultTablename) {
		if recorded, err = versions(ctx, db); err != nil {
			return err
		}
	}
	x.compare(known, recorded)
	if len(x.Pending) > 0 || len(x.Newer) > 0 || x.Interrupted != nil {
		return nil
	}
	x.Drift, err = drift(ctx, m.engine.dialect(), db)
	return err
}

// compare holds what is recorded, ascending, against what this program knows.
func (x *Examination) compare(known []ports.Migration, recorded []int64) {
	if len(recorded) > 0 {
		x.Applied = recorded[len(recorded)-1]
	}
	for _, version := range recorded {
		if slices.ContainsFunc(known, func(m ports.Migration) bool { return m.Version == version }) {
			continue
		}
		if version > x.Newest {
			x.Newer = append(x.Newer, version)
		} else {
			x.Unknown = append(x.Unknown, version)
		}
	}
	for _, step := range known {
		if slices.Contains(recorded, step.Version) {
			continue
		}
		x.Pending = append(x.Pending, step)
		if step.Version < x.Applied {
			x.Gaps = append(x.Gaps, step)
		}
	}
}

// versions are the recorded ones, ascending.
func versions(ctx context.Context, db *sql.DB) ([]int64, error) {
	rows, err := db.QueryContext(ctx, "SELECT version_id FROM goose_db_version WHERE version_id > 0 ORDER BY version_id")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []int64
	for rows.Next() {
		var version int64
		if err := rows.Scan(&version); err != nil {
			return nil, err
		}
		all = append(all, version)
	}
	return all, rows.Err()
}

// drift are the statements that would make the schema what ent/schema says.
func drift(ctx context.Context, dialect string, db *sql.DB, options ...schema.MigrateOption) (string, error) {
	tables, err := schema.CopyTables(migrate.Tables) // Ent changes them while it works
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	drv := &schema.WriteDriver{Writer: &out, Driver: entsql.OpenDB(dialect, db)}
	options = append([]schema.MigrateOption{schema.WithDropColumn(true), schema.WithDropIndex(true)}, options...)
	err = migrate.Create(ctx, migrate.NewSchema(drv), tables, options...)
	return out.String(), err
}
