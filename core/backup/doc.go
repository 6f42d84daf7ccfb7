// Package backup takes snapshots of the database at regular intervals.
//
// Whether one is due is read from the names of those that are there, so that a
// service that restarts often takes no more than one that runs, and does not push
// the old ones out. Run takes one, which is verified before it gets its name, and
// then removes the oldest beyond those to keep. Files of other names are left alone.
// When a snapshot fails nothing is removed, and the next tick tries again.
package backup
