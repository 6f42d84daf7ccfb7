// Package passhash hashes passwords with argon2id or bcrypt, and verifies both
// whichever is configured for new ones.
//
// A hash costs a hundred times what everything else in a request costs, so the
// work goes through a Pool: a fixed number of jobs run at a time, a fixed number
// wait, and what is beyond is refused before any work. Memory is bounded by
// construction: the workers times the memory cost.
//
// Hashes are kept as PHC strings (https://github.com/P-H-C/phc-string-format).
// One that is read back is held to bounds, so that a planted record cannot make
// a verification arbitrarily costly, and to its one canonical encoding.
package passhash
