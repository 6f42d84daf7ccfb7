package entstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/pressly/goose/v3"

	"authserve/core/domain"
	"authserve/ent/migrate/checksum"
	"authserve/ent/migrate/sqlite"
	"authserve/ports"
)

// Migrator moves the schema of one SQLite file. Of several processes one migrates
// at a time; a lock on a file beside the database sees to it.
//
// A failing method may have applied earlier steps; each step is one transaction.
// Every method fails with ErrSchemaNewer when a newer program has migrated the
// database, and before anything else when the migrations of this program are not
// those of their checksums.
type Migrator struct{ settings settings }

var _ ports.Migrator = (*Migrator)(nil)

// NewMigrator makes a migrator without a Store. It opens nothing yet. Errors: a
// faulty Config.
func NewMigrator(cfg Config) (*Migrator, error) {
	set, err := newSettings(cfg)
	if err != nil {
		return nil, err
	}
	return &Migrator{settings: set}, nil
}

// Up implements ports.Migrator.
func (m *Migrator) Up(ctx context.Context) ([]ports.Migration, error) {
	var applied []ports.Migration
	err := m.locked(ctx, func(p *goose.Provider) error {
		results, err := p.Up(ctx)
		var partial *goose.PartialError
		if errors.As(err, &partial) {
			results = partial.Applied
		}
		if len(results) == 0 {
			return err
		}
		all, statusErr := status(ctx, p)
		applied = all[:0]
		for _, step := range all {
			for _, r := range results {
				if r.Source.Version == step.Version {
					applied = append(applied, step)
				}
			}
		}
		return errors.Join(err, statusErr)
	})
	return applied, err
}

// Down implements ports.Migrator.
func (m *Migrator) Down(ctx context.Context) ([]ports.Migration, error) {
	var reverted []ports.Migration
	err := m.locked(ctx, func(p *goose.Provider) error {
		result, err := p.Down(ctx)
		if errors.Is(err, goose.ErrNoNextVersion) {
			return nil
		}
		if err == nil {
			reverted = append(reverted, step(result.Source.Version, result.Source.Path))
		}
		return err
	})
	return reverted, err
}

// Status implements ports.Migrator. Where there is no database it makes none.
func (m *Migrator) Status(ctx context.Context) ([]ports.Migration, error) {
	if _, err := os.Stat(m.settings.file); errors.Is(err, fs.ErrNotExist) {
		return pending()
	}
	var all []ports.Migration
	err := m.locked(ctx, func(p *goose.Provider) (err error) {
		all, err = status(ctx, p)
		return err
	})
	return all, err
}

// locked runs fn while no other process migrates. The lock is taken before the
// first connection: two that switch a fresh file to the write-ahead log at once
// would get in each other's way.
func (m *Migrator) locked(ctx context.Context, fn func(*goose.Provider) error) (err error) {
	if err := checksum.Verify(sqlite.Files); err != nil {
		return err
	}
	if err := createFile(m.settings.file); err != nil {
		return ports.ErrUnavailable.Wrap(err)
	}
	unlock, err := lockFile(ctx, m.settings.lockFile())
	if err != nil {
		return ports.ErrUnavailable.Wrap(err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	db := openPlain(m.settings.migrationDSN())
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()

	provider, err := goose.NewProvider(goose.DialectSQLite3, db, sqlite.Files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	if err := refuseNewer(ctx, provider); err != nil {
		return err
	}
	if err := fn(provider); err != nil {
		return ports.ErrUnavailable.Wrap(err)
	}
	return checkForeignKeys(ctx, db)
}

func refuseNewer(ctx context.Context, p *goose.Provider) error {
	version, err := p.GetDBVersion(ctx)
	if err != nil {
		return ports.ErrUnavailable.Wrap(err)
	}
	newest, err := newestVersion()
	if err != nil {
		return err
	}
	if version > newest {
		return ErrSchemaNewer.Wrap(fmt.Errorf("the database is at version %d, this program knows up to %d", version, newest))
	}
	return nil
}

// checkForeignKeys makes up for migrating with foreign keys off.
func checkForeignKeys(ctx context.Context, db *sql.DB) error {
	var violations int
	err := db.QueryRowContext(ctx, "SELECT count(*) FROM pragma_foreign_key_check").Scan(&violations)
	if err != nil {
		return translate(ctx, err)
	}
	if violations > 0 {
		return fmt.Errorf("after the migration %d rows refer to rows that do not exist", violations)
	}
	return nil
}

func status(ctx context.Context, p *goose.Provider) ([]ports.Migration, error) {
	rows, err := p.Status(ctx)
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

// pending lists the known steps, oldest first.
func pending() ([]ports.Migration, error) {
	files, err := fs.Glob(sqlite.Files, "*.sql")
	if err != nil {
		return nil, err
	}
	all := make([]ports.Migration, len(files))
	for i, file := range files {
		version, err := goose.NumericComponent(file)
		if err != nil {
			return nil, err
		}
		all[i] = step(version, file)
	}
	return all, nil
}

func newestVersion() (int64, error) {
	all, err := pending()
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
