package ports

import (
	"context"
	"time"
)

// Migrator moves the schema of a store between versions. One process at a time
// does it: others wait for the lock of the database.
type Migrator interface {
	// Up applies every pending step and returns those it applied.
	Up(ctx context.Context) ([]Migration, error)
	// Down reverts the newest applied step and returns it; none: an empty slice.
	Down(ctx context.Context) ([]Migration, error)
	// Status lists every known step, oldest first.
	Status(ctx context.Context) ([]Migration, error)
}

// Migration is one step of the schema.
type Migration struct {
	Version   int64
	Name      string
	AppliedAt time.Time // zero: pending
}
