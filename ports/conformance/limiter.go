package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// LimiterHarness is what the suite needs to test a limiter.
type LimiterHarness struct {
	// New returns a limiter whose buckets are all full, and which lives as long as t. It
	// is called once for each case, from several goroutines.
	New func(t *testing.T) ports.Limiter
}

// LimiterCase is one thing that a limiter must do. None accepts a gap.
type LimiterCase struct {
	Name        string
	Description string
	run         func(s *limits)
}

// Run tests one case on a limiter whose buckets are all full.
func (c LimiterCase) Run(t TB, limiter ports.Limiter) {
	t.Helper()
	c.run(&limits{TB: t, limiter: limiter, now: fake.Epoch()})
}

// LimiterCases lists every case.
func LimiterCases() []LimiterCase {
	return []LimiterCase{
		{"limiter.burst", "A bucket that was never seen is full: its burst passes at once, and no more; attempts that are refused take nothing.", limiterBurst},
		{"limiter.refill", "One more passes after each interval, and after the period the whole burst.", limiterRefill},
		{"limiter.verdict", "The verdict tells what remains, when all of it is there again, and of a refused attempt when one may pass.", limiterVerdict},
		{"limiter.all_or_none", "Where one of several buckets is empty, none is taken from.", limiterAllOrNone},
		{"limiter.tightest", "The verdict on several buckets speaks of the one that refuses, of several such of the one that waits longest, and otherwise of the one that leaves least.", limiterTightest},
		{"limiter.no_bucket", "Without a bucket every attempt is allowed.", limiterNoBucket},
		{"limiter.keys_apart", "Keys of any bytes are different buckets, and so is one key under rates of different names.", limiterKeysApart},
		{"limiter.return", "What is given back can be taken again at once.", limiterReturn},
		{"limiter.return_never_overfills", "Return makes no bucket more than full: not one that was never seen, not a full one, and not one that filled up meanwhile.", limiterReturnNeverOverfills},
		{"limiter.return_forgets_nothing", "Return leaves what others took of the bucket, and all other buckets.", limiterReturnForgetsNothing},
		{"limiter.contenders", "Of 64 contenders as many pass as the bucket holds, also where they take from further buckets of their own.", limiterContenders},
		{"limiter.contenders_return", "Contenders that each give back what they took leave the bucket as it was.", limiterContendersReturn},
		{"limiter.clock_goes_back", "When the clock goes back, nothing is gained, and an empty bucket is full again one period later at the latest.", limiterClockGoesBack},
		{"limiter.contexts", "Take and Return with a context that has ended fail with its error and change nothing.", limiterContexts},
	}
}

// Limiter runs every case against the limiter of h.
func Limiter(t *testing.T, h LimiterHarness) {
	t.Helper()
	for _, c := range LimiterCases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.Run(t, h.New(t))
		})
	}
}

// limits is a limiter under test, and the time there.
type limits struct {
	TB
	limiter ports.Limiter
	now     time.Time
}

// tenPerHour has an interval of six minutes: no test takes so long, so that what an
// adapter does by a clock of its own does not show.
func tenPerHour(key string) domain.Bucket {
	return domain.Bucket{Key: key, Rate: domain.Rate{Name: "ten", Burst: 10, Period: time.Hour}}
}

func twoPerDay(key string) domain.Bucket {
	return domain.Bucket{Key: key, Rate: domain.Rate{Name: "two", Burst: 2, Period: day}}
}

const tenth = 6 * time.Minute // interval of tenPerHour

func (s *limits) take(buckets ...domain.Bucket) domain.RateVerdict {
	s.Helper()
	verdict, err := s.limiter.Take(s.Context(), s.now, buckets...)
	if err != nil {
		s.Fatalf("Take: %v", err)
	}
	return verdict
}

func (s *limits) giveBack(buckets ...domain.Bucket) {
	s.Helper()
	if err := s.limiter.Return(s.Context(), s.now, buckets...); err != nil {
		s.Fatalf("Return: %v", err)
	}
}

// holds takes all that is left of the bucket and checks how much that was.
func (s *limits) holds(what string, want int, buckets ...domain.Bucket) {
	s.Helper()
	got := 0
	for got <= want+1 && s.take(buckets...).Allowed {
		got++
	}
	if got != want {
		s.Errorf("%s: got %d attempts through, want %d", what, got, want)
	}
}

func limiterBurst(s *limits) {
	s.holds("a new bucket", 10, tenPerHour("a"))
	for range 20 {
		s.take(tenPerHour("a"))
	}
	s.now = s.now.Add(tenth)
	s.holds("after an interval of refusals", 1, tenPerHour("a"))
}

