package entstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	"authserve/ports"
)

// mysqlConnector learns with the first connection whether the server is MySQL or
// MariaDB, which have different names for some settings.
type mysqlConnector struct {
	config    *mysql.Config
	timeout   time.Duration // of a statement; 0: none
	isolation string
	readOnly  bool

	mu    sync.Mutex
	ready driver.Connector // nil: nothing was learnt yet
}

var _ driver.Connector = (*mysqlConnector)(nil)

// Connect implements driver.Connector.
func (c *mysqlConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	whole, ok := conn.(mysqlDriverConn)
	if !ok {
		return nil, fmt.Errorf("a connection of the driver, %T, lacks a method", conn)
	}
	return mysqlConn{whole}, nil
}

func (c *mysqlConnector) connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	ready, err := c.learnt(ctx)
	if err != nil {
		return nil, err
	}
	return ready.Connect(ctx)
}

var errNotMySQL = errors.New("the server speaks the protocol of PostgreSQL, and not that of MySQL: URLs of PostgreSQL begin with postgres://")

// explain names what the driver leaves to guess. PostgreSQL waits for its client to
// speak first, as a client of MySQL waits for its server: it looks like one that hangs.
func (c *mysqlConnector) explain(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, mysql.ErrNoTLS):
		return ports.ErrUnusable.Wrap(err)
	case !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case c.known() == nil && !isDial(err) && listen(ctx, c.config.Net, c.config.Addr).isPostgres():
		return ports.ErrUnusable.Wrap(errNotMySQL)
	default:
		return fmt.Errorf("no answer within %s: %w", connectTimeout, err)
	}
}

// Driver implements driver.Connector.
func (*mysqlConnector) Driver() driver.Driver { return mysql.MySQLDriver{} }

// learnt asks the server unless that was done. Those who come meanwhile ask too,
// instead of waiting for an answer that may not come.
func (c *mysqlConnector) learnt(ctx context.Context) (driver.Connector, error) {
	if ready := c.known(); ready != nil {
		return ready, nil
	}
	ready, err := c.learn(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready = ready
	return ready, nil
}

// known is what was learnt; nil: nothing yet.
func (c *mysqlConnector) known() driver.Connector {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ready
}

func (c *mysqlConnector) learn(ctx context.Context) (driver.Connector, error) {
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
	config.RejectReadOnly = !c.readOnly // a server that was demoted: the driver lets go of it, and the name may lead elsewhere by now
	config.Params[isolation] = "'" + c.isolation + "'"
	if c.readOnly {
		config.Params[readOnly] = "1"
	}
	return mysql.NewConnector(config)
}

// mysqlDriverConn is what a connection of the driver can do.
type mysqlDriverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	driver.NamedValueChecker
}

// mysqlConn is a connection whose transactions end under their context. The driver
// waits for the answer to COMMIT and ROLLBACK without one, so a server that hangs
// would hold the caller, and the connection, for as long as it hangs.
type mysqlConn struct{ mysqlDriverConn }

var _ mysqlDriverConn = mysqlConn{}

// BeginTx implements driver.ConnBeginTx.
func (c mysqlConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if _, err := c.mysqlDriverConn.BeginTx(ctx, opts); err != nil {
		return nil, err
	}
	return mysqlTx{ctx: ctx, conn: c.mysqlDriverConn}, nil
}

// Close implements driver.Conn. The driver says goodbye; that a server is gone already
// is no error.
func (c mysqlConn) Close() error {
	_ = c.mysqlDriverConn.Close()
	return nil
}

type mysqlTx struct {
	ctx  context.Context //nolint:containedctx // driver.Tx has none in its methods
	conn mysqlDriverConn
}

var _ driver.Tx = mysqlTx{}

// Commit implements driver.Tx.
func (t mysqlTx) Commit() error { return t.end("COMMIT") }

// Rollback implements driver.Tx.
func (t mysqlTx) Rollback() error { return t.end("ROLLBACK") }

// end closes the connection where the server did not answer: the transaction may be
// open still, and nobody else may go on in it.
func (t mysqlTx) end(statement string) error {
	_, err := t.conn.ExecContext(t.ctx, statement, nil)
	if err != nil && !errors.As(err, new(*mysql.MySQLError)) {
		_ = t.conn.Close()
	}
	return err
}
