package entstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

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
}

func newRunner(plan migrations, db *sql.DB) (*runner, error) {
	provider, err := goose.NewProvider(plan.dialect, db, plan.files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, err
	}
	versions, err := database.NewStore(plan.dialect, goose.DefaultTablename)
	return &runner{plan: plan, db: db, provider: provider, versions: versions}, err
}

func (r *runner) refuseNewer(ctx context.Context) error {
	version, err := r.provider.GetDBVersion(ctx)
	if err != nil {
		return ports.ErrUnavailable.Wrap(err)
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

func (r *runner) status(ctx context.Context) ([]ports.Migration, error) {
	rows, err := r.provider.Status(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]ports.Migration, len(rows))
	for i, row := range rows {
		all[i] = step(row.Source.Version, row.Source.Path)
		if row.State == goose.StateApplied {
			all[i].AppliedAt = domain.Instant(row.AppliedAt)
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
	for i := range all {
		if all[i].AppliedAt.IsZero() {
			if err := r.run(ctx, all[i].Version, true); err != nil {
				return nil, fmt.Errorf("migration %d (%s): %w", all[i].Version, all[i].Name, err)
			}
			if all, err = r.status(ctx); err != nil { // for the time that was recorded
				return nil, err
			}
			return &all[i], nil
		}
	}
	return nil, nil //nolint:nilnil // documented
}

// down reverts the newest applied step and returns it; nil: there is none.
func (r *runner) down(ctx context.Context) (*ports.Migration, error) {
	all, err := r.status(ctx)
	if err != nil {
		return nil, err
	}
	for i := len(all) - 1; i >= 0; i-- {
		if !all[i].AppliedAt.IsZero() {
			if err := r.run(ctx, all[i].Version, false); err != nil {
				return nil, fmt.Errorf("migration %d (%s), downwards: %w", all[i].Version, all[i].Name, err)
			}
			return &ports.Migration{Version: all[i].Version, Name: all[i].Name}, nil
		}
	}
	return nil, nil //nolint:nilnil // documented
}

// run moves one step. Where a step is no transaction, the process can end between
// what the step does and its record. So what is about to be done is noted first: only
// then is a statement that finds its work done taken for the one that did it.
func (r *runner) run(ctx context.Context, version int64, up bool) error {
	if r.plan.done == nil {
		_, err := r.provider.ApplyVersion(ctx, version, up)
		return err
	}
	resumed, err := r.noted(ctx, version, up)
	if err != nil {
		return err
	}
	if err := r.note(ctx, version, up); err != nil {
		return err
	}
	_, err = r.provider.ApplyVersion(ctx, version, up)
	switch {
	case err == nil:
	case resumed && r.plan.done(err):
		err = r.record(ctx, version, up)
	case answered(err): // the statement was refused: it did nothing
	default:
		return err // whether it did is unknown
	}
	return errors.Join(err, r.forget(ctx))
}

func (r *runner) record(ctx context.Context, version int64, up bool) error {
	if up {
		return r.versions.Insert(ctx, r.db, database.InsertRequest{Version: version})
	}
	return r.versions.Delete(ctx, r.db, version)
}

// noted reports whether an earlier run noted the same.
func (r *runner) noted(ctx context.Context, version int64, up bool) (bool, error) {
	_, err := r.db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS migration_notes (version BIGINT NOT NULL PRIMARY KEY, upwards BOOLEAN NOT NULL)")
	if err != nil {
		return false, err
	}
	var n int
	err = r.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM migration_notes WHERE version = ? AND upwards = ?", version, up).Scan(&n)
	return n > 0, err
}

func (r *runner) note(ctx context.Context, version int64, up bool) error {
	_, err := r.db.ExecContext(ctx, "REPLACE INTO migration_notes (version, upwards) VALUES (?, ?)", version, up)
	return err
}

func (r *runner) forget(ctx context.Context) error {
	_, err := r.db.ExecContext(ctx, "DELETE FROM migration_notes")
	return err
}
