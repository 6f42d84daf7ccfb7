package conformance_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"authserve/adapters/outbound/memlimit"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/conformance"
)

// As for stores, each row plants one fault in a limiter that conforms, and names the
// cases that have to find it.
func TestLimiterCasesFindPlantedFaults(t *testing.T) {
	t.Parallel()
	for _, row := range limiterFaults() {
		t.Run(row.fault, func(t *testing.T) {
			t.Parallel()
			for _, name := range row.cases {
				cases := conformance.LimiterCases()
				i := slices.IndexFunc(cases, func(c conformance.LimiterCase) bool { return c.Name == name })
				if i < 0 {
					t.Fatalf("there is no case %s", name)
				}
				if failures := limiterOutcome(t, cases[i], memlimit.New()); len(failures) > 0 {
					t.Errorf("%s fails a limiter without fault: %s", name, failures[0])
				}
				if failures := limiterOutcome(t, cases[i], row.plant(memlimit.New())); len(failures) == 0 {
					t.Errorf("%s passes a limiter that %s", name, row.fault)
				}
			}
		})
	}
}

func TestEveryLimiterCaseFindsAFault(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, row := range limiterFaults() {
		for _, name := range row.cases {
			found[name] = true
		}
	}
	for _, c := range conformance.LimiterCases() {
		if !found[c.Name] {
			t.Errorf("%s has no planted fault to find", c.Name)
		}
		if !strings.HasPrefix(c.Name, "limiter.") || !strings.HasSuffix(c.Description, ".") {
			t.Errorf("case %q: %q: want a name of the group limiter and a sentence", c.Name, c.Description)
		}
	}
}

func limiterOutcome(t *testing.T, c conformance.LimiterCase, l ports.Limiter) []string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := &recorder{ctx: ctx}
	var running sync.WaitGroup
	running.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				r.Errorf("panic: %v", v)
			}
		}()
		c.Run(r, l)
	})
	running.Wait()
	return r.failures
}

// faultyLimiter is a limiter with other methods.
type faultyLimiter struct {
	take   func(context.Context, time.Time, []domain.Bucket) (domain.RateVerdict, error)
	giving func(context.Context, time.Time, []domain.Bucket) error
}

func (f faultyLimiter) Take(ctx context.Context, now time.Time, b ...domain.Bucket) (domain.RateVerdict, error) {
	return f.take(ctx, now, b)
}

func (f faultyLimiter) Return(ctx context.Context, now time.Time, b ...domain.Bucket) error {
	return f.giving(ctx, now, b)
}

type limiterFault struct {
	fault string
	plant func(ports.Limiter) ports.Limiter
	cases []string
}

func limiterFaults() []limiterFault {
	return []limiterFault{
		{"allows one more than the burst", generous, []string{"limiter.burst", "limiter.refill", "limiter.contenders", "limiter.verdict"}},
		{"takes for refused attempts", greedy, []string{"limiter.burst"}},
		{"never refills", frozen, []string{"limiter.refill", "limiter.return_never_overfills"}},
		{"refills at once at the end of a window", windowed, []string{"limiter.refill"}},
		{"tells no time to wait", silentVerdict, []string{"limiter.verdict"}},
		{"takes from bucket after bucket", stepwise, []string{"limiter.all_or_none"}},
		{"tells of the last bucket", lastVerdict, []string{"limiter.tightest"}},
		{"refuses without a bucket", refusing, []string{"limiter.no_bucket"}},
		{"folds the case of keys", keyed(func(b domain.Bucket) domain.Bucket { b.Key = strings.ToLower(b.Key); return b }), []string{"limiter.keys_apart"}},
		{"cuts keys at NUL", keyed(func(b domain.Bucket) domain.Bucket { b.Key, _, _ = strings.Cut(b.Key, "\x00"); return b }), []string{"limiter.keys_apart"}},
		{"cuts long keys", keyed(func(b domain.Bucket) domain.Bucket { b.Key = b.Key[:min(len(b.Key), 255)]; return b }), []string{"limiter.keys_apart"}},
		{"joins name and key", joined, []string{"limiter.keys_apart"}},
		{"gives nothing back", keeping, []string{"limiter.return", "limiter.return_forgets_nothing"}},
		{"gives back the first bucket only", halfGiving, []string{"limiter.return", "limiter.return_forgets_nothing", "limiter.contenders_return"}},
		{"fills the bucket on Return", filling, []string{"limiter.return", "limiter.return_forgets_nothing", "limiter.contenders_return"}},
		{"overfills on Return", overfilling, []string{"limiter.return_never_overfills"}},
		{"reads and writes apart", racy, []string{"limiter.contenders"}},
		{"refuses until a clock that went back is there again", stubborn, []string{"limiter.clock_goes_back"}},
		{"fills buckets when the clock goes back", naive, []string{"limiter.clock_goes_back"}},
		{"ignores contexts", deafLimiter, []string{"limiter.contexts"}},
	}
}