func limiterRefill(s *limits) {
	s.holds("a new bucket", 10, tenPerHour("a"))
	s.now = s.now.Add(tenth - time.Microsecond)
	s.holds("just before the interval", 0, tenPerHour("a"))
	s.now = s.now.Add(time.Microsecond)
	s.holds("after the interval", 1, tenPerHour("a"))
	s.now = s.now.Add(3 * tenth)
	s.holds("after three", 3, tenPerHour("a"))
	s.now = s.now.Add(time.Hour - time.Microsecond)
	s.holds("just before the period", 9, tenPerHour("a"))
	s.now = s.now.Add(100 * time.Hour)
	s.holds("long after", 10, tenPerHour("a"))
}

func limiterVerdict(s *limits) {
	b := tenPerHour("a")
	for left := 9; left >= 0; left-- {
		equalVerdict(s, s.take(b), domain.RateVerdict{Allowed: true, Rate: b.Rate, Remaining: left, Reset: time.Duration(10-left) * tenth})
	}
	refused := domain.RateVerdict{Rate: b.Rate, Reset: time.Hour, RetryAfter: tenth}
	equalVerdict(s, s.take(b), refused)
	s.now = s.now.Add(2 * time.Minute)
	refused.Reset, refused.RetryAfter = refused.Reset-2*time.Minute, refused.RetryAfter-2*time.Minute
	equalVerdict(s, s.take(b), refused)
	s.now = s.now.Add(4 * time.Minute)
	equalVerdict(s, s.take(b), domain.RateVerdict{Allowed: true, Rate: b.Rate, Remaining: 0, Reset: time.Hour})
}

func equalVerdict(s *limits, got, want domain.RateVerdict) {
	s.Helper()
	if got != want {
		s.Errorf("got verdict %+v, want %+v", got, want)
	}
}

func limiterAllOrNone(s *limits) {
	s.holds("the small one", 2, twoPerDay("a"))
	for range 20 {
		if s.take(tenPerHour("a"), twoPerDay("a"), tenPerHour("b")).Allowed {
			s.Fatalf("an attempt passed with one of its buckets empty")
		}
	}
	s.holds("the one named first", 10, tenPerHour("a"))
	s.holds("the one named last", 10, tenPerHour("b"))
	s.now = s.now.Add(12 * time.Hour)
	if !s.take(tenPerHour("a"), twoPerDay("a"), tenPerHour("b")).Allowed {
		s.Errorf("an attempt was refused with none of its buckets empty")
	}
	s.holds("the one named first, after one of all", 9, tenPerHour("a"))
	s.holds("the small one, after one of all", 0, twoPerDay("a"))
	s.holds("the one named last, after one of all", 9, tenPerHour("b"))
}

func limiterTightest(s *limits) {
	ten, two := tenPerHour("a"), twoPerDay("a")
	least := domain.RateVerdict{Allowed: true, Rate: two.Rate, Remaining: 1, Reset: 12 * time.Hour}
	equalVerdict(s, s.take(ten, two), least)
	least.Remaining, least.Reset = 0, day
	equalVerdict(s, s.take(two, ten), least)
	refused := domain.RateVerdict{Rate: two.Rate, Reset: day, RetryAfter: 12 * time.Hour}
	equalVerdict(s, s.take(ten, two), refused)
	s.holds("the other", 8, ten)
	equalVerdict(s, s.take(ten, two), refused)
	equalVerdict(s, s.take(two, ten), refused)
}

func limiterNoBucket(s *limits) {
	if v := s.take(); !v.Allowed || v.RetryAfter != 0 {
		s.Errorf("got verdict %+v, want it allowed", v)
	}
	s.giveBack()
}

func limiterKeysApart(s *limits) {
	keys := []string{
		"", " ", "a", "A", "a ", "a\x00", "\x00a", "a\x00b", "a:b", "a::b", "{a}", "{a", "*", "?", "a\r\nb", "\xff\xfe", "\xc3\xa4", "a\u0308",
		"ten", "two", strings.Repeat("k", 4096), strings.Repeat("k", 4095) + "l",
	}
	for _, key := range keys {
		s.holds(fmt.Sprintf("ten of %.20q", key), 10, tenPerHour(key))
		s.holds(fmt.Sprintf("two of %.20q", key), 2, twoPerDay(key))
	}
	for _, key := range keys {
		s.holds(fmt.Sprintf("ten of %.20q again", key), 0, tenPerHour(key))
	}
}

func limiterReturn(s *limits) {
	s.holds("a new bucket", 10, tenPerHour("a"))
	s.giveBack(tenPerHour("a"))
	s.holds("after one was given back", 1, tenPerHour("a"))
	for range 3 {
		s.giveBack(tenPerHour("a"))
	}
	s.holds("after three were given back", 3, tenPerHour("a"))
	s.take(twoPerDay("a"))
	s.giveBack(tenPerHour("a"), twoPerDay("a"))
	s.holds("after one of each was given back", 1, tenPerHour("a"))
	s.holds("the other, after one of each was given back", 2, twoPerDay("a"))
}

