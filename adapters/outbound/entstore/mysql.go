package entstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"entgo.io/ent/dialect"
	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"

	mysqlfiles "authserve/ent/migrate/mysql"
)

// mysqlEngine is the engine of MySQL 8 and MariaDB.
type mysqlEngine struct {
	config           *mysql.Config
	limits           limits
	statementTimeout time.Duration
}

var _ engine = mysqlEngine{}

func newMySQL(cfg Config) (mysqlEngine, error) {
	l, err := newLimits(cfg)
	if err != nil {
		return mysqlEngine{}, err
	}
	config, err := mysqlConfig(cfg.URL)
	if err != nil {
		return mysqlEngine{}, err
	}
	return mysqlEngine{config: config, limits: l, statementTimeout: statementTimeout(cfg)}, nil
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
	p := pools{
		writer: t.open(e.connector(e.statementTimeout, "READ-COMMITTED", false), "writer"),
		reader: t.open(e.connector(e.statementTimeout, "REPEATABLE-READ", true), "reader"),
	}
	limit(p.writer, e.limits.writers)
	limit(p.reader, e.limits.readers)
	return p, nil
}

// connector connects with the settings as defaults of each session.
func (e mysqlEngine) connector(timeout time.Duration, isolation string, readOnly bool) driver.Connector {
	return &mysqlConnector{config: e.config, timeout: timeout, isolation: isolation, readOnly: readOnly}
}

// mysqlConnector learns with the first connection whether the server is MySQL or
// MariaDB, which have different names for some settings.
type mysqlConnector struct {
	config    *mysql.Config
	timeout   time.Duration // of a statement; 0: none
	isolation string
	readOnly  bool

	mu    sync.Mutex
	ready driver.Connector
}

var _ driver.Connector = (*mysqlConnector)(nil)

// Connect implements driver.Connector.
func (c *mysqlConnector) Connect(ctx context.Context) (driver.Conn, error) {
	ready, err := c.learn(ctx)
	if err != nil {
		return nil, err
	}
	return ready.Connect(ctx)
}

// Driver implements driver.Connector.
func (*mysqlConnector) Driver() driver.Driver { return mysql.MySQLDriver{} }

func (c *mysqlConnector) learn(ctx context.Context) (driver.Connector, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ready != nil {
		return c.ready, nil
	}
	plain, err := mysql.NewConnector(c.config)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(plain)
	defer func() { _ = db.Close() }()
	var version string
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return nil, err
	}
	config := c.config.Clone()
	config.Params = map[string]string{"sql_mode": "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ONLY_FULL_GROUP_BY'"}
	isolation, readOnly := "transaction_isolation", "transaction_read_only"
	if strings.Contains(version, "MariaDB") {
		isolation, readOnly = "tx_isolation", "tx_read_only"
		config.Params["max_statement_time"] = strconv.FormatFloat(c.timeout.Seconds(), 'f', -1, 64)
	} else {
		config.Params["max_execution_time"] = strconv.FormatInt(c.timeout.Milliseconds(), 10) // reads only
	}
	if c.timeout > 0 {
		config.Params["innodb_lock_wait_timeout"] = strconv.Itoa(max(1, int(c.timeout.Seconds())))
	}
	config.Params[isolation] = "'" + c.isolation + "'"
	if c.readOnly {
		config.Params[readOnly] = "1"
	}
	c.ready, err = mysql.NewConnector(config)
	return c.ready, err
}

func (mysqlEngine) check(ctx context.Context, db *sql.DB) error { return ping(ctx, db) }

// The errors that are told apart (MySQL error message reference; MariaDB error codes).
const (
	mysqlDuplicateEntry    = 1062
	mysqlNoReferencedRow   = 1452
	mysqlReadOnly          = 1792
	mysqlDeadlock          = 1213
	mysqlLockWaitTimeout   = 1205
	mariaChangedSinceRead  = 1020 // innodb_snapshot_isolation
	mysqlTableExists       = 1050
	mysqlUnknownTable      = 1051
	mysqlDuplicateColumn   = 1060
	mysqlDuplicateKeyName  = 1061
	mysqlCannotDrop        = 1091
	mysqlDuplicateFKeyName = 1826
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
	case mysqlReadOnly:
		return fault{kind: readOnlyFault}, true
	case mysqlDeadlock, mysqlLockWaitTimeout, mariaChangedSinceRead:
		return fault{kind: transientFault}, true
	default:
		return fault{}, true
	}
}

func (mysqlEngine) again(n int) (time.Duration, bool) { return backOff(n) }
func (mysqlEngine) poisons() bool                     { return false }

func (e mysqlEngine) migrations() migrations {
	return migrations{
		files: mysqlfiles.Files, dialect: goose.DialectMySQL,
		open: func() *sql.DB { return sql.OpenDB(e.connector(0, "READ-COMMITTED", false)) },
		lock: lockMySQL,
		done: isDone,
	}
}

// answered reports that the server refused a statement, which then did nothing.
func answered(err error) bool { return errors.As(err, new(*mysql.MySQLError)) }

// isDone reports that a statement of a migration failed because what it does is done.
func isDone(err error) bool {
	var f *mysql.MySQLError
	if !errors.As(err, &f) {
		return false
	}
	switch f.Number {
	case mysqlTableExists, mysqlUnknownTable, mysqlDuplicateColumn, mysqlDuplicateKeyName, mysqlCannotDrop, mysqlDuplicateFKeyName:
		return true
	default:
		return false
	}
}

// lockMySQL takes a lock of the server, which ends with its connection. The name is
// at most 64 characters.
func lockMySQL(ctx context.Context, db *sql.DB) (unlock func() error, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	const name = "CONCAT('authserve:', SHA1(DATABASE()))"
	for {
		var got sql.NullInt64
		if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK("+name+", 1)").Scan(&got); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		if got.Int64 == 1 {
			return func() error {
				_, err := conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK("+name+")")
				return errors.Join(err, conn.Close())
			}, nil
		}
	}
}
