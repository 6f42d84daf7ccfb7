package entstore

import (
	"context"
	"database/sql"
)

// ParseURL lets tests see what becomes of a URL.
var ParseURL = parseURL

// LockFile lets tests hold the lock of migrations.
var LockFile = lockFile

// Reader is the pool behind View.
func (s *Store) Reader() *sql.DB { return s.pools.reader }

// Writer is the pool behind Update.
func (s *Store) Writer() *sql.DB { return s.pools.writer }

// OpenForMigration opens the pool in which migrations run.
func (m *Migrator) OpenForMigration() *sql.DB { return m.engine.migrations().open() }

// Waiting is how many writers wait for their turn.
func (s *Store) Waiting() int { return s.pools.batches.turns.waiting() }

// TakeTurn takes the writer's turn, and NextTurn takes the one who waits longest off the
// queue, to be closed: what an Update does at its begin and its end.
func (s *Store) TakeTurn(ctx context.Context) error {
	_, err := s.pools.batches.turns.take(ctx)
	return err
}

// NextTurn see TakeTurn.
func (s *Store) NextTurn() chan struct{} { return s.pools.batches.turns.next() }

// AfterPrefix lets tests see where a search for a prefix ends.
var AfterPrefix = afterPrefix
