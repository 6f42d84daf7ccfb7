package entstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/go-sql-driver/mysql"
)

// mysqlEngine is the engine of MySQL 8 and MariaDB.
type mysqlEngine struct {
	server
	config *mysql.Config
}

var _ engine = mysqlEngine{}

func newMySQL(cfg Config) (mysqlEngine, error) {
	s, err := newServer(cfg)
	if err != nil {
		return mysqlEngine{}, err
	}
	config, err := mysqlConfig(cfg.URL)
	if err != nil {
		return mysqlEngine{}, err
	}
	return mysqlEngine{server: s, config: config}, nil
}

const mysqlPort = "3306"

func mysqlConfig(raw string) (*mysql.Config, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || len(u.Path) < 2 || strings.Contains(u.Path[1:], "/") {
		return nil, errors.New("the database URL must be mysql://user:password@host:3306/database") // err repeats it
	}
	config := mysql.NewConfig()
	config.Net, config.Addr, config.DBName = "tcp", net.JoinHostPort(u.Hostname(), mysqlPort), u.Path[1:]
	if u.Port() != "" {
		config.Addr = u.Host
	}
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	for name, values := range u.Query() {
		if name != "tls" {
			return nil, fmt.Errorf("the database URL has a parameter %q: MySQL has tls and no other", name)
		}
		config.TLSConfig = values[0]
	}
	config.ParseTime, config.Loc = true, time.UTC
	config.ClientFoundRows = true   // a write that changes nothing has found its row all the same
	config.InterpolateParams = true // otherwise each statement takes three round trips
	config.Collation = "utf8mb4_bin"
	config.Logger = &mysql.NopLogger{} // what it would print is returned as well
	if _, err := mysql.ParseDSN(config.FormatDSN()); err != nil {
		return nil, errors.New("the database URL has a tls that MySQL does not know: true, false, preferred or skip-verify")
	}
	return config, nil
}

func (mysqlEngine) dialect() string { return dialect.MySQL }
func (mysqlEngine) system() string  { return "mysql" }

func (e mysqlEngine) String() string {
	return fmt.Sprintf("the database %s on %s", e.config.DBName, e.config.Addr)
}

func (e mysqlEngine) open(_ context.Context, t telemetry) (pools, error) {
	return e.pools(t,
		e.connector(e.statementTimeout, "READ-COMMITTED", false),
		e.connector(e.statementTimeout, "REPEATABLE-READ", true),
	), nil
}

// connector connects with the settings as defaults of each session.
func (e mysqlEngine) connector(timeout time.Duration, isolation string, readOnly bool) driver.Connector {
	return &mysqlConnector{config: e.config, timeout: timeout, isolation: isolation, readOnly: readOnly}
}

// The errors that are told apart (MySQL error message reference; MariaDB error codes).
const (
	mysqlDuplicateEntry   = 1062
	mysqlNoReferencedRow  = 1452
	mysqlDeadlock         = 1213
	mysqlLockWaitTimeout  = 1205
	mariaChangedSinceRead = 1020 // innodb_snapshot_isolation

	mysqlDatabaseAccessDenied   = 1044
	mysqlAccessDenied           = 1045
	mysqlUnknownDatabase        = 1049
	mysqlHostNotPrivileged      = 1130
	mysqlTableAccessDenied      = 1142
	mysqlColumnAccessDenied     = 1143
	mysqlSpecificAccessDenied   = 1227
	mysqlAccessDeniedNoPassword = 1698
	mysqlTLSRequired            = 3159 // by the server: require_secure_transport
)

// duplicateKey finds the key in `Duplicate entry 'x' for key 'accounts.key'`; MariaDB
// leaves the table out. The entry itself can hold quotes.
var duplicateKey = regexp.MustCompile(`for key '([^']*)'$`)

func (mysqlEngine) fault(err error) (fault, bool) {
	var f *mysql.MySQLError
	if !errors.As(err, &f) {
		return fault{}, false
	}
	switch f.Number {
	case mysqlDuplicateEntry:
		if match := duplicateKey.FindStringSubmatch(f.Message); match != nil {
			return fault{kind: uniqueFault, key: match[1]}, true
		}
		return fault{kind: uniqueFault}, true
	case mysqlNoReferencedRow:
		return fault{kind: referenceFault}, true
	case mysqlDeadlock, mysqlLockWaitTimeout, mariaChangedSinceRead:
		return fault{kind: transientFault}, true
	case mysqlAccessDenied, mysqlAccessDeniedNoPassword, mysqlDatabaseAccessDenied, mysqlTableAccessDenied, mysqlColumnAccessDenied,
		mysqlSpecificAccessDenied, mysqlUnknownDatabase, mysqlHostNotPrivileged, mysqlTLSRequired:
		return fault{kind: unusableFault}, true
	default:
		return fault{}, true
	}
}

func (mysqlEngine) poisons() bool { return false }
