package entstore

import (
	"context"
	"database/sql"
	"time"
)

// engine is what differs from database to database.
type engine interface {
	// dialect is Ent's name of the database, and system that of OpenTelemetry's
	// db.system.name.
	dialect() string
	system() string
	// String says which database it is, without a password.
	String() string
	// open connects the pools. Those that it opened before it failed are in p.
	open(ctx context.Context, t telemetry) (p pools, err error)
	// check is part of the probe of the database.
	check(ctx context.Context, db *sql.DB) error
	// fault says what an error of the driver means; ok is false for any other.
	fault(err error) (f fault, ok bool)
	// again says whether a transaction that lost against another one runs once more
	// after it has run n times, and when.
	again(n int) (pause time.Duration, ok bool)
	// poisons reports that a statement that fails ends the transaction, unless it
	// is taken back to a savepoint.
	poisons() bool
	// migrations is how the schema moves.
	migrations() migrations
}

// pools are the connections of a Store. Both may be the same database; what they may
// do differs.
type pools struct {
	writer *sql.DB // read committed, or serial where there is one writer
	reader *sql.DB // read only, one snapshot for each transaction
	// batches share the commits of the writer; nil where the database does.
	batches *batches
}

// faultKind is what an error of a driver means to callers.
type faultKind int

const (
	otherFault     faultKind = iota // not available, as far as anybody can tell
	uniqueFault                     // a unique value is taken
	referenceFault                  // a row that is referred to is not there
	unusableFault                   // not available, and waiting does not mend it
	transientFault                  // lost against another transaction, and took nothing with it
)

type fault struct {
	kind faultKind
	key  string // of a uniqueFault: the constraint, or table.column on SQLite; empty: the primary key
}
