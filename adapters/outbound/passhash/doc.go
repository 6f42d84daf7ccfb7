// Package passhash hashes passwords without starving the rest of the service. It
// implements ports.Hasher.
//
// Flow: the engine reads the stored record, prepares the password (normal or raw
// form, pepper), and asks the queue for a turn; the queue refuses what cannot be
// done in time, and hands out turns fairly among networks; the worker computes, in
// a child process of lowest priority, so that the kernel gives every other request
// precedence; the engine makes the record or the verdict of the answer.
//
//   - scheme: the algorithms, their texts and bounds, and foreign encodings
//   - queue: who is next
//   - worker: where it is computed
//   - sizing: how many at a time
//
// Memory is bounded by construction: as many hashes at a time as there are workers,
// each with the memory of its settings.
//
// A record is the text of a scheme, such as `$argon2id$v=19$m=19456,t=2,p=1$…$…`.
// `$pepper$<key id>` before it tells that an HMAC of the password was hashed, and
// `$import` that another program made it.
package passhash
