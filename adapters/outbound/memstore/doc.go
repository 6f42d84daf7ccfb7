// Package memstore keeps everything in memory: for tests, demonstrations and
// measurements, where a database would only be in the way. It gives every
// guarantee of ports.Store except that nothing survives the process.
//
// One writer or many readers are inside at a time, so transactions are serial.
// An Update works on the tables themselves and notes in a journal how to take each
// step back; its cost is that of its own writes, whatever the size of the tables.
// Rows are copied on their way in and out and never changed in place.
package memstore
