// Package memlimit is a rate limiter in memory: for one process, and for each replica
// while the limiter that they share does not answer.
//
// Each rate has a shelf of its own, so that a flood of keys under one of them crowds
// out none of another. A shelf keeps its buckets by the instant at which they are full
// again. Every attempt drops the few that are: a full bucket says nothing. So memory
// follows the number of callers within one period, and no attempt pays for the others.
//
// A shelf holds MaxBuckets at most. Beyond, the bucket that is nearest to full is
// forgotten, which gives its owner back what it had taken: in a flood those are the
// flood's own. A bucket that somebody empties stays for as long as there are fuller
// ones.
package memlimit
