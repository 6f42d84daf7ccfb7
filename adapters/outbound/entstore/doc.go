// Package entstore implements ports.Store with Ent over SQLite, PostgreSQL, MySQL and
// MariaDB.
//
// # The two doors
//
// View runs on a pool of read-only connections, where each transaction reads one
// snapshot; Update on a pool of those that write, READ COMMITTED. A write that lost
// against another one runs again.
//
// SQLite has one writer at a time. There Update runs on a pool of one connection and
// begins with BEGIN IMMEDIATE, so writers of this process queue in Go, fairly and
// under their contexts, instead of colliding inside the database. Those that wait
// share one commit, see batch.go. With the write-ahead log readers neither wait for
// the writer nor delay it.
//
// # Where things are
//
// store.go opens and closes, tx.go has the doors and writing.go the transaction behind
// Update, each noun has a file that turns rows into domain values, errors.go turns
// foreign errors into those of ports, and sqltrace.go adds spans and metrics. engine.go
// says what differs between databases, for sqlite.go, postgres.go and mysql.go, of which
// the latter two share server.go. migrate*.go applies the files of ent/migrate,
// snapshot*.go copies an SQLite database and puts a copy back, and transfer*.go moves
// all rows from one database to another.
//
// # Durability
//
// SQLite: with Synchronous FULL, the default, a commit that was acknowledged survives
// power loss; with NORMAL it survives the death of the process only.
package entstore
