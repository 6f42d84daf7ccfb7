package conformance

import (
	"context"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func idempotencyCases() []Case {
	return []Case{
		{
			"idempotency.create_then_read", true,
			"A record is read with every field by its key, expired or not; an unknown key is ErrNotFound.",
			recordCreateThenRead,
		},
		{
			"idempotency.key_is_unique", true,
			"Creating a record whose key has one that is not expired at the new one's creation is a conflict of key and leaves the first.",
			recordKeyIsUnique,
		},
		{
			"idempotency.expired_is_replaced", true,
			"A record that has expired at the creation of another one of its key, on the very instant too, is replaced by that.",
			recordExpiredIsReplaced,
		},
		{
			"idempotency.purge", false,
			"Purge removes at most the given number of records that expired before the instant, and returns how many.",
			recordPurge,
		},
	}
}

func (s *subject) createRecord(r domain.IdempotencyRecord) error {
	return s.try(func(ctx context.Context, tx ports.Tx) error { return tx.Idempotency().Create(ctx, r) })
}

func (s *subject) record(key []byte) domain.IdempotencyRecord {
	s.Helper()
	return read(s, func(ctx context.Context, tx ports.Tx) (domain.IdempotencyRecord, error) {
		return tx.Idempotency().ByKey(ctx, key)
	})
}

func (s *subject) recordFound(key []byte) error {
	return found(s, func(ctx context.Context, tx ports.Tx) (domain.IdempotencyRecord, error) {
		return tx.Idempotency().ByKey(ctx, key)
	})
}

func recordCreateThenRead(s *subject) {
	expired := fake.IdempotencyRecord(2, func(r *domain.IdempotencyRecord) {
		r.CreatedAt, r.ExpiresAt = fake.Epoch().Add(-9*day), fake.Epoch().Add(-8*day)
	})
	for _, want := range []domain.IdempotencyRecord{fake.IdempotencyRecord(1), expired} {
		if err := s.createRecord(want); err != nil {
			s.Fatalf("Create: got error %v, want none", err)
		}
		equal(s, "the record", s.record(want.Key), want)
	}
	s.fails("an unknown key", s.recordFound(fake.IdempotencyRecord(3).Key), ports.ErrNotFound)
	s.fails("the beginning of a key", s.recordFound(expired.Key[:31]), ports.ErrNotFound)
}

func recordKeyIsUnique(s *subject) {
	first := fake.IdempotencyRecord(1)
	if err := s.createRecord(first); err != nil {
		s.Fatalf("Create: got error %v, want none", err)
	}
	second := fake.IdempotencyRecord(2, func(r *domain.IdempotencyRecord) {
		r.Key, r.CreatedAt = first.Key, first.ExpiresAt.Add(-time.Microsecond)
	})
	s.conflicts("a second record of the same key", s.createRecord(second), "key")
	equal(s, "the record", s.record(first.Key), first)
}

func recordExpiredIsReplaced(s *subject) {
	previous := fake.IdempotencyRecord(1)
	if err := s.createRecord(previous); err != nil {
		s.Fatalf("Create: got error %v, want none", err)
	}
	for n, pause := range []time.Duration{0, time.Hour} {
		next := fake.IdempotencyRecord(n+2, func(r *domain.IdempotencyRecord) {
			r.Key, r.CreatedAt = previous.Key, previous.ExpiresAt.Add(pause)
			r.ExpiresAt = r.CreatedAt.Add(day)
		})
		if err := s.createRecord(next); err != nil {
			s.Errorf("Create %v after the expiry: got error %v, want none", pause, err)
		}
		equal(s, "the record", s.record(previous.Key), next)
		previous = next
	}
}

func recordPurge(s *subject) {
	cut := fake.Epoch().Add(day)
	offsets := []time.Duration{-time.Microsecond, -time.Hour, -time.Minute, 0, time.Hour}
	for n, offset := range offsets {
		record := fake.IdempotencyRecord(n, func(r *domain.IdempotencyRecord) { r.ExpiresAt = cut.Add(offset) })
		if err := s.createRecord(record); err != nil {
			s.Fatalf("Create: got error %v, want none", err)
		}
	}
	for _, want := range []int{2, 1, 0} {
		got := write(s, func(ctx context.Context, tx ports.Tx) (int, error) { return tx.Idempotency().Purge(ctx, cut, 2) })
		equal(s, "the number of purged records", got, want)
	}
	for n, offset := range offsets {
		var want error
		if offset < 0 {
			want = ports.ErrNotFound
		}
		s.fails("a record after the purge", s.recordFound(fake.IdempotencyRecord(n).Key), want)
	}
}
