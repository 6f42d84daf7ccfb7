package entstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"github.com/mattn/go-sqlite3"
	"github.com/pressly/goose/v3"

	sqlitefiles "authserve/ent/migrate/sqlite"
	"authserve/ports"
)

func (s sqlite) migrations() migrations {
	return migrations{
		files: sqlitefiles.Files, dialect: goose.DialectSQLite3,
		open: func() *sql.DB {
			db := sql.OpenDB(newConnector(s.migrationDSN()))
			db.SetMaxOpenConns(1)
			return db
		},
		look: func() *sql.DB {
			db := sql.OpenDB(newConnector(s.dsn(s.busyTimeout, url.Values{"_query_only": {"1"}, "_foreign_keys": {"1"}})))
			db.SetMaxOpenConns(1)
			return db
		},
		tables: "SELECT name FROM sqlite_master WHERE type = 'table'",
		lock: func(ctx context.Context, _ *sql.DB) (func() error, error) {
			if err := createFile(s.file); err != nil {
				return nil, err
			}
			// Before the first connection: two that switch a fresh file to the write-ahead
			// log at once would get in each other's way.
			return lockFile(ctx, s.lockFile())
		},
		holder:  func(context.Context, *sql.DB) (string, error) { return fileHolder(s.lockFile()) },
		waiting: s.waiting,
		absent: func() (bool, error) {
			_, err := os.Stat(s.file)
			if errors.Is(err, fs.ErrNotExist) {
				return true, nil
			}
			return false, err
		},
		refused: refusedBySQLite,
		after:   checkForeignKeys,
	}
}

// refusedBySQLite goes by the primary result codes (https://sqlite.org/rescode.html):
// SQLITE_ERROR is bad SQL and names that are there or are not.
func refusedBySQLite(err error) bool {
	var f sqlite3.Error
	if !errors.As(err, &f) {
		return false
	}
	switch f.Code {
	case sqlite3.ErrError, sqlite3.ErrConstraint, sqlite3.ErrMismatch, sqlite3.ErrTooBig, sqlite3.ErrRange:
		return true
	default:
		return false
	}
}

// checkForeignKeys makes up for migrating with foreign keys off.
func checkForeignKeys(ctx context.Context, db *sql.DB) error {
	var violations int
	err := db.QueryRowContext(ctx, "SELECT count(*) FROM pragma_foreign_key_check").Scan(&violations)
	if err != nil {
		return ports.ErrUnavailable.Wrap(err)
	}
	if violations > 0 {
		return fmt.Errorf("after the migration %d rows refer to rows that do not exist", violations)
	}
	return nil
}

// migrationDSN leaves foreign keys off: SQLite changes a table by rebuilding it,
// and dropping the old one would delete the rows that refer to it.
func (s sqlite) migrationDSN() string {
	return s.dsn(s.busyTimeout, url.Values{"_txlock": {"immediate"}, "_foreign_keys": {"0"}, "_journal_mode": {"WAL"}})
}
