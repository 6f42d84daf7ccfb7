// Package mysql holds the migrations of the schema on MySQL and MariaDB: goose files
// with an up and a down part, applied in the order of their versions. Neither has
// transactions for a schema, so each file has one statement each way: the database does
// it whole or not at all, and what was done without being recorded is recognised.
// Package sqlite tells how they come about.
package mysql

import "embed"

// Files are the migrations and their checksum file.
//
//go:embed *.sql checksums
var Files embed.FS
