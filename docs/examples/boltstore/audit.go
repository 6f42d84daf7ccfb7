package boltstore

import (
	"context"
	"errors"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

type audit struct{ *tx }

var _ ports.Audit = audit{}

// Append implements ports.Audit.
func (s audit) Append(ctx context.Context, e domain.AuditEvent) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	return s.schema.events.insert(s.tx, e)
}

// List implements ports.Audit. Where both are asked for it walks the events of the
// subject, of whom there are fewer than of an action.
func (s audit) List(ctx context.Context, filter domain.AuditFilter, page domain.PageRequest) (domain.Page[domain.AuditEvent], error) {
	if err := s.reading(ctx); err != nil {
		return domain.Page[domain.AuditEvent]{}, err
	}
	index, prefix := eventsByTime, []byte(nil)
	switch {
	case filter.Subject != "":
		index, prefix = eventsBySubject, under(string(filter.Subject), nil)
	case filter.Action != "":
		index, prefix = eventsByAction, under(string(filter.Action), nil)
	}
	match := func(e domain.AuditEvent) bool { return filter.Action == "" || e.Action == filter.Action }
	return s.schema.events.page(ctx, s.tx, index, prefix, match, 0, page)
}

type idempotency struct{ *tx }

var _ ports.Idempotency = idempotency{}

// ByKey implements ports.Idempotency.
func (s idempotency) ByKey(ctx context.Context, key []byte) (domain.IdempotencyRecord, error) {
	if err := s.reading(ctx); err != nil {
		return domain.IdempotencyRecord{}, err
	}
	return s.schema.records.get(s.tx, key)
}

// Create implements ports.Idempotency.
func (s idempotency) Create(ctx context.Context, r domain.IdempotencyRecord) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	kept, err := s.schema.records.get(s.tx, r.Key)
	switch {
	case errors.Is(err, ports.ErrNotFound):
		return s.schema.records.insert(s.tx, r)
	case err != nil:
		return err
	case domain.Instant(r.CreatedAt).Before(kept.ExpiresAt):
		return ports.Conflict("key")
	default:
		return s.schema.records.replace(s.tx, kept, r)
	}
}

// Purge implements ports.Idempotency.
func (s idempotency) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := s.writing(ctx); err != nil {
		return 0, err
	}
	old, err := s.schema.records.before(ctx, s.tx, recordsByExpiry, instantKey(before), limit)
	if err != nil {
		return 0, err
	}
	return len(old), s.schema.records.remove(s.tx, old)
}