// changed plants another Take.
func changed(l ports.Limiter, take func(context.Context, time.Time, []domain.Bucket) (domain.RateVerdict, error)) ports.Limiter {
	return faultyLimiter{take: take, giving: func(ctx context.Context, now time.Time, b []domain.Bucket) error { return l.Return(ctx, now, b...) }}
}

// giving plants another Return.
func giving(l ports.Limiter, back func(context.Context, time.Time, []domain.Bucket) error) ports.Limiter {
	return faultyLimiter{giving: back, take: func(ctx context.Context, now time.Time, b []domain.Bucket) (domain.RateVerdict, error) {
		return l.Take(ctx, now, b...)
	}}
}

func keyed(change func(domain.Bucket) domain.Bucket) func(ports.Limiter) ports.Limiter {
	return func(l ports.Limiter) ports.Limiter {
		all := func(buckets []domain.Bucket) []domain.Bucket {
			out := make([]domain.Bucket, len(buckets))
			for i, b := range buckets {
				out[i] = change(b)
			}
			return out
		}
		return faultyLimiter{
			take: func(ctx context.Context, now time.Time, b []domain.Bucket) (domain.RateVerdict, error) {
				return l.Take(ctx, now, all(b)...)
			},
			giving: func(ctx context.Context, now time.Time, b []domain.Bucket) error {
				return l.Return(ctx, now, all(b)...)
			},
		}
	}
}

func generous(l ports.Limiter) ports.Limiter {
	return keyed(func(b domain.Bucket) domain.Bucket {
		b.Rate.Period += b.Rate.Interval()
		b.Rate.Burst++
		return b
	})(l)
}

func greedy(l ports.Limiter) ports.Limiter {
	var mu sync.Mutex
	owed := map[string]int{}
	return changed(l, func(ctx context.Context, now time.Time, b []domain.Bucket) (domain.RateVerdict, error) {
		mu.Lock()
		defer mu.Unlock()
		v, err := l.Take(ctx, now, b...)
		key := fmt.Sprint(b)
		switch {
		case !v.Allowed:
			owed[key]++
		case owed[key] > 0:
			owed[key]--
			v.Allowed = false
		}
		return v, err
	})
}

func frozen(l ports.Limiter) ports.Limiter {
	var once sync.Once
	var first time.Time
	return changed(l, func(ctx context.Context, now time.Time, b []domain.Bucket) (domain.RateVerdict, error) {
		once.Do(func() { first = now })
		return l.Take(ctx, first, b...)
	})
}

func windowed(l ports.Limiter) ports.Limiter {
	return changed(l, func(ctx context.Context, now time.Time, b []domain.Bucket) (domain.RateVerdict, error) {
		return l.Take(ctx, now.Truncate(time.Hour), b...)
	})
}

func silentVerdict(l ports.Limiter) ports.Limiter {
	return changed(l, func(ctx context.Context, now time.Time, b []domain.Bucket) (domain.RateVerdict, error) {
		v, err := l.Take(ctx, now, b...)
		v.RetryAfter = 0
		return v, err
	})
}

func stepwise(l ports.Limiter) ports.Limiter {
	return changed(l, func(ctx context.Context, now time.Time, buckets []domain.Bucket) (v domain.RateVerdict, err error) {
		v.Allowed = true
		for _, b := range buckets {
			if v, err = l.Take(ctx, now, b); err != nil || !v.Allowed {
				return v, err
			}
		}
		return v, nil
	})
}

func lastVerdict(l ports.Limiter) ports.Limiter {
	return changed(l, func(ctx context.Context, now time.Time, b []domain.Bucket) (domain.RateVerdict, error) {
		v, err := l.Take(ctx, now, b...)
		if len(b) > 0 {
			v.Rate = b[len(b)-1].Rate
		}
		return v, err
	})
}

