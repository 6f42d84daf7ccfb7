package entstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"

	"authserve/ent/migrate/postgres"
)

func (e postgresEngine) migrations() migrations {
	return migrations{
		files: postgres.Files, dialect: goose.DialectPostgres,
		open: func() *sql.DB {
			// A step may take long, and so may the wait for whoever migrates.
			return sql.OpenDB(e.connector(map[string]string{
				"statement_timeout": "0", "idle_in_transaction_session_timeout": "0", "lock_timeout": "0",
			}))
		},
		look: func() *sql.DB {
			return sql.OpenDB(e.connector(map[string]string{"default_transaction_read_only": "on"}))
		},
		// Also those that this role may not read: information_schema would hide them.
		tables:  "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema()",
		lock:    lockPostgres,
		holder:  postgresHolder,
		waiting: e.waiting,
		refused: refusedByPostgres,
	}
}

// refusedByPostgres goes by the class of the condition (PostgreSQL documentation,
// appendix A): a feature that is missing, cardinality, data, constraints, dependent
// objects, syntax and names and rights, check option, limits of the program, RAISE.
func refusedByPostgres(err error) bool {
	var f *pgconn.PgError
	if !errors.As(err, &f) || len(f.Code) < 2 {
		return false
	}
	switch f.Code[:2] {
	case "0A", "21", "22", "23", "2B", "42", "44", "54", "P0":
		return true
	default:
		return false
	}
}

// migrationLock is the key of the advisory lock: "authserv" in ASCII.
const migrationLock = 0x6175746873657276

// lockPostgres holds the lock by an open transaction, so that it is there behind a
// pooler of transactions too.
func lockPostgres(ctx context.Context, db *sql.DB) (unlock func() error, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return func() error {
		if err := tx.Rollback(); !errors.Is(err, sql.ErrTxDone) { // done: ctx has ended, and with it the lock
			return err
		}
		return nil
	}, nil
}

// postgresHolder finds the lock in pg_locks, where a key of 64 bits stands in two
// halves with an objsubid of 1.
func postgresHolder(ctx context.Context, db *sql.DB) (string, error) {
	var (
		pid     int
		user    sql.NullString // these are for members of pg_read_all_stats, and for oneself
		address sql.NullString
		since   sql.NullTime
	)
	err := db.QueryRowContext(ctx, `SELECT l.pid, a.usename, host(a.client_addr), a.xact_start
		FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.classid::bigint = $1 AND l.objid::bigint = $2
		AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
		int64(migrationLock>>32), int64(migrationLock&0xffffffff)).Scan(&pid, &user, &address, &since)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	holder := fmt.Sprintf("the server's process %d", pid)
	if user.Valid {
		holder += " of the user " + user.String
	}
	if address.Valid {
		holder += " from " + address.String
	}
	if since.Valid {
		holder += " since " + since.Time.UTC().Format(time.RFC3339)
	}
	return holder, nil
}
