package entstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/pressly/goose/v3"

	"authserve/ent/migrate/checksum"
	"authserve/ports"
)

// Migrator moves the schema of one database. Of several processes one migrates at a
// time; the others wait for a lock.
//
// A failing method may have applied earlier steps. On SQLite and PostgreSQL each step
// is one transaction. On MySQL, which has none for a schema, each step is one
// statement, and one that was done without being recorded is recognised; see stepwise.
// A step that the database refuses for its content fails with ErrUnusable inside.
// Every method but Examine fails with ErrSchemaNewer when a newer program has migrated
// the database, and before anything else when the migrations of this program are not
// those of their checksums.
type Migrator struct{ engine engine }

var _ ports.Migrator = (*Migrator)(nil)

// migrations is how the schema of one kind of database moves.
type migrations struct {
	files   fs.FS // *.sql and their checksum file
	dialect goose.Dialect
	open    func() *sql.DB // to move the schema
	look    func() *sql.DB // to read only
	tables  string         // the query for the names of all tables
	// lock waits until no other process migrates. What it holds ends with the process.
	lock func(ctx context.Context, db *sql.DB) (unlock func() error, err error)
	// holder says who has the lock; empty: nobody. It does not wait.
	holder func(ctx context.Context, db *sql.DB) (string, error)
	// waiting is told after a while without the lock who has it; nil: nobody is told.
	waiting func(holder string)
	// absent reports that there is no database yet; nil: there always is.
	absent func() (bool, error)
	// refused reports that the server refuses a statement for what it says or for the rows
	// that are there, so that to run it again ends alike.
	refused func(err error) bool
	// after holds the database against what the step may have broken; nil: nothing.
	after func(ctx context.Context, db *sql.DB) error
	// stepwise is for databases on which a step is no transaction; otherwise nil.
	stepwise *stepwise
}

// NewMigrator makes a migrator without a Store. It opens nothing yet. Errors: a
// faulty Config.
func NewMigrator(cfg Config) (*Migrator, error) {
	e, err := newEngine(cfg)
	if err != nil {
		return nil, err
	}
	return &Migrator{engine: e}, nil
}

// String says which database it is, without a password.
func (m *Migrator) String() string { return m.engine.String() }

// Absent reports that there is no database yet. It makes none, and asks no server.
func (m *Migrator) Absent() (bool, error) {
	if absent := m.engine.migrations().absent; absent != nil {
		return absent()
	}
	return false, nil
}

// Up implements ports.Migrator.
func (m *Migrator) Up(ctx context.Context) ([]ports.Migration, error) {
	var applied []ports.Migration
	err := m.locked(ctx, func(r *runner) error {
		if step, err := r.resume(ctx); err != nil {
			return err
		} else if step != nil {
			applied = append(applied, *step)
		}
		for {
			step, err := r.up(ctx)
			if err != nil || step == nil {
				return err
			}
			applied = append(applied, *step)
		}
	})
	return applied, err
}

// Down implements ports.Migrator. A step upwards that was interrupted is finished
// first, and is then the newest.
func (m *Migrator) Down(ctx context.Context) ([]ports.Migration, error) {
	return m.down(ctx, (*runner).refuseLoss)
}

// DownWithData is Down without ErrHoldsData: rows go with their tables.
func (m *Migrator) DownWithData(ctx context.Context) ([]ports.Migration, error) {
	return m.down(ctx, func(*runner, context.Context, ports.Migration) error { return nil })
}

// down reverts the newest step unless refuse fails.
func (m *Migrator) down(ctx context.Context, refuse func(*runner, context.Context, ports.Migration) error) ([]ports.Migration, error) {
	var reverted []ports.Migration
	err := m.locked(ctx, func(r *runner) error {
		if _, err := r.resume(ctx); err != nil {
			return err
		}
		step, err := r.down(ctx, refuse)
		if step != nil {
			reverted = append(reverted, *step)
		}
		return err
	})
	return reverted, err
}

