package domain_test

import (
	"testing"
	"time"

	"authserve/core/domain"
)

func TestIntervalsAreWholeMicroseconds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		burst           int
		period          time.Duration
		interval, whole time.Duration
	}{
		{30, time.Minute, 2 * time.Second, time.Minute},
		{7, time.Minute, 8571428 * time.Microsecond, 59999996 * time.Microsecond},
		{1, time.Hour, time.Hour, time.Hour},
		{1000000, time.Second, time.Microsecond, time.Second},
		{1000000, time.Millisecond, time.Microsecond, time.Second}, // nothing is faster
	} {
		r := domain.Rate{Burst: tt.burst, Period: tt.period}
		if r.Interval() != tt.interval || r.Whole() != tt.whole {
			t.Errorf("%d in %v: got %v and %v, want %v and %v", tt.burst, tt.period, r.Interval(), r.Whole(), tt.interval, tt.whole)
		}
	}
}

// A burst that does not divide its period is not more than it says.
func TestNoBurstIsMoreThanItSays(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, burst := range []int{1, 2, 3, 7, 100, 999, 60001, 999999} {
		r := domain.Rate{Burst: burst, Period: time.Second}
		var kept time.Time
		passed := 0
		for ; passed <= burst; passed++ {
			v, next := r.Judge(kept, now)
			if !v.Allowed {
				break
			}
			if v.Remaining != burst-passed-1 {
				t.Fatalf("%d: %d remain after %d", burst, v.Remaining, passed+1)
			}
			kept = next
		}
		if passed != burst {
			t.Errorf("%d: %d passed at once", burst, passed)
		}
		if refused, _ := r.Judge(kept, now); refused.RetryAfter != r.Interval() || refused.Reset != r.Whole() {
			t.Errorf("%d: refused with %+v", burst, refused)
		}
	}
}

func TestNoBucketIsEmptierThanEmpty(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := domain.Rate{Burst: 10, Period: time.Minute}
	for _, tt := range []struct{ kept, want time.Duration }{
		{-time.Hour, 0},
		{0, 0},
		{time.Second, time.Second},
		{time.Minute, time.Minute},
		{time.Minute + 1, time.Minute},
		{1000 * time.Hour, time.Minute},
	} {
		if got := r.Arrival(now.Add(tt.kept), now).Sub(now); got != tt.want {
			t.Errorf("kept %v ahead: got %v ahead, want %v", tt.kept, got, tt.want)
		}
	}
	if got := r.Arrival(time.Time{}, now); !got.Equal(now) {
		t.Errorf("a full bucket: got %v, want now", got)
	}
}

func TestTheTighterVerdict(t *testing.T) {
	t.Parallel()
	a, b := domain.Rate{Name: "a", Burst: 1, Period: 1}, domain.Rate{Name: "b", Burst: 1, Period: 1}
	allowed := func(r domain.Rate, remaining int) domain.RateVerdict {
		return domain.RateVerdict{Allowed: true, Rate: r, Remaining: remaining}
	}
	refused := func(r domain.Rate, wait time.Duration) domain.RateVerdict {
		return domain.RateVerdict{Rate: r, RetryAfter: wait}
	}
	for name, tt := range map[string]struct{ one, other, want domain.RateVerdict }{
		"none yet":              {domain.RateVerdict{Allowed: true}, allowed(b, 3), allowed(b, 3)},
		"both allow":            {allowed(a, 2), allowed(b, 1), allowed(b, 1)},
		"both allow alike":      {allowed(a, 2), allowed(b, 2), allowed(a, 2)},
		"the other refuses":     {allowed(a, 0), refused(b, 1), refused(b, 1)},
		"the first refuses":     {refused(a, 1), allowed(b, 0), refused(a, 1)},
		"both refuse":           {refused(a, 1), refused(b, 2), refused(b, 2)},
		"both refuse, reversed": {refused(a, 2), refused(b, 1), refused(a, 2)},
	} {
		if got := tt.one.Tighter(tt.other); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", name, got, tt.want)
		}
	}
}