func refusing(l ports.Limiter) ports.Limiter {
	return changed(l, func(ctx context.Context, now time.Time, b []domain.Bucket) (domain.RateVerdict, error) {
		v, err := l.Take(ctx, now, b...)
		v.Allowed = v.Allowed && len(b) > 0
		return v, err
	})
}

func joined(l ports.Limiter) ports.Limiter {
	return keyed(func(b domain.Bucket) domain.Bucket {
		b.Rate.Name = "all"
		return b
	})(l)
}

func keeping(l ports.Limiter) ports.Limiter {
	return giving(l, func(ctx context.Context, _ time.Time, _ []domain.Bucket) error { return ctx.Err() })
}

func halfGiving(l ports.Limiter) ports.Limiter {
	return giving(l, func(ctx context.Context, now time.Time, b []domain.Bucket) error {
		return l.Return(ctx, now, b[:min(len(b), 1)]...)
	})
}

func filling(l ports.Limiter) ports.Limiter {
	return giving(l, func(ctx context.Context, now time.Time, buckets []domain.Bucket) error {
		for _, b := range buckets {
			for range b.Rate.Burst {
				if err := l.Return(ctx, now, b); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// overfilling owes each bucket what was given back, whether it was taken or not.
func overfilling(l ports.Limiter) ports.Limiter {
	var mu sync.Mutex
	owed := map[string]int{}
	return faultyLimiter{
		giving: func(ctx context.Context, _ time.Time, buckets []domain.Bucket) error {
			mu.Lock()
			defer mu.Unlock()
			for _, b := range buckets {
				owed[b.Key]++
			}
			return ctx.Err()
		},
		take: func(ctx context.Context, now time.Time, b []domain.Bucket) (domain.RateVerdict, error) {
			mu.Lock()
			defer mu.Unlock()
			v, err := l.Take(ctx, now, b...)
			if len(b) > 0 && !v.Allowed && owed[b[0].Key] > 0 {
				owed[b[0].Key]--
				v.Allowed = true
			}
			return v, err
		},
	}
}

// racy decides by what it read before, and takes afterwards.
func racy(l ports.Limiter) ports.Limiter {
	var reading sync.WaitGroup
	var mu sync.Mutex
	taken := map[string]int{}
	reading.Add(32)
	var readers int
	return changed(l, func(_ context.Context, _ time.Time, b []domain.Bucket) (domain.RateVerdict, error) {
		mu.Lock()
		key := b[len(b)-1].Key
		seen := taken[key]
		waits := readers < 32
		readers++
		mu.Unlock()
		if waits { // until as many have read the same
			reading.Done()
			reading.Wait()
		}
		allowed := seen < 10
		if allowed {
			mu.Lock()
			taken[key]++
			mu.Unlock()
		}
		return domain.RateVerdict{Allowed: allowed}, nil
	})
}

// plainLimiter keeps arrivals as they are, whatever the clock says.
func plainLimiter(arrival func(kept, now time.Time) time.Time) ports.Limiter {
	var mu sync.Mutex
	kept := map[string]time.Time{}
	return changed(memlimit.New(), func(_ context.Context, now time.Time, b []domain.Bucket) (domain.RateVerdict, error) {
		mu.Lock()
		defer mu.Unlock()
		at := arrival(kept[b[0].Key], now)
		next := at.Add(b[0].Rate.Interval())
		if wait := next.Sub(now) - b[0].Rate.Whole(); wait > 0 {
			return domain.RateVerdict{RetryAfter: wait}, nil
		}
		kept[b[0].Key] = next
		return domain.RateVerdict{Allowed: true}, nil
	})
}

func stubborn(ports.Limiter) ports.Limiter {
	return plainLimiter(func(kept, now time.Time) time.Time {
		if kept.Before(now) {
			return now
		}
		return kept
	})
}

func naive(ports.Limiter) ports.Limiter {
	var last time.Time
	return plainLimiter(func(kept, now time.Time) time.Time {
		back := now.Before(last)
		last = now
		if kept.Before(now) || back {
			return now
		}
		return kept
	})
}

func deafLimiter(l ports.Limiter) ports.Limiter {
	return faultyLimiter{
		take: func(ctx context.Context, now time.Time, b []domain.Bucket) (domain.RateVerdict, error) {
			return l.Take(context.WithoutCancel(ctx), now, b...)
		},
		giving: func(ctx context.Context, now time.Time, b []domain.Bucket) error {
			return l.Return(context.WithoutCancel(ctx), now, b...)
		},
	}
}
