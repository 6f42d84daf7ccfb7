// Package entstore implements ports.Store with Ent over SQLite.
//
// # The two doors
//
// SQLite has one writer at a time. Update runs on a pool of one connection and
// begins with BEGIN IMMEDIATE, so writers of this process queue in Go, fairly and
// under their contexts, instead of colliding inside the database. Those that wait
// share one commit, see batch.go. View runs on a
// pool of read-only connections; with the write-ahead log each reads one snapshot
// and neither waits for the writer nor delays it.
//
// # Where things are
//
// store.go opens and closes, tx.go has the doors, each noun has a file that turns
// rows into domain values, errors.go turns foreign errors into those of ports,
// sqlite.go knows the data source names, sqltrace.go adds spans and metrics,
// snapshot.go copies the database and puts a copy back, and migrate.go applies the files of ent/migrate/sqlite.
//
// # Durability
//
// With Synchronous FULL, the default, a commit that was acknowledged survives
// power loss. With NORMAL it survives the death of the process only.
package entstore
