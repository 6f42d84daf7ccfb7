// Package passhash hashes passwords with argon2id or bcrypt, and verifies both
// whichever is configured for new ones.
//
// A hash costs a hundred times what everything else in a request costs, so the
// work goes through a Pool: a fixed number of jobs run at a time, a fixed number
// wait, and what is beyond is refused before any work. So is a job that the queue
// would leave too little time, by the measured duration of its kind of work: under
// any load the workers do only what still helps somebody. Memory is bounded by
// construction: the workers times the memory cost.
//
// Hashes are kept as PHC strings (https://github.com/P-H-C/phc-string-format).
// One that is read back is held to bounds, so that a planted record cannot make
// a verification arbitrarily costly, and to its one canonical encoding.
package passhash
