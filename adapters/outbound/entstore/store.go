package entstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"authserve/ports"
)

// Config says which database to open, and how. Zero values stand for the
// defaults.
type Config struct {
	// URL is sqlite:///absolute/path, sqlite:relative/path,
	// postgres://user:password@host:5432/database or
	// mysql://user:password@host:3306/database. Parameters of PostgreSQL are those of
	// libpq; MySQL has tls, which is true, false, preferred or skip-verify.
	URL string
	// Synchronous is FULL (default: commits survive power loss) or NORMAL (they
	// survive the death of the process only). SQLite only.
	Synchronous string
	// Readers is the number of connections that read. Default 4 on SQLite, otherwise
	// 16; at most 1000.
	Readers int
	// Writers is the number of connections that write. Default 16, at most 1000. On
	// SQLite there is always one.
	Writers int
	// BusyTimeout bounds the wait for another process that writes to SQLite, in
	// steps of 50 ms. Default 5 s.
	BusyTimeout time.Duration
	// StatementTimeout is after how long the server ends a statement. Default 10 s. Not
	// on SQLite, which ends one with its context.
	StatementTimeout time.Duration
	// Waiting is told who holds the lock of migrations when Open or a migrator has waited
	// for it for a second, once for each wait. Nil: nobody is told.
	Waiting func(holder string)
	// TracerProvider and MeterProvider receive a span per statement, without its
	// arguments, durations, and the state of the pools. Nil: none.
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
}

// Store is a store on one database.
type Store struct {
	engine     engine
	statements statements
	telemetry  telemetry
	pools      pools
	metrics    []metric.Registration
	repeats    metric.Int64Counter
}

var _ ports.Store = (*Store)(nil)

// Open opens the database. SQLite: an empty file is created (mode 0600, its
// directory 0700) where there is none. It does not migrate: until Migrator().Up was
// called on a fresh database, the doors fail. Errors: a faulty Config, or a database
// that cannot be opened.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	e, err := newEngine(cfg)
	if err != nil {
		return nil, err
	}
	s := &Store{engine: e, statements: newStatements(e.dialect()), telemetry: newTelemetry(e.system(), cfg.TracerProvider, cfg.MeterProvider)}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", e, err), s.Close())
	}
	return s, nil
}

func newEngine(cfg Config) (engine, error) {
	switch scheme(cfg.URL) {
	case "postgres", "postgresql":
		return newPostgres(cfg)
	case "mysql":
		return newMySQL(cfg)
	default:
		return newSQLite(cfg)
	}
}

// scheme is that of the URL; empty where it has none.
func scheme(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Scheme
}

func (s *Store) open(ctx context.Context) (err error) {
	if s.pools, err = s.engine.open(ctx, s.telemetry); err != nil {
		return err
	}
	if s.repeats, err = s.telemetry.repeats(); err != nil {
		return err
	}
	s.metrics, err = s.telemetry.watchPools(map[string]*sql.DB{"writer": s.pools.writer, "reader": s.pools.reader})
	if err != nil || s.pools.batches == nil {
		return err
	}
	turns, err := s.telemetry.watchTurns(s.pools.batches)
	if err == nil {
		s.metrics = append(s.metrics, turns)
	}
	return err
}

// Close ends all connections. Doors that are open fail.
func (s *Store) Close() error {
	var errs []error
	for _, m := range s.metrics {
		errs = append(errs, m.Unregister())
	}
	// SQLite's writer goes last: it folds the log into the file.
	for _, db := range []*sql.DB{s.pools.reader, s.pools.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// Migrator moves the schema of this store's database.
func (s *Store) Migrator() ports.Migrator { return &Migrator{engine: s.engine} }
