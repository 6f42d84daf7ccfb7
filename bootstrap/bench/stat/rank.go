package stat

import (
	"cmp"
	"math"
	"slices"
)

// Percentile returns the smallest sample that at least a share q (0 to 1) of the
// samples does not exceed (nearest rank). Of no samples it is zero.
func Percentile[T cmp.Ordered](samples []T, q float64) T {
	if len(samples) == 0 {
		var zero T
		return zero
	}
	sorted := slices.Sorted(slices.Values(samples))
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// Median returns the middle sample, of an even number the mean of both. Of no
// samples it is zero.
func Median(samples []float64) float64 {
	sorted := slices.Sorted(slices.Values(samples))
	switch n := len(sorted); {
	case n == 0:
		return 0
	case n%2 == 1:
		return sorted[n/2]
	default:
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
}

// MedianInterval returns bounds of the median of what the samples were drawn from,
// whatever its distribution: two of the samples, by the normal approximation of
// their ranks (Conover, Practical Nonparametric Statistics, section 3.2). z is the
// normal quantile of the confidence, such as 3.29 for 99.9 %.
func MedianInterval(samples []float64, z float64) (low, high float64) {
	n := len(samples)
	if n == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(samples))
	half := z * math.Sqrt(float64(n)) / 2
	from := int(math.Floor(float64(n)/2 - half))
	to := int(math.Ceil(float64(n)/2 + half))
	return sorted[max(from, 1)-1], sorted[min(to+1, n)-1]
}

// SignedRank is the Wilcoxon signed-rank test of the hypothesis that differences
// lie symmetrically around zero. It returns the sum of the ranks of the positive
// ones and the two-sided p-value, by the normal approximation with corrections for
// ties and continuity (Hollander and Wolfe, Nonparametric Statistical Methods,
// section 3.1), good from about 20 differences on. Zeros are left out.
func SignedRank(differences []float64) (sum, p float64) {
	d := slices.DeleteFunc(slices.Clone(differences), func(x float64) bool { return x == 0 })
	n := float64(len(d))
	if n == 0 {
		return 0, 1
	}
	slices.SortFunc(d, func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) })
	variance := n * (n + 1) * (2*n + 1) / 24
	for from := 0; from < len(d); {
		to := from + 1
		for to < len(d) && math.Abs(d[to]) == math.Abs(d[from]) {
			to++
		}
		rank := float64(from+1+to) / 2 // the mean of those that are tied
		for _, x := range d[from:to] {
			if x > 0 {
				sum += rank
			}
		}
		ties := float64(to - from)
		variance -= (ties*ties*ties - ties) / 48
		from = to
	}
	off := max(math.Abs(sum-n*(n+1)/4)-0.5, 0)
	return sum, math.Erfc(off / math.Sqrt(2*variance))
}
