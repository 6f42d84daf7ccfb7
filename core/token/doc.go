// Package token mints and verifies access tokens and keeps the signing keys.
//
// Flow. EnsureKeys runs once at start: it makes the first keys, or new ones when
// the configured algorithm changed, and loads the key ring. Mint signs with the
// active key. Verify finds the key by `kid`; the ring is read again once a minute,
// and for an unknown kid at most every ten seconds, so replicas learn of each
// other's rotations before they meet the new key.
//
// A key is next (published, not used), then active (signs), then retired
// (published until everything it signed has expired), then deleted. RotateIfDue
// moves every key one step on. Changes of the set are guarded by one guard row.
package token
