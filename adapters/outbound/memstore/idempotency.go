package memstore

import (
	"bytes"
	"context"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

type idempotency struct{ *tx }

var _ ports.Idempotency = idempotency{}

// ByKey implements ports.Idempotency.
func (s idempotency) ByKey(ctx context.Context, key []byte) (domain.IdempotencyRecord, error) {
	if err := s.reading(ctx); err != nil {
		return domain.IdempotencyRecord{}, err
	}
	r, ok := s.data.records[string(key)]
	if !ok {
		return domain.IdempotencyRecord{}, ports.ErrNotFound
	}
	return cloneRecord(r), nil
}

// Create implements ports.Idempotency.
func (s idempotency) Create(ctx context.Context, r domain.IdempotencyRecord) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	r = cloneRecord(r)
	r.CreatedAt = domain.Instant(r.CreatedAt)
	r.ExpiresAt = domain.Instant(r.ExpiresAt)
	if kept, ok := s.data.records[string(r.Key)]; ok && r.CreatedAt.Before(kept.ExpiresAt) {
		return ports.Conflict("key")
	}
	s.data.records.put(s.tx, string(r.Key), r)
	return nil
}

// Purge implements ports.Idempotency.
func (s idempotency) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := s.writing(ctx); err != nil {
		return 0, err
	}
	due := func(r domain.IdempotencyRecord) bool { return r.ExpiresAt.Before(before) }
	return purge(s.data.records, limit, due, func(key string) { s.data.records.remove(s.tx, key) }), nil
}

func cloneRecord(r domain.IdempotencyRecord) domain.IdempotencyRecord {
	r.Key, r.Body = bytes.Clone(r.Key), bytes.Clone(r.Body)
	return r
}
