package entstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"authserve/ports"
)

// Config says which database to open, and how. Zero values stand for the
// defaults.
type Config struct {
	// URL is sqlite:///absolute/path or sqlite:relative/path.
	URL string
	// Synchronous is FULL (default: commits survive power loss) or NORMAL (they
	// survive the death of the process only).
	Synchronous string
	// Readers is the number of read-only connections. Default 4, at most 64.
	Readers int
	// BusyTimeout bounds the wait for another process that writes, in steps of
	// 50 ms. Default 5 s.
	BusyTimeout time.Duration
	// TracerProvider and MeterProvider receive a span per statement, without its
	// arguments, durations, and the state of the pools. Nil: none.
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
}

// Store is a store on SQLite.
type Store struct {
	settings settings
	file     os.FileInfo // which file was opened, whatever is at its path later
	writer   *sql.DB
	reader   *sql.DB
	metrics  []metric.Registration
}

var _ ports.Store = (*Store)(nil)

// Open opens the database, creating an empty file (mode 0600, its directory 0700)
// where there is none. It does not migrate: until Migrator().Up was called on a
// fresh file, the doors fail. Errors: a faulty Config, or a file that cannot be
// opened as a database.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	set, err := newSettings(cfg)
	if err != nil {
		return nil, err
	}
	s := &Store{settings: set}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the database %s: %w", set.file, err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	if err := createFile(s.settings.file); err != nil {
		return err
	}
	// Of two processes that switch a fresh file to the write-ahead log at once,
	// one would fail; and a running migration must have ended.
	unlock, err := lockFile(ctx, s.settings.lockFile())
	if err != nil {
		return err
	}
	s.writer = s.settings.openTraced(s.settings.writerDSN(), "writer")
	s.writer.SetMaxOpenConns(1)
	s.writer.SetMaxIdleConns(1)
	// The readers' mode=ro needs the file and its log: the writer comes first.
	if err := errors.Join(s.writer.PingContext(ctx), unlock()); err != nil {
		return err
	}
	s.reader = s.settings.openTraced(s.settings.readerDSN(), "reader")
	s.reader.SetMaxOpenConns(s.settings.readers)
	s.reader.SetMaxIdleConns(s.settings.readers)
	if err := s.reader.PingContext(ctx); err != nil {
		return err
	}
	if s.file, err = os.Stat(s.settings.file); err != nil {
		return err
	}
	s.metrics, err = s.settings.watchPools(map[string]*sql.DB{"writer": s.writer, "reader": s.reader})
	return err
}

// Close ends all connections. Doors that are open fail.
func (s *Store) Close() error {
	var errs []error
	for _, m := range s.metrics {
		errs = append(errs, m.Unregister())
	}
	// The writer goes last: it folds the log into the file.
	for _, db := range []*sql.DB{s.reader, s.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// Migrator moves the schema of this store's database.
func (s *Store) Migrator() ports.Migrator { return &Migrator{settings: s.settings} }
