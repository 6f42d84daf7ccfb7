// Package upkeep removes what is no longer needed, takes what is personal out of the
// audit log of removed accounts, and rotates the signing key when it is due.
//
// Run does one round. It removes rows in batches, each in a transaction of its
// own, so that on a store with one writer other writes come in between. Every
// replica may run it: removing twice is harmless, and of two rotations one loses.
package upkeep
