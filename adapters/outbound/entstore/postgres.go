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
	if config.ConnectTimeout == 0 { // connect_timeout in the URL sets it
		config.ConnectTimeout = connectTimeout
	}
	return stdlib.GetConnector(*config)
}

func setDefault(m map[string]string, key, value string) {
	if _, ok := m[key]; !ok {
		m[key] = value
	}
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func (postgresEngine) check(ctx context.Context, db *sql.DB) error { return ping(ctx, db) }

func (postgresEngine) intact() error { return nil }

// ping asks the server, and not only the connection.
func ping(ctx context.Context, db *sql.DB) error {
	var one int
	return db.QueryRowContext(ctx, "SELECT 1").Scan(&one)
}

// The conditions that are told apart (PostgreSQL documentation, appendix A).
const (
	pgUniqueViolation     = "23505"
	pgForeignKeyViolation = "23503"
	pgSerialization       = "40001"
	pgDeadlock            = "40P01"

	pgInvalidPassword       = "28P01"
	pgInvalidAuthorization  = "28000"
	pgUnknownDatabase       = "3D000"
	pgUnknownSchema         = "3F000"
	pgInsufficientPrivilege = "42501"
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
	case pgSerialization, pgDeadlock:
		return fault{kind: transientFault}, true
	case pgInvalidPassword, pgInvalidAuthorization, pgUnknownDatabase, pgUnknownSchema, pgInsufficientPrivilege:
		return fault{kind: unusableFault}, true
	default:
		return fault{}, true
	}
}

func (postgresEngine) again(n int) (time.Duration, bool) { return backOff(n) }
func (postgresEngine) poisons() bool                     { return true }
