package entstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"entgo.io/ent/dialect"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"authserve/ent/migrate/postgres"
)

// postgresEngine is the engine of PostgreSQL and of what speaks its protocol.
type postgresEngine struct {
	config           *pgx.ConnConfig
	limits           limits
	statementTimeout time.Duration
}

var _ engine = postgresEngine{}

func newPostgres(cfg Config) (postgresEngine, error) {
	l, err := newLimits(cfg)
	if err != nil {
		return postgresEngine{}, err
	}
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || len(u.Path) < 2 {
		return postgresEngine{}, errors.New("the database URL must be postgres://user:password@host:5432/database") // err repeats it
	}
	config, err := pgx.ParseConfig(cfg.URL)
	if err != nil {
		return postgresEngine{}, errors.New("the database URL has parameters that PostgreSQL does not know, or files that cannot be read") // as above
	}
	return postgresEngine{config: config, limits: l, statementTimeout: statementTimeout(cfg)}, nil
}

func (postgresEngine) dialect() string { return dialect.Postgres }
func (postgresEngine) system() string  { return "postgresql" }

func (e postgresEngine) String() string {
	return fmt.Sprintf("the database %s on %s:%d", e.config.Database, e.config.Host, e.config.Port)
}

func (e postgresEngine) open(_ context.Context, t telemetry) (pools, error) {
	p := pools{
		writer: t.open(e.connector(map[string]string{"default_transaction_isolation": "read committed"}), "writer"),
		reader: t.open(e.connector(map[string]string{
			"default_transaction_isolation": "repeatable read", "default_transaction_read_only": "on",
		}), "reader"),
	}
	limit(p.writer, e.limits.writers)
	limit(p.reader, e.limits.readers)
	return p, nil
}

// connector connects with the settings as defaults of each session: what a
// transaction needs is then there with its BEGIN.
func (e postgresEngine) connector(settings map[string]string) driver.Connector {
	config := e.config.Copy()
	for name, value := range settings {
		config.RuntimeParams[name] = value
	}
	setDefault(config.RuntimeParams, "application_name", "authserve")
	setDefault(config.RuntimeParams, "statement_timeout", milliseconds(e.statementTimeout))
	setDefault(config.RuntimeParams, "idle_in_transaction_session_timeout", milliseconds(e.statementTimeout))
	return stdlib.GetConnector(*config)
}

func setDefault(m map[string]string, key, value string) {
	if _, ok := m[key]; !ok {
		m[key] = value
	}
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func (postgresEngine) check(ctx context.Context, db *sql.DB) error { return ping(ctx, db) }

// ping asks the server, and not only the connection.
func ping(ctx context.Context, db *sql.DB) error {
	var one int
	return db.QueryRowContext(ctx, "SELECT 1").Scan(&one)
}

// The conditions that are told apart (PostgreSQL documentation, appendix A).
const (
	pgUniqueViolation     = "23505"
	pgForeignKeyViolation = "23503"
	pgReadOnly            = "25006"
	pgSerialization       = "40001"
	pgDeadlock            = "40P01"
)

func (postgresEngine) fault(err error) (fault, bool) {
	var f *pgconn.PgError
	if !errors.As(err, &f) {
		return fault{}, false
	}
	switch f.Code {
	case pgUniqueViolation:
		return fault{kind: uniqueFault, key: f.ConstraintName}, true
	case pgForeignKeyViolation:
		return fault{kind: referenceFault}, true
	case pgReadOnly:
		return fault{kind: readOnlyFault}, true
	case pgSerialization, pgDeadlock:
		return fault{kind: transientFault}, true
	default:
		return fault{}, true
	}
}

func (postgresEngine) again(n int) (time.Duration, bool) { return backOff(n) }
func (postgresEngine) poisons() bool                     { return true }

func (e postgresEngine) migrations() migrations {
	return migrations{
		files: postgres.Files, dialect: goose.DialectPostgres,
		open: func() *sql.DB {
			// A step may take long, and so may the wait for whoever migrates.
			return sql.OpenDB(e.connector(map[string]string{
				"statement_timeout": "0", "idle_in_transaction_session_timeout": "0", "lock_timeout": "0",
			}))
		},
		lock: lockPostgres,
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
