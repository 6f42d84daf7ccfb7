package entstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

const (
	defaultConnections      = 16
	maxConnections          = 1000
	defaultStatementTimeout = 10 * time.Second
	// connectTimeout bounds connecting, the login included, also where the context has
	// no end.
	connectTimeout = 5 * time.Second
	connectionAge  = 30 * time.Minute // so that a database behind a name is found again when it moved
	idleAge        = 5 * time.Minute

	mostAttempts = 12
	firstPause   = 2 * time.Millisecond
	longestPause = 100 * time.Millisecond
)

// server is what the engines of databases with a server have in common.
type server struct {
	readers, writers int
	statementTimeout time.Duration
	waiting          func(holder string)
}

func newServer(cfg Config) (server, error) {
	s := server{readers: cfg.Readers, writers: cfg.Writers, statementTimeout: cfg.StatementTimeout, waiting: cfg.Waiting}
	var faults []error
	if err := CheckURL(cfg.URL); err != nil {
		faults = append(faults, err)
	}
	for name, n := range map[string]*int{"readers": &s.readers, "writers": &s.writers} {
		if *n == 0 {
			*n = defaultConnections
		}
		if *n < 1 || *n > maxConnections {
			faults = append(faults, fmt.Errorf("%s must be 1 to %d, got %d", name, maxConnections, *n))
		}
	}
	if s.statementTimeout == 0 {
		s.statementTimeout = defaultStatementTimeout
	}
	return s, errors.Join(faults...)
}

func (s server) pools(t telemetry, writer, reader driver.Connector) pools {
	p := pools{writer: t.open(writer, "writer"), reader: t.open(reader, "reader")}
	limit(p.writer, s.writers)
	limit(p.reader, s.readers)
	return p
}

// limit bounds a pool.
func limit(db *sql.DB, most int) {
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	db.SetConnMaxLifetime(connectionAge)
	db.SetConnMaxIdleTime(idleAge)
}

// check asks the server, and not only the connection.
func (server) check(ctx context.Context, db *sql.DB) error {
	var one int
	return db.QueryRowContext(ctx, "SELECT 1").Scan(&one)
}

// again: the longer the more often it lost.
func (server) again(n int) (pause time.Duration, ok bool) {
	return min(firstPause<<(n-1), longestPause), n < mostAttempts
}
