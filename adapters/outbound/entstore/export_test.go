package entstore

import "database/sql"

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
