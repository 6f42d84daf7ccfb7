package ports

import (
	"context"

	"authserve/core/domain"
)

// Snapshots copies the database of a store into files, while it is in use. A database
// that has tools of its own for that fails with ErrUnsupported, whose cause names them.
// Safe for concurrent use.
type Snapshots interface {
	// Create writes what is committed at one instant into a new file, which only its
	// owner can read, and verifies it. Readers and writers go on meanwhile. The file
	// gets its name, path, when all of it is verified and on the disk; it holds no
	// deleted rows. Errors: ErrSnapshotExists, and nothing is overwritten;
	// ErrSnapshotFailed with the cause, and nothing is left behind.
	Create(ctx context.Context, path string) (Snapshot, error)
	// Verify reads all of the file and changes nothing. Errors: ErrSnapshotUnusable with
	// the fault as its cause, which is also that of a file that a newer program made.
	Verify(ctx context.Context, path string) (Snapshot, error)
	// List returns the names of the files in dir, in the order of their bytes. Errors:
	// ErrSnapshotFailed.
	List(ctx context.Context, dir string) ([]string, error)
	// Remove deletes the file. Errors: ErrSnapshotFailed.
	Remove(ctx context.Context, path string) error
}

// Snapshot is what a verified file holds.
type Snapshot struct {
	Bytes         int64 // the size of the file
	SchemaVersion int64 // Migration.Version of the newest step
	Accounts      int64
	Sessions      int64 // that are not ended
	AuditEvents   int64
}

// RestoreOptions say how a snapshot is made the database.
type RestoreOptions struct {
	Replace      bool // keep a database that is there under another name; otherwise refuse
	KeepSessions bool // otherwise all end, with all one-time tokens, and everybody has to log in again
}

// Restored is what a restore did.
type Restored struct {
	Snapshot      Snapshot
	Database      string // the file that was restored
	Kept          string // where the database before is now; empty: there was none
	SessionsEnded int
	Migrated      []Migration // steps that the snapshot lacked
}

// The errors of Snapshots and of restoring one.
var (
	ErrSnapshotExists   = domain.NewError(domain.KindConflict, "snapshot_exists", "There is a file of that name already.")
	ErrSnapshotFailed   = domain.NewError(domain.KindUnavailable, "snapshot_failed", "The snapshot could not be made.")
	ErrSnapshotUnusable = domain.NewError(domain.KindInvalid, "snapshot_unusable", "The snapshot cannot be used.")
	ErrDatabaseExists   = domain.NewError(domain.KindConflict, "database_exists", "There is a database already.")
	ErrDatabaseInUse    = domain.NewError(domain.KindConflict, "database_in_use", "Another program has the database open.")
	ErrRestoreFailed    = domain.NewError(domain.KindUnavailable, "restore_failed", "The snapshot could not be restored.")
)
