package ports

import (
	"context"
	"time"
)

// Migrator moves the schema of a store between versions. One process at a time
// does it: others wait for the lock of the database.
type Migrator interface {
	// Up applies every pending step and returns those it applied, also when a later one
	// fails. Errors: ErrUnavailable, with ErrUnusable inside where the database refuses a
	// step for its content, such as bad SQL or a constraint that rows break.
	Up(ctx context.Context) ([]Migration, error)
	// Down reverts the newest applied step and returns it; none: an empty slice. Errors:
	// ErrHoldsData, before anything was done, where rows would go with their tables.
	Down(ctx context.Context) ([]Migration, error)
	// Status lists every known step, oldest first. It makes nothing, so that it needs no
	// right but to read.
	Status(ctx context.Context) ([]Migration, error)
	// Plan lists the steps that Up would apply, oldest first, and makes nothing
	// either.
	Plan(ctx context.Context) ([]PlannedMigration, error)
}

// Migration is one step of the schema.
type Migration struct {
	Version   int64
	Name      string
	AppliedAt time.Time // zero: pending
}

// PlannedMigration is a pending step and what it would do.
type PlannedMigration struct {
	Version int64
	Name    string
	SQL     string // in the language of the store; comments tell a reader more
}
