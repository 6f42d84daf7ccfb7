// Package token mints and verifies access tokens and keeps the signing keys.
//
// Flow. EnsureKeys runs once at start: it makes the first keys, or a next key of
// the configured algorithm, and loads the key ring. Mint signs with the active key.
// Verify finds the key by `kid`; the ring is read again once a minute, and for an
// unknown kid at most every ten seconds, so replicas learn of each other's rotations
// before they meet the new key. A ring that could not be read for two minutes signs
// nothing any more.
//
// A key is next (published, not used), then active (signs), then retired
// (published until everything it signed has expired), then deleted. RotateIfDue
// moves every key one step on, when the active one is old or of another algorithm
// than configured. Changes of the set are guarded by one guard row.
package token