func limiterReturnNeverOverfills(s *limits) {
	s.giveBack(tenPerHour("new"))
	s.holds("one that was never seen", 10, tenPerHour("new"))
	s.take(tenPerHour("full"))
	for range 5 {
		s.giveBack(tenPerHour("full"))
	}
	s.holds("one that got more than was taken", 10, tenPerHour("full"))
	s.holds("one to be filled", 10, tenPerHour("filled"))
	s.now = s.now.Add(2 * time.Hour)
	s.giveBack(tenPerHour("filled"))
	s.holds("one that filled up meanwhile", 10, tenPerHour("filled"))
	s.now = s.now.Add(time.Hour - tenth/2)
	s.giveBack(tenPerHour("filled"))
	s.holds("one that was nearly full", 10, tenPerHour("filled"))
}

func limiterReturnForgetsNothing(s *limits) {
	for range 5 {
		s.take(tenPerHour("a"))
	}
	s.take(tenPerHour("b"), twoPerDay("a"))
	s.giveBack(tenPerHour("a"))
	s.holds("the bucket", 6, tenPerHour("a"))
	s.holds("another key", 9, tenPerHour("b"))
	s.holds("another rate", 1, twoPerDay("a"))
	s.giveBack(tenPerHour("a"), tenPerHour("b"))
	s.holds("the bucket", 1, tenPerHour("a"))
	s.holds("another key", 1, tenPerHour("b"))
	s.holds("another rate", 0, twoPerDay("a"))
}

const crowd = 64

// race runs fn in as many goroutines as a crowd has, at once.
func (s *limits) race(fn func(i int)) {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for i := range crowd {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			fn(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
}

func limiterContenders(s *limits) {
	for round := range 4 {
		var passed atomic.Int64
		shared := fmt.Sprint("shared ", round)
		s.race(func(i int) {
			buckets := []domain.Bucket{tenPerHour(fmt.Sprint(round, " own ", i)), tenPerHour(shared)}
			verdict, err := s.limiter.Take(s.Context(), s.now, buckets[round%2:]...)
			if err != nil {
				s.Errorf("Take: %v", err)
			} else if verdict.Allowed {
				passed.Add(1)
			}
		})
		if got := passed.Load(); got != 10 {
			s.Errorf("got %d of %d contenders through, want 10", got, crowd)
		}
		s.holds("the bucket after the race", 0, tenPerHour(shared))
	}
}

func limiterContendersReturn(s *limits) {
	for range 4 {
		s.take(tenPerHour("a"))
	}
	s.race(func(int) {
		verdict, err := s.limiter.Take(s.Context(), s.now, tenPerHour("a"), tenPerHour("b"))
		if err == nil && verdict.Allowed {
			err = s.limiter.Return(s.Context(), s.now, tenPerHour("a"), tenPerHour("b"))
		}
		if err != nil {
			s.Errorf("Take and Return: %v", err)
		}
	})
	s.holds("the bucket after the race", 6, tenPerHour("a"))
	s.holds("the other after the race", 10, tenPerHour("b"))
}

func limiterClockGoesBack(s *limits) {
	s.holds("a new bucket", 10, tenPerHour("a"))
	s.now = s.now.Add(-tenth)
	s.holds("after a step back", 0, tenPerHour("a"))
	s.now = s.now.Add(-1000 * time.Hour)
	s.holds("after a leap back", 0, tenPerHour("a"))
	if got := s.take(tenPerHour("a")).RetryAfter; got > tenth {
		s.Errorf("after a leap back: got RetryAfter %v, want %v at most", got, tenth)
	}
	s.now = s.now.Add(tenth)
	s.holds("an interval after the leap", 1, tenPerHour("a"))
	s.now = s.now.Add(time.Hour)
	s.holds("a period after the leap", 10, tenPerHour("a"))

	for range 3 {
		s.take(tenPerHour("b"))
	}
	s.now = s.now.Add(-tenth)
	s.holds("one that is not empty, after a step back", 6, tenPerHour("b"))
}

func limiterContexts(s *limits) {
	ended, cancel := context.WithCancel(s.Context())
	cancel()
	expired, cancel := context.WithTimeout(s.Context(), -time.Second)
	defer cancel()
	s.take(tenPerHour("a"))
	for _, ctx := range []context.Context{ended, expired} {
		if v, err := s.limiter.Take(ctx, s.now, tenPerHour("a")); !errors.Is(err, ctx.Err()) || v.Allowed {
			s.Errorf("Take with an ended context: got %+v, %v, want %v", v, err, ctx.Err())
		}
		if err := s.limiter.Return(ctx, s.now, tenPerHour("a")); !errors.Is(err, ctx.Err()) {
			s.Errorf("Return with an ended context: got %v, want %v", err, ctx.Err())
		}
	}
	s.holds("the bucket", 9, tenPerHour("a"))
}
