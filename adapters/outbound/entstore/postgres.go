package entstore

import (
	"context"
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
	server
	config *pgx.ConnConfig
}

var _ engine = postgresEngine{}

func newPostgres(cfg Config) (postgresEngine, error) {
	s, err := newServer(cfg)
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
	return postgresEngine{server: s, config: config}, nil
}

func (postgresEngine) dialect() string { return dialect.Postgres }
func (postgresEngine) system() string  { return "postgresql" }

func (e postgresEngine) String() string {
	return fmt.Sprintf("the database %s on %s:%d", e.config.Database, e.config.Host, e.config.Port)
}

func (e postgresEngine) open(_ context.Context, t telemetry) (pools, error) {
	return e.pools(t,
		e.connector(map[string]string{"default_transaction_isolation": "read committed"}),
		e.connector(map[string]string{"default_transaction_isolation": "repeatable read", "default_transaction_read_only": "on"}),
	), nil
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
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	return postgresConnector{
		Connector: stdlib.GetConnector(*config), network: network, address: address,
		encrypted: config.TLSConfig != nil && len(config.Fallbacks) == 0,
	}
}

func setDefault(m map[string]string, key, value string) {
	if _, ok := m[key]; !ok {
		m[key] = value
	}
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

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
	pgUnknownParameter      = "42704" // undefined_object: at the login, a setting of the URL
	pgInvalidParameter      = "22023"
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
	case pgInvalidPassword, pgInvalidAuthorization, pgUnknownDatabase, pgUnknownSchema, pgInsufficientPrivilege,
		pgUnknownParameter, pgInvalidParameter:
		return fault{kind: unusableFault}, true
	default:
		return fault{}, true
	}
}

func (postgresEngine) poisons() bool { return true }
