// Package sqlite holds the migrations of the SQLite schema: goose files with an
// up and a down part, applied in the order of their versions.
//
// `task migrate:new -- NAME` writes a file for what ent/schema gained since the
// last one; a person reads it before it is committed. Where a table must be rebuilt
// (SQLite cannot change a column in place) the generated down part is wrong and is
// written by hand, and `task migrate:new` without a name records the checksum of
// the edited file. A released file is never changed again.
package sqlite

import "embed"

// Files are the migrations and their checksum file.
//
//go:embed *.sql checksums
var Files embed.FS
