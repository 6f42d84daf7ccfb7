// Package boltstore keeps everything that authserve keeps in one bbolt file. It is a
// store adapter as another team would write it: a module of its own that knows of
// authserve only ports and core/domain. docs/howto/adapters.md goes through it.
//
// How it flows: Store opens a bbolt transaction for each door and hands out a tx,
// whose stores (accounts.go and its neighbours) hold the rules of ports in a few
// lines each. They read and write rows through tables: a table (table.go) is a bucket
// of rows and the buckets of its indexes, and keeps both in step. schema.go lists
// every table, index and key; row.go is how a row becomes bytes.
//
// What bbolt gives for nothing: View is one snapshot, and Update is alone. With one
// writer at a time, "write where the version is still this one" is a read, a
// comparison and a write, and no transaction ever has to be run again. The price is
// that updates wait for one another, each as long as one fsync takes.
package boltstore
