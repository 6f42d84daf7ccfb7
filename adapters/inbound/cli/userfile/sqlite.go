package userfile

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-sqlite3"

	"authserve/core/account"
)

// openSQLite opens the database for reading alone. Not as immutable: that would
// leave out what a program that runs has in its write-ahead log.
func (f *File) openSQLite(ctx context.Context, s Source) error {
	if s.Path == "-" {
		return errors.New("an SQLite database cannot be read from a stream: give the path of its file")
	}
	// A look at the file tells more than SQLite's "unable to open". It is not opened:
	// closing it would drop locks on it (https://sqlite.org/howtocorrupt.html section 2.2).
	info, err := os.Stat(s.Path)
	if err != nil {
		return errors.Unwrap(err)
	}
	if !info.Mode().IsRegular() {
		return errors.New("it is not a file")
	}
	db := sql.OpenDB(readOnly{path: s.Path})
	db.SetMaxOpenConns(1)
	f.close = db.Close
	columns, err := f.tableColumns(ctx, db, s.Table)
	if err != nil {
		return explainSQLite(err)
	}
	f.rows = func(yield func(account.ImportRow, error) bool) {
		if stopped, err := table(ctx, db, s.Table, columns, yield); err != nil && !stopped {
			yield(account.ImportRow{}, err)
		}
	}
	return nil
}

// tableColumns returns those columns of the table that are fields.
func (f *File) tableColumns(ctx context.Context, db *sql.DB, table string) ([]column, error) {
	header, err := texts(ctx, db, `SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid`, table)
	if err != nil {
		return nil, err
	}
	if len(header) == 0 {
		tables, err := texts(ctx, db, `SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`)
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("there is no table %q, only %s", table, strings.Join(quoted(tables), ", "))
	}
	all, err := f.columns(header)
	if err != nil {
		return nil, err
	}
	var columns []column
	for _, c := range all {
		if c.known {
			columns = append(columns, c)
		}
	}
	return columns, nil
}

func texts(ctx context.Context, db *sql.DB, query string, args ...any) (list []string, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

// table reads the rows, in one statement and so from one state of the database. It
// is stopped when yield wants no more.
func table(ctx context.Context, db *sql.DB, name string, columns []column, yield func(account.ImportRow, error) bool) (stopped bool, err error) {
	rows, err := db.QueryContext(ctx, selectFrom(name, columns))
	if err != nil {
		return false, explainSQLite(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	cells, targets := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range cells {
		targets[i] = &cells[i]
	}
	number := 0
	for rows.Next() {
		number++
		if err := rows.Scan(targets...); err != nil {
			return false, fmt.Errorf("row %d: %w", number, err)
		}
		if !yield(tableRow(number, columns, cells)) {
			return true, nil
		}
	}
	if err := rows.Err(); err != nil {
		return false, fmt.Errorf("after row %d: %w", number, explainSQLite(err))
	}
	return false, nil
}

// selectFrom reads every column as text: the driver would make dates and booleans
// of it by the column's declared type, and a zero date of one that it cannot read.
func selectFrom(table string, columns []column) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = "CAST(" + identifier(c.name) + " AS TEXT)"
	}
	return "SELECT " + strings.Join(parts, ", ") + " FROM " + identifier(table)
}

// identifier quotes a name (https://sqlite.org/lang_keywords.html).
func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func tableRow(number int, columns []column, cells []sql.NullString) (account.ImportRow, error) {
	b := builder{row: account.ImportRow{Line: number}}
	size := 0
	for i, c := range columns {
		size += len(cells[i].String)
		if size > maxRow || !utf8.ValidString(cells[i].String) {
			return malformed(number, "The row is longer than 64 KiB or holds bytes that are no text in UTF-8.")
		}
		b.set(c.field, c.name, value{text: cells[i].String})
	}
	return b.finish()
}

// explainSQLite adds what to do where SQLite's own words do not tell.
func explainSQLite(err error) error {
	var known sqlite3.Error
	if !errors.As(err, &known) {
		return err
	}
	switch known.Code {
	case sqlite3.ErrCantOpen, sqlite3.ErrReadonly:
		return fmt.Errorf("%w (a database in WAL mode, or one that a program left unfinished, needs a directory that may be written to: read a copy)", err)
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return fmt.Errorf("%w (another program writes to it: stop that, or read a copy)", err)
	case sqlite3.ErrTooBig:
		return fmt.Errorf("a value is longer than 1 MiB, the limit for what is read: %w (shorten it, or leave the row out)", err)
	default:
		return err
	}
}

// maxValue bounds a value or a row that SQLite makes, in bytes. It takes the memory
// at once, and a view of a few words can ask for a billion bytes.
const maxValue = 1 << 20

// readOnly connects to a file that another program owns.
type readOnly struct{ path string }

var _ driver.Connector = readOnly{}

// Connect implements driver.Connector.
func (c readOnly) Connect(context.Context) (driver.Conn, error) {
	parameters := url.Values{"mode": {"ro"}, "_query_only": {"1"}, "_busy_timeout": {"5000"}}
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: c.path}).EscapedPath(), RawQuery: parameters.Encode()}
	return c.Driver().Open(dsn.String())
}

// Driver implements driver.Connector. What is in the schema, such as the functions
// that a view calls, is not ours and gets no trust
// (https://sqlite.org/security.html section 1.1, https://sqlite.org/limits.html
// section 1).
func (readOnly) Driver() driver.Driver {
	return &sqlite3.SQLiteDriver{ConnectHook: func(c *sqlite3.SQLiteConn) error {
		c.SetLimit(sqlite3.SQLITE_LIMIT_LENGTH, maxValue)
		_, err := c.Exec("PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON", nil)
		return err
	}}
}
