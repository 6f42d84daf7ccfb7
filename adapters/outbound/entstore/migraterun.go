package entstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"authserve/core/domain"
	"authserve/ports"
)

// runner applies and reverts steps, one at a time, while it has the lock.
type runner struct {
	plan     migrations
	db       *sql.DB
	provider *goose.Provider
	versions database.Store // what is recorded of the steps
	notes    notes
	noted    bool // there is a table of notes
	// transient reports that a step lost against another transaction, and did nothing.
	transient func(err error) bool
}

func newRunner(plan migrations, db *sql.DB) (*runner, error) {
	provider, err := goose.NewProvider(plan.dialect, db, plan.files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, err
	}
	versions, err := database.NewStore(plan.dialect, goose.DefaultTablename)
	return &runner{plan: plan, db: db, provider: provider, versions: versions, notes: notes{db}}, err
}

// prepare makes the tables of migrations, where there are none, and refuses a
// database that a newer program has migrated or begun to.
func (r *runner) prepare(ctx context.Context) error {
	version, err := r.provider.GetDBVersion(ctx)
	if err != nil && r.plan.stepwise != nil {
		version, err = r.repairVersions(ctx, err)
	}
	if err != nil {
		return err
	}
	if r.plan.stepwise != nil {
		if r.noted, err = r.has(ctx, notesTable); err != nil {
			return err
		}
		if !r.noted { // who may not make it can start a service all the same
			if err := r.notes.make(ctx); err != nil {
				return err
			}
			r.noted = true
		}
	}
	return r.refuseNewer(ctx, version)
}

// look is prepare for those who only look: it makes nothing. recorded is false where no
// step was ever recorded.
func (r *runner) look(ctx context.Context) (recorded bool, err error) {
	if recorded, err = r.has(ctx, goose.DefaultTablename); err != nil || !recorded {
		return false, err
	}
	version, err := r.versions.GetLatestVersion(ctx, r.db)
	if errors.Is(err, database.ErrVersionNotFound) {
		return false, nil // whoever made the table died before its first row
	}
	if err == nil && r.plan.stepwise != nil {
		r.noted, err = r.has(ctx, notesTable)
	}
	if err != nil {
		return false, err
	}
	return true, r.refuseNewer(ctx, version)
}

func (r *runner) has(ctx context.Context, table string) (bool, error) {
	tables, err := column(ctx, r.db, r.plan.tables)
	return slices.Contains(tables, table), err
}

// refuseNewer fails where the database is at version, or on its way to a later one, and
// this program does not know it.
func (r *runner) refuseNewer(ctx context.Context, version int64) error {
	left, err := r.left(ctx)
	if err != nil {
		return err
	}
	if left != nil {
		version = max(version, left.version)
	}
	newest, err := newestVersion(r.plan.files)
	if err != nil {
		return err
	}
	if version > newest {
		return ErrSchemaNewer.Wrap(fmt.Errorf("the database is at version %d, this program knows up to %d", version, newest))
	}
	return nil
}

// left is the note of a step that was begun; nil: there is none.
func (r *runner) left(ctx context.Context) (*note, error) {
	if !r.noted {
		return nil, nil //nolint:nilnil // documented
	}
	return r.notes.read(ctx)
}

// repairVersions gives the table of versions its first row. A process that dies
// between the two leaves it without, and goose then goes no further.
func (r *runner) repairVersions(ctx context.Context, cause error) (int64, error) {
	rows, err := r.versions.ListMigrations(ctx, r.db)
	if err != nil || len(rows) > 0 {
		return 0, cause
	}
	if err := r.versions.Insert(ctx, r.db, database.InsertRequest{Version: 0}); err != nil {
		return 0, err
	}
	return r.provider.GetDBVersion(ctx)
}

// status asks for each step as goose does, but makes no table.
func (r *runner) status(ctx context.Context) ([]ports.Migration, error) {
	all, err := pending(r.plan.files)
	if err != nil {
		return nil, err
	}
	left, err := r.left(ctx)
	if err != nil {
		return nil, err
	}
	for i, step := range all {
		if left != nil && !left.up && left.version == step.Version {
			continue
		}
		row, err := r.versions.GetMigration(ctx, r.db, step.Version)
		switch {
		case err == nil:
			all[i].AppliedAt = domain.Instant(row.Timestamp)
		case !errors.Is(err, database.ErrVersionNotFound):
			return nil, err
		}
	}
	return all, nil
}

// up applies the oldest pending step and returns it; nil: there is none.
func (r *runner) up(ctx context.Context) (*ports.Migration, error) {
	all, err := r.status(ctx)
	if err != nil {
		return nil, err
	}
	for _, step := range all {
		if step.AppliedAt.IsZero() {
			return r.apply(ctx, step)
		}
	}
	return nil, nil //nolint:nilnil // documented
}

func (r *runner) apply(ctx context.Context, step ports.Migration) (*ports.Migration, error) {
	if err := r.run(ctx, step.Version, true); err != nil {
		return nil, fmt.Errorf("migration %d (%s): %w", step.Version, step.Name, err)
	}
	all, err := r.status(ctx) // for the time that was recorded
	if err != nil {
		return nil, err
	}
	for _, known := range all {
		if known.Version == step.Version {
			return &known, nil
		}
	}
	return &step, nil
}

// down reverts the newest applied step, unless refuse fails, and returns it; nil: there
// is none.
func (r *runner) down(ctx context.Context, refuse func(*runner, context.Context, ports.Migration) error) (*ports.Migration, error) {
	all, err := r.status(ctx)
	if err != nil {
		return nil, err
	}
	for i := len(all) - 1; i >= 0; i-- {
		if !all[i].AppliedAt.IsZero() {
			if err := refuse(r, ctx, all[i]); err != nil {
				return nil, err
			}
			return r.revert(ctx, all[i])
		}
	}
	return nil, nil //nolint:nilnil // documented
}

func (r *runner) revert(ctx context.Context, step ports.Migration) (*ports.Migration, error) {
	if err := r.run(ctx, step.Version, false); err != nil {
		return nil, fmt.Errorf("migration %d (%s), downwards: %w", step.Version, step.Name, err)
	}
	return &ports.Migration{Version: step.Version, Name: step.Name}, nil
}

// attempts is how often a step is tried that loses against those who write meanwhile.
// On SQLite each attempt waits as long as Config.BusyTimeout; its lock is not fair.
const attempts = 12

// run moves one step. What the database refuses for its content is ErrUnusable: a start
// that tried again would do so for ever.
func (r *runner) run(ctx context.Context, version int64, up bool) error {
	for n := 1; ; n++ {
		err := r.runOnce(ctx, version, up)
		switch {
		case err == nil, ctx.Err() != nil:
			return err
		case r.plan.refused(err):
			return ports.ErrUnusable.Wrap(err)
		case n == attempts, !r.transient(err):
			return err
		}
	}
}

func (r *runner) runOnce(ctx context.Context, version int64, up bool) error {
	if r.plan.stepwise != nil {
		return r.runNoted(ctx, version, up)
	}
	_, err := r.provider.ApplyVersion(ctx, version, up)
	return err
}
