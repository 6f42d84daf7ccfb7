// Package stat is the statistics of the benchmarks: percentiles of exact samples,
// and the signed-rank test for pairs.
package stat
