package entstore

import (
	"context"
	"database/sql"
	"io/fs"
)

// hooked is an engine that tests have changed.
type hooked struct {
	engine
	change func(*migrations)
}

func (h hooked) migrations() migrations {
	plan := h.engine.migrations()
	h.change(&plan)
	return plan
}

// Through lets a test stand between the migrator and its database.
func (m *Migrator) Through(wrap func(*sql.DB) *sql.DB) *Migrator {
	return &Migrator{engine: hooked{m.engine, func(plan *migrations) {
		inner := plan.open
		plan.open = func() *sql.DB { return wrap(inner()) }
	}}}
}

// With gives the migrator other files, with their checksums.
func (m *Migrator) With(files fs.FS) *Migrator {
	return &Migrator{engine: hooked{m.engine, func(plan *migrations) { plan.files = files }}}
}

// Files are the migrations of the migrator.
func (m *Migrator) Files() fs.FS { return m.engine.migrations().files }

// Dialect is Ent's name of the database.
func (m *Migrator) Dialect() string { return m.engine.dialect() }

// MySQLSchema is the text that would make every table.
var MySQLSchema = mysqlSchema

// Drift is what Examine calls so.
var Drift = drift

// MySQLLock is the expression for the name of the lock.
const MySQLLock = mysqlLock

// ErrLockLost says that the migrator has lost its lock.
var ErrLockLost = errLockLost

// IsDone is what is taken for a statement whose work is there.
var IsDone = isDone

// LookAt opens the database to read it.
func (m *Migrator) LookAt() *sql.DB { return m.engine.migrations().look() }

// Replace puts other pools under the store, made of those that it has.
func (s *Store) Replace(wrap func(*sql.DB) *sql.DB) {
	s.pools.writer, s.pools.reader = wrap(s.pools.writer), wrap(s.pools.reader)
}

// IsTransient reports whether the transaction lost against another one.
func (s *Store) IsTransient(err error) bool { return s.isTransient(err) }

// HoldLock waits for the lock of migrations and holds it.
func (m *Migrator) HoldLock(ctx context.Context) (unlock func() error, err error) {
	plan := m.engine.migrations()
	db := plan.open()
	release, err := plan.lock(ctx, db)
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return func() error { defer func() { _ = db.Close() }(); return release() }, nil
}

// Refuses reports that err is taken for the content of a step.
func (m *Migrator) Refuses(err error) bool { return m.engine.migrations().refused(err) }

// Dropped are the tables that are gone once a step is reverted.
var Dropped = dropped
