package entstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"entgo.io/ent/dialect/sql/schema"

	"authserve/ports"
)

// mostFaults bounds how many faults of one file are told.
const mostFaults = 5

// verify reads all of a database file that nobody writes to. It makes no file beside
// it and takes no lock.
func verify(ctx context.Context, path string) (snapshot ports.Snapshot, err error) {
	if path, err = filepath.EvalSymlinks(path); err != nil { // SQLite's log is beside the file, and not beside a link
		return snapshot, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return snapshot, err
	}
	snapshot.Bytes = info.Size()
	for _, suffix := range besides {
		if log, err := os.Stat(path + suffix); err == nil && log.Size() > 0 && suffix != "-shm" {
			return snapshot, fmt.Errorf("%s%s is not empty: this is a database in use, or one that was not closed", path, suffix)
		}
	}
	source := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "mode=ro&immutable=1&_foreign_keys=1"}
	db := sql.OpenDB(newConnector(source.String()))
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := checkIntegrity(ctx, db); err != nil {
		return snapshot, err
	}
	if snapshot.SchemaVersion, err = schemaOf(ctx, db); err != nil {
		return snapshot, err
	}
	if err := checkSchemaOf(ctx, db, snapshot.SchemaVersion); err != nil {
		return snapshot, err
	}
	err = db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM accounts), (SELECT count(*) FROM sessions WHERE ended_at IS NULL), (SELECT count(*) FROM audit_events)`).
		Scan(&snapshot.Accounts, &snapshot.Sessions, &snapshot.AuditEvents)
	return snapshot, err
}

func checkIntegrity(ctx context.Context, db *sql.DB) error {
	for _, check := range []string{
		"SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
		`SELECT 'a row of ' || "table" || ' refers to a row of ' || parent || ' that does not exist' FROM pragma_foreign_key_check`,
	} {
		if err := report(ctx, db, check); err != nil {
			return err
		}
	}
	return nil
}

// report returns the lines of query as an error, if there are any.
func report(ctx context.Context, db *sql.DB, query string) (err error) {
	rows, err := db.QueryContext(ctx, fmt.Sprintf("%s LIMIT %d", query, mostFaults))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var faults []error
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		faults = append(faults, errors.New(line))
	}
	return errors.Join(errors.Join(faults...), rows.Err())
}

// schemaOf returns the version of the schema. Errors: ErrSchemaNewer, or that it is no
// database of this program.
func schemaOf(ctx context.Context, db *sql.DB) (int64, error) {
	var known int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE name = 'goose_db_version'").Scan(&known); err != nil {
		return 0, err
	}
	if known == 0 {
		return 0, errors.New("it is a database, but none of authserve")
	}
	var version int64
	if err := db.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version").Scan(&version); err != nil {
		return 0, err
	}
	newest, err := newestVersion(sqlite{}.migrations().files)
	switch {
	case err != nil:
		return 0, err
	case version > newest:
		return 0, ErrSchemaNewer.Wrap(fmt.Errorf("it is at version %d, this program knows up to %d", version, newest))
	case version == 0:
		return 0, errors.New("its schema was never made: it holds nothing")
	}
	return version, nil
}

// checkSchemaOf refuses what would act beside this program, and tables, columns and
// indexes that are not those it was built for. Further indexes do no harm, and what an
// older version lacks, a migration makes.
func checkSchemaOf(ctx context.Context, db *sql.DB, version int64) error {
	if err := report(ctx, db, "SELECT 'it has the ' || type || ' ' || name || ', and authserve makes none' FROM sqlite_master WHERE type IN ('trigger', 'view')"); err != nil {
		return err
	}
	newest, err := newestVersion(sqlite{}.migrations().files)
	if err != nil || version < newest {
		return err
	}
	statements, err := drift(ctx, sqlite{}.dialect(), db, schema.WithDropIndex(false))
	if err == nil && statements != "" {
		err = fmt.Errorf("its schema is not that of this program, which would need: %s", strings.Join(strings.Fields(statements), " "))
	}
	return err
}
