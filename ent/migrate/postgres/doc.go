// Package postgres holds the migrations of the PostgreSQL schema: goose files with an
// up and a down part, applied in the order of their versions, each in one transaction.
// Package sqlite tells how they come about.
package postgres

import "embed"

// Files are the migrations and their checksum file.
//
//go:embed *.sql checksums
var Files embed.FS
