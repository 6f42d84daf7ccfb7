package entstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/mattn/go-sqlite3"
)

const (
	defaultReaders     = 4
	maxReaders         = 64
	defaultBusyTimeout = 5 * time.Second
	// busyStep is how long SQLite itself waits for a lock. It does so without
	// looking at the context, so the step is short and Update repeats it.
	busyStep = 50 * time.Millisecond
	// preparedStatements are kept per connection; preparing costs more than running.
	preparedStatements = "64"
)

// sqlite is the engine of SQLite.
type sqlite struct {
	file        string
	synchronous string
	readers     int
	busyTimeout time.Duration
	opened      *openedFile
	waiting     func(holder string)
}

// openedFile is which file was opened, whatever is at its path later.
type openedFile struct{ info os.FileInfo }

var _ engine = sqlite{}

func newSQLite(cfg Config) (sqlite, error) {
	var faults []error
	file, err := parseURL(cfg.URL)
	if err != nil {
		faults = append(faults, err)
	}
	s := sqlite{file: file, synchronous: cfg.Synchronous, readers: cfg.Readers, busyTimeout: cfg.BusyTimeout, opened: &openedFile{}, waiting: cfg.Waiting}
	switch s.synchronous {
	case "":
		s.synchronous = "FULL"
	case "FULL", "NORMAL":
	default:
		faults = append(faults, fmt.Errorf("synchronous must be FULL or NORMAL, got %q", s.synchronous))
	}
	if s.readers == 0 {
		s.readers = defaultReaders
	}
	if s.readers < 1 || s.readers > maxReaders {
		faults = append(faults, fmt.Errorf("readers must be 1 to %d, got %d", maxReaders, s.readers))
	}
	if s.busyTimeout == 0 {
		s.busyTimeout = defaultBusyTimeout
	}
	if s.busyTimeout < busyStep {
		faults = append(faults, fmt.Errorf("the busy timeout must be at least %s, got %s", busyStep, s.busyTimeout))
	}
	return s, errors.Join(faults...)
}

func (sqlite) dialect() string  { return dialect.SQLite }
func (sqlite) system() string   { return "sqlite" }
func (s sqlite) String() string { return "the database " + s.file }
func (sqlite) poisons() bool    { return false }

// again: SQLite has waited for the lock by itself.
func (s sqlite) again(n int) (time.Duration, bool) { return 0, n < int(s.busyTimeout/busyStep) }

func (s sqlite) open(ctx context.Context, t telemetry) (p pools, err error) {
	// Of two processes that switch a fresh file to the write-ahead log at once,
	// one would fail; and a running migration must have ended.
	unlock, err := s.migrations().take(ctx, nil)
	if err != nil {
		return p, err
	}
	p.batches = &batches{intact: s.intact}
	writer := newConnector(s.writerDSN())
	writer.batches = p.batches
	p.writer = t.open(writer, "writer")
	p.writer.SetMaxOpenConns(1)
	p.writer.SetMaxIdleConns(1)
	// The readers' mode=ro needs the file and its log: the writer comes first.
	if err := errors.Join(s.writable(ctx, p.writer), unlock()); err != nil {
		return p, err
	}
	p.reader = t.open(newConnector(s.readerDSN()), "reader")
	p.reader.SetMaxOpenConns(s.readers)
	p.reader.SetMaxIdleConns(s.readers)
	if err := p.reader.PingContext(ctx); err != nil {
		return p, err
	}
	s.opened.info, err = os.Stat(s.file)
	return p, err
}

// writable fails where the file can be read and not written. Nothing else would tell
// before the first call that writes.
func (s sqlite) writable(ctx context.Context, writer *sql.DB) error {
	tx, err := writer.BeginTx(ctx, nil)
	if err == nil {
		_, err = tx.ExecContext(ctx, "PRAGMA user_version = 0")
		return errors.Join(err, tx.Rollback())
	}
	if f, _ := s.fault(err); f.kind == transientFault { // somebody else writes it
		return nil
	}
	return err
}

var errReplaced = errors.New("the database file was removed or replaced while the service runs: restart it")

// intact tells that the file is where it was opened. One that was removed goes on
// taking commits, and all of them are gone with the process.
func (s sqlite) intact() error {
	if file, err := os.Stat(s.file); err != nil || !os.SameFile(file, s.opened.info) {
		return errors.Join(errReplaced, err)
	}
	return nil
}

func (s sqlite) check(ctx context.Context, db *sql.DB) error {
	if err := s.intact(); err != nil {
		return err
	}
	var tables int
	return db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables)
}

