package conformance

import (
	"context"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func throttleCases() []Case {
	return []Case{
		{
			"throttles.fail_counts", true,
			"Each Fail counts one more failure of its key at its instant, and returns the count that ByKey then reads; a key without failures has none.",
			throttleFailCounts,
		},
		{
			"throttles.clear", true,
			"Clear forgets the failures of its key and of no other; none are no error.",
			throttleClear,
		},
		{
			"throttles.purge", false,
			"Purge removes at most the given number of counts whose last failure was before the instant, and returns how many.",
			throttlePurge,
		},
	}
}

// throttleKey is key n: 32 bytes.
func throttleKey(n int) []byte { return fake.IdempotencyRecord(n).Key }

func (s *subject) fail(n int, at time.Time) (count domain.Throttle, err error) {
	err = s.try(func(ctx context.Context, tx ports.Tx) (err error) {
		count, err = tx.Throttles().Fail(ctx, throttleKey(n), at)
		return err
	})
	return count, err
}

// failed counts one more failure of key n, which must be accepted.
func (s *subject) failed(n int, at time.Time) domain.Throttle {
	s.Helper()
	count, err := s.fail(n, at)
	if err != nil {
		s.Fatalf("Fail: got error %v, want none", err)
	}
	return count
}

func (s *subject) throttle(n int) domain.Throttle {
	s.Helper()
	return read(s, func(ctx context.Context, tx ports.Tx) (domain.Throttle, error) {
		return tx.Throttles().ByKey(ctx, throttleKey(n))
	})
}

func throttleFailCounts(s *subject) {
	none := domain.Throttle{Key: throttleKey(1)}
	equal(s, "the count of no failure", s.throttle(1), none)
	for n := range 5 {
		at := fake.Epoch().Add(time.Duration(n) * time.Minute)
		want := domain.Throttle{Key: throttleKey(1), Failures: n + 1, LastFailure: at}
		equal(s, "the count that Fail returns", s.failed(1, at), want)
		equal(s, "the count", s.throttle(1), want)
	}
	equal(s, "the count of another key", s.failed(2, fake.Epoch()), domain.Throttle{Key: throttleKey(2), Failures: 1, LastFailure: fake.Epoch()})
	equal(s, "the count of the first key", s.throttle(1).Failures, 5)
	s.update(func(ctx context.Context, tx ports.Tx) error {
		for _, want := range []int{1, 2, 3} {
			count, err := tx.Throttles().Fail(ctx, throttleKey(3), fake.Epoch())
			if err != nil {
				return err
			}
			equal(s, "the count inside one Update", count.Failures, want)
		}
		return nil
	})
	equal(s, "the count after one Update", s.throttle(3).Failures, 3)
}

func throttleClear(s *subject) {
	s.failed(1, fake.Epoch())
	s.failed(1, fake.Epoch())
	other := s.failed(2, fake.Epoch())
	for range 2 {
		s.update(func(ctx context.Context, tx ports.Tx) error { return tx.Throttles().Clear(ctx, throttleKey(1)) })
		equal(s, "the count after Clear", s.throttle(1), domain.Throttle{Key: throttleKey(1)})
	}
	equal(s, "the count of another key", s.throttle(2), other)
	equal(s, "the next count", s.failed(1, fake.Epoch()).Failures, 1)
}

func throttlePurge(s *subject) {
	cut := fake.Epoch().Add(day)
	offsets := []time.Duration{-time.Microsecond, -time.Hour, -time.Minute, 0, time.Hour}
	for n, offset := range offsets {
		s.failed(n, fake.Epoch())
		s.failed(n, cut.Add(offset)) // the last one decides
	}
	for _, want := range []int{2, 1, 0} {
		got := write(s, func(ctx context.Context, tx ports.Tx) (int, error) { return tx.Throttles().Purge(ctx, cut, 2) })
		equal(s, "the number of purged counts", got, want)
	}
	for n, offset := range offsets {
		want := 2
		if offset < 0 {
			want = 0
		}
		equal(s, "the count after the purge", s.throttle(n).Failures, want)
	}
}
