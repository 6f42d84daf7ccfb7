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

// The errors of Snapshots and of restoring one.
var (
	ErrSnapshotExists   = domain.NewError(domain.KindConflict, "snapshot_exists", "There is a file of that name already.")
	ErrSnapshotFailed   = domain.NewError(domain.KindUnavailable, "snapshot_failed", "The snapshot could not be made.")
	ErrSnapshotUnusable = domain.NewError(domain.KindInvalid, "snapshot_unusable", "The snapshot cannot be used.")
)
