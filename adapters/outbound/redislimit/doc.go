// Package redislimit is a rate limiter that replicas share, in Redis (or Valkey). It
// implements ports.Limiter.
//
// Each bucket is one key, authserve.limit.1:<rate>:<key>, that holds its theoretical
// arrival time in microseconds and expires when the bucket is full again. A script
// (EVALSHA, and EVAL where Redis does not know it yet) looks at all buckets of an
// attempt and takes from all or none; nothing else runs in Redis meanwhile. It decides
// as domain.Rate.Judge does, which then words the verdict from what the script read.
//
// The time is the caller's, not that of Redis: one attempt is judged by one clock
// wherever it is judged, here or by what stands in while Redis is down, and tests need
// not wait. Replicas whose clocks differ by d see a bucket fuller or emptier by what
// fills up in d, and no more.
//
// Redis needs no disk: after a restart all buckets are full. Let it refuse writes when
// its memory ends (maxmemory-policy noeviction, the default): where it evicts, a flood
// of keys empties buckets of others. Redis Cluster is not supported: the keys of one
// attempt lie in different slots.
package redislimit
