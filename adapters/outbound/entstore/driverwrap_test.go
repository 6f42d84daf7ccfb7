package entstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
)

// spy sees each call of a driver. Its error, unless nil, becomes the call's.
type spy interface {
	// call runs do, which is the call.
	call(what string, args []driver.NamedValue, do func() error) error
}

// through opens a pool whose connections are those of db, seen by s.
func through(db *sql.DB, s spy) *sql.DB {
	out := sql.OpenDB(spiedConnector{db, s})
	out.SetMaxOpenConns(db.Stats().MaxOpenConnections)
	return out
}

type spiedConnector struct {
	db  *sql.DB
	spy spy
}

func (c spiedConnector) Driver() driver.Driver { return c.db.Driver() }

func (c spiedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	var inner driver.Conn
	err = conn.Raw(func(raw any) error {
		inner = raw.(driver.Conn) //nolint:forcetypeassert,errcheck // that is what it is
		return nil
	})
	return spied{inner, conn, c.spy}, err
}

// Close implements io.Closer: sql.DB.Close calls it.
func (c spiedConnector) Close() error { return c.db.Close() }

type spied struct {
	driver.Conn
	owner *sql.Conn
	spy   spy
}

func (c spied) Close() error { return c.owner.Close() }

// ResetSession implements driver.SessionResetter: drivers look there whether the
// connection still stands.
func (c spied) ResetSession(ctx context.Context) error {
	if resetter, ok := c.Conn.(driver.SessionResetter); ok {
		return resetter.ResetSession(ctx)
	}
	return nil
}

func (c spied) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c spied) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (result driver.Result, err error) {
	err = c.spy.call(query, args, func() error {
		result, err = c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args) //nolint:forcetypeassert,errcheck // all have it
		return err
	})
	return result, err
}

func (c spied) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = c.spy.call(query, args, func() error {
		rows, err = c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args) //nolint:forcetypeassert,errcheck // all have it
		return err
	})
	return rows, err
}

func (c spied) BeginTx(ctx context.Context, opts driver.TxOptions) (tx driver.Tx, err error) {
	err = c.spy.call("BEGIN", nil, func() error {
		tx, err = c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts) //nolint:forcetypeassert,errcheck // all have it
		return err
	})
	return spiedTx{tx, c.spy}, err
}

type spiedTx struct {
	driver.Tx
	spy spy
}

func (t spiedTx) Commit() error   { return t.spy.call("COMMIT", nil, t.Tx.Commit) }
func (t spiedTx) Rollback() error { return t.spy.call("ROLLBACK", nil, t.Tx.Rollback) }

// isWrite reports whether a call of a driver changes what is stored, or begins to.
func isWrite(what string) bool {
	for _, verb := range []string{"CREATE", "ALTER", "DROP", "INSERT", "REPLACE", "UPDATE", "DELETE", "COMMIT"} {
		if strings.HasPrefix(strings.ToUpper(withoutComments(what)), verb) {
			return true
		}
	}
	return false
}

func withoutComments(query string) string {
	query = strings.TrimSpace(query)
	for strings.HasPrefix(query, "--") {
		_, query, _ = strings.Cut(query, "\n")
		query = strings.TrimSpace(query)
	}
	return query
}
