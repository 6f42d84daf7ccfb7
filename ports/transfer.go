package ports

import (
	"context"
	"io"
)

// Transferer moves everything that a store keeps from one database to another of any
// kind: accounts, hashes, sessions, sealed keys, messages and audit. What is sealed
// stays sealed, so the other service needs the same master keys.
type Transferer interface {
	// Export writes one consistent snapshot to w, in a form of its own with a
	// checksum of each table. progress, where it is not nil, is called now and then.
	Export(ctx context.Context, w io.Writer, progress func(TransferReport)) (TransferReport, error)
	// Import reads what an Export wrote into a store that keeps nothing yet, and
	// reads it back to compare. Errors: ErrNotEmpty, KindInvalid when r is not what
	// an Export of this schema wrote. After an error, or the death of the process, the
	// store may hold a part. It is marked as such before its first row (entstore: the
	// guard import_unfinished), and until the end is verified no service starts on it
	// (ErrUnusable) and no other import or export is accepted: drop the database, make it
	// anew and import again.
	Import(ctx context.Context, r io.Reader, progress func(TransferReport)) (TransferReport, error)
}

// TransferReport tells what was moved, table by table, in the order of the export.
type TransferReport []TransferredTable

// TransferredTable is one table of a transfer.
type TransferredTable struct {
	Name string
	Rows int64
	Sum  string // of all rows, in any order; empty while the table is under way
}