// Status implements ports.Migrator. It makes nothing, no database where there is none
// and no table, so whoever may read can ask it. A step whose reverting was interrupted
// is pending.
func (m *Migrator) Status(ctx context.Context) ([]ports.Migration, error) {
	plan := m.engine.migrations()
	absent, err := m.Absent()
	if err != nil {
		return nil, m.unavailable(err)
	}
	if absent {
		return pending(plan.files)
	}
	var all []ports.Migration
	err = m.alone(ctx, func(r *runner) (err error) {
		if recorded, err := r.look(ctx); err != nil {
			return err
		} else if !recorded {
			all, err = pending(plan.files)
			return err
		}
		all, err = r.status(ctx)
		return err
	})
	return all, err
}

// Plan implements ports.Migrator. It makes nothing, as Status.
func (m *Migrator) Plan(ctx context.Context) ([]ports.PlannedMigration, error) {
	all, err := m.Status(ctx)
	if err != nil {
		return nil, err
	}
	files := m.engine.migrations().files
	var planned []ports.PlannedMigration
	for _, step := range all {
		if !step.AppliedAt.IsZero() {
			continue
		}
		text, _, err := stepTexts(files, step.Version)
		if err != nil {
			return nil, err
		}
		planned = append(planned, ports.PlannedMigration{Version: step.Version, Name: step.Name, SQL: text})
	}
	return planned, nil
}

// locked runs fn while no other process migrates, where the tables of migrations are.
func (m *Migrator) locked(ctx context.Context, fn func(*runner) error) error {
	return m.alone(ctx, func(r *runner) error {
		if err := r.prepare(ctx); err != nil {
			return err
		}
		return fn(r)
	})
}

// alone runs fn while no other process migrates.
func (m *Migrator) alone(ctx context.Context, fn func(*runner) error) (err error) {
	plan := m.engine.migrations()
	if err := checksum.Verify(plan.files); err != nil {
		return err
	}
	db := plan.open()
	defer func() { err = errors.Join(err, db.Close()) }()
	unlock, err := plan.take(ctx, db)
	if err != nil {
		return m.unavailable(err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	r, err := newRunner(plan, db)
	if err != nil {
		return err
	}
	r.transient = func(err error) bool {
		f, _ := m.engine.fault(err)
		return f.kind == transientFault
	}
	if err := fn(r); err != nil {
		return m.unavailable(err)
	}
	if plan.after == nil {
		return nil
	}
	return plan.after(ctx, db)
}

// unavailable says which database it is about.
func (m *Migrator) unavailable(err error) error {
	if errors.Is(err, ErrSchemaNewer) || errors.Is(err, ports.ErrHoldsData) {
		return err
	}
	return unavailable(m.engine, fmt.Errorf("%s: %w", m.engine, err))
}

// pending lists the known steps, oldest first.
func pending(files fs.FS) ([]ports.Migration, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	all := make([]ports.Migration, len(names))
	for i, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return nil, err
		}
		all[i] = step(version, name)
	}
	return all, nil
}

func newestVersion(files fs.FS) (int64, error) {
	all, err := pending(files)
	if err != nil {
		return 0, err
	}
	return all[len(all)-1].Version, nil
}

// step names a migration after its file: VERSION_NAME.sql.
func step(version int64, file string) ports.Migration {
	_, name, _ := strings.Cut(strings.TrimSuffix(path.Base(file), ".sql"), "_")
	return ports.Migration{Version: version, Name: name}
}

// The marks of goose in a file.
const (
	markUp   = "-- +goose Up\n"
	markDown = "-- +goose Down\n"
)

// stepTexts are what a step does upwards and downwards, as its file says it.
func stepTexts(files fs.FS, version int64) (up, down string, err error) {
	names, err := fs.Glob(files, fmt.Sprintf("%d_*.sql", version))
	if err != nil {
		return "", "", err
	}
	if len(names) != 1 {
		return "", "", fmt.Errorf("migration %d has %d files, want one", version, len(names))
	}
	content, err := fs.ReadFile(files, names[0])
	if err != nil {
		return "", "", err
	}
	_, text, _ := strings.Cut(string(content), markUp)
	up, down, _ = strings.Cut(text, markDown)
	return strings.TrimSpace(up) + "\n", down, nil
}