func (sqlite) fault(err error) (fault, bool) {
	var f sqlite3.Error
	if !errors.As(err, &f) {
		return fault{}, false
	}
	switch {
	case f.Code == sqlite3.ErrBusy, f.Code == sqlite3.ErrLocked:
		return fault{kind: transientFault}, true
	case f.Code == sqlite3.ErrReadonly, f.Code == sqlite3.ErrNotADB, f.Code == sqlite3.ErrCorrupt:
		return fault{kind: unusableFault}, true
	case f.ExtendedCode == sqlite3.ErrConstraintForeignKey:
		return fault{kind: referenceFault}, true
	case f.ExtendedCode == sqlite3.ErrConstraintUnique, f.ExtendedCode == sqlite3.ErrConstraintPrimaryKey:
		// The column stands only in the text: "UNIQUE constraint failed:
		// accounts.email_canonical".
		_, column, _ := strings.Cut(f.Error(), ": ")
		return fault{kind: uniqueFault, key: column}, true
	default:
		return fault{}, true
	}
}

// parseURL returns the path of sqlite:///absolute/path or sqlite:relative/path.
func parseURL(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		// The error of url.Parse repeats the URL, which could hold a password of
		// another kind of database.
		return "", errors.New("the database URL cannot be parsed")
	}
	path := u.Path
	if u.Opaque != "" {
		if path, err = url.PathUnescape(u.Opaque); err != nil {
			return "", errors.New("the database URL cannot be parsed")
		}
	}
	path = filepath.Clean(path)
	if u.Scheme != "sqlite" || u.Host != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || path == "." || path == "/" {
		return "", errors.New("the database URL must be sqlite:///path, without host and parameters")
	}
	return path, nil
}

func (s sqlite) lockFile() string { return s.file + ".migrate.lock" }

func (s sqlite) writerDSN() string {
	return s.dsn(busyStep, url.Values{"_txlock": {"immediate"}, "_foreign_keys": {"1"}, "_journal_mode": {"WAL"}})
}

func (s sqlite) readerDSN() string {
	return s.dsn(busyStep, url.Values{"mode": {"ro"}, "_query_only": {"1"}})
}

func (s sqlite) dsn(busy time.Duration, params url.Values) string {
	params.Set("_busy_timeout", strconv.FormatInt(busy.Milliseconds(), 10))
	params.Set("_synchronous", s.synchronous)
	params.Set("_stmt_cache_size", preparedStatements)
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: s.file}).EscapedPath(), RawQuery: params.Encode()}).String()
}

// createFile makes an empty file that only its owner can read, unless there is one.
// SQLite gives the files beside it the same mode.
//
// A file that is there must not even be opened here: closing any descriptor of it
// drops the locks that SQLite holds for this process, and then another process that
// closes the database takes itself for the last one and deletes the log that we
// write to (https://sqlite.org/howtocorrupt.html section 2.2).
func createFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the path is the operator's configuration
	if errors.Is(err, fs.ErrExist) {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		// A link to a file that is not there yet: nobody holds locks on it.
		f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // as above
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// connector opens connections with the SQLite driver.
type connector struct {
	dsn     string
	driver  *sqlite3.SQLiteDriver
	batches *batches // of the writer
}

var _ driver.Connector = connector{}

func newConnector(dsn string) connector {
	return connector{dsn: dsn, driver: &sqlite3.SQLiteDriver{}}
}

// Connect implements driver.Connector.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	conn, err := c.driver.Open(c.dsn)
	plain, ok := conn.(*sqlite3.SQLiteConn)
	switch {
	case err != nil:
		if better := c.explain(err); better != nil {
			err = better
		}
		return nil, err
	case !ok:
		return conn, nil
	case c.batches != nil:
		return batchConn{SQLiteConn: plain, batches: c.batches}, nil
	}
	// The files beside the database are opened with the first statement that reads.
	_, err = plain.Exec("PRAGMA schema_version", nil)
	if better := c.explain(err); better != nil {
		return nil, errors.Join(better, plain.Close())
	}
	return plain, nil // of another error the caller's statement tells
}

// explain corrects "no such file or directory", which SQLite says of the files beside
// the database as if it were the database. Nil: err is something else.
func (c connector) explain(err error) error {
	var f sqlite3.Error
	if !errors.As(err, &f) || f.Code != sqlite3.ErrCantOpen {
		return nil
	}
	escaped, _, _ := strings.Cut(strings.TrimPrefix(c.dsn, "file:"), "?")
	file, err := url.PathUnescape(escaped)
	if err != nil {
		return nil //nolint:nilerr // documented
	}
	if _, err := os.Stat(file); err != nil {
		return nil //nolint:nilerr // documented
	}
	f.SystemErrno = 0
	return fmt.Errorf("the file is there, but SQLite cannot open it or make its -wal and -shm beside it, as in a read-only directory or file system: %w", f)
}

// Driver implements driver.Connector.
func (c connector) Driver() driver.Driver { return c.driver }
