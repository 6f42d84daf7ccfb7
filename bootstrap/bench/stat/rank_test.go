package stat_test

import (
	"math"
	"testing"

	"authserve/bootstrap/bench/stat"
)

func TestPercentileIsTheNearestRank(t *testing.T) {
	t.Parallel()
	thousand := make([]int, 1000)
	for i := range thousand {
		thousand[(i*7)%1000] = i + 1 // 1 to 1000, out of order
	}
	for _, tc := range []struct {
		name    string
		samples []int
		q       float64
		want    int
	}{
		{"none", nil, 0.5, 0},
		{"one", []int{7}, 0.999, 7},
		{"lowest", thousand, 0, 1},
		{"p50", thousand, 0.5, 500},
		{"p99", thousand, 0.99, 990},
		{"p99.9", thousand, 0.999, 999},
		{"highest", thousand, 1, 1000},
		{"p99 of few is the highest", []int{3, 1, 2}, 0.99, 3},
		{"p50 of an even number", []int{4, 1, 3, 2}, 0.5, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := stat.Percentile(tc.samples, tc.q); got != tc.want {
				t.Errorf("got %d; want %d", got, tc.want)
			}
		})
	}
}

func TestPercentileLeavesTheSamplesInOrder(t *testing.T) {
	t.Parallel()
	samples := []int{3, 1, 2}
	stat.Percentile(samples, 0.5)
	if samples[0] != 3 || samples[1] != 1 || samples[2] != 2 {
		t.Errorf("got %v; want them as they were", samples)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		samples []float64
		want    float64
	}{
		{nil, 0}, {[]float64{5}, 5}, {[]float64{9, 1, 5}, 5}, {[]float64{9, 1, 5, 2}, 3.5},
	} {
		if got := stat.Median(tc.samples); got != tc.want {
			t.Errorf("of %v: got %v; want %v", tc.samples, got, tc.want)
		}
	}
}

func TestMedianIntervalIsThatOfTheTable(t *testing.T) {
	t.Parallel()
	samples := make([]float64, 100)
	for i := range samples {
		samples[i] = float64(100 - i)
	}
	// For n = 100 the ranks of the 95 % interval are 40 and 61 (Conover, table A3).
	low, high := stat.MedianInterval(samples, 1.96)
	if low != 40 || high != 61 {
		t.Errorf("got %v to %v; want 40 to 61", low, high)
	}
	if low, high = stat.MedianInterval(samples[:2], 3.29); low != 99 || high != 100 {
		t.Errorf("of two samples: got %v to %v; want both", low, high)
	}
}

func TestSignedRankOfPublishedExamples(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name          string
		before, after []float64
		sum, p, near  float64
	}{
		{
			// Hollander and Wolfe 1973, page 29; R prints V = 40, exact p = 0.03906, and
			// 0.04401 with exact = FALSE.
			name:   "depression scale",
			before: []float64{1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30},
			after:  []float64{0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29},
			sum:    40, p: 0.04401, near: 0.00001,
		},
		{
			// A zero is left out and ties share their ranks: the sums are 27 and 18.
			name:   "with ties",
			before: []float64{125, 115, 130, 140, 140, 115, 140, 125, 140, 135},
			after:  []float64{110, 122, 125, 120, 140, 124, 123, 137, 135, 145},
			sum:    27, p: 0.63529, near: 0.00001,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := make([]float64, len(tc.before))
			for i := range d {
				d[i] = tc.before[i] - tc.after[i]
			}
			sum, p := stat.SignedRank(d)
			if sum != tc.sum || math.Abs(p-tc.p) > tc.near {
				t.Errorf("got %v, p = %.5f; want %v, p = %.5f", sum, p, tc.sum, tc.p)
			}
		})
	}
}

func TestSignedRankTellsAShiftFromNoise(t *testing.T) {
	t.Parallel()
	even, shifted := make([]float64, 200), make([]float64, 200)
	for i := range even {
		noise := float64(i/2 + 1)
		if i%2 == 0 {
			noise = -noise
		}
		even[i], shifted[i] = noise, noise+30
	}
	if _, p := stat.SignedRank(even); p < 0.9 {
		t.Errorf("symmetric differences: p = %v; want nearly 1", p)
	}
	if _, p := stat.SignedRank(shifted); p > 1e-6 {
		t.Errorf("shifted differences: p = %v; want nearly 0", p)
	}
	if sum, p := stat.SignedRank([]float64{0, 0}); sum != 0 || p != 1 {
		t.Errorf("only zeros: got %v, p = %v; want 0, 1", sum, p)
	}
}
