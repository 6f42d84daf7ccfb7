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
	"time"

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

// settings are a checked Config.
type settings struct {
	file        string
	synchronous string
	readers     int
	busyTimeout time.Duration
	telemetry   telemetry
}

func newSettings(cfg Config) (settings, error) {
	var faults []error
	file, err := parseURL(cfg.URL)
	if err != nil {
		faults = append(faults, err)
	}
	s := settings{
		file: file, synchronous: cfg.Synchronous, readers: cfg.Readers, busyTimeout: cfg.BusyTimeout,
		telemetry: newTelemetry(cfg.TracerProvider, cfg.MeterProvider),
	}
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

func (s settings) lockFile() string { return s.file + ".migrate.lock" }

func (s settings) writerDSN() string {
	return s.dsn(busyStep, url.Values{"_txlock": {"immediate"}, "_foreign_keys": {"1"}, "_journal_mode": {"WAL"}})
}

func (s settings) readerDSN() string {
	return s.dsn(busyStep, url.Values{"mode": {"ro"}, "_query_only": {"1"}})
}

// migrationDSN leaves foreign keys off: SQLite changes a table by rebuilding it,
// and dropping the old one would delete the rows that refer to it.
func (s settings) migrationDSN() string {
	return s.dsn(s.busyTimeout, url.Values{"_txlock": {"immediate"}, "_foreign_keys": {"0"}, "_journal_mode": {"WAL"}})
}

func (s settings) dsn(busy time.Duration, params url.Values) string {
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
	dsn    string
	driver *sqlite3.SQLiteDriver
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
	return c.driver.Open(c.dsn)
}

// Driver implements driver.Connector.
func (c connector) Driver() driver.Driver { return c.driver }

// openPlain opens a pool without telemetry.
func openPlain(dsn string) *sql.DB { return sql.OpenDB(newConnector(dsn)) }
