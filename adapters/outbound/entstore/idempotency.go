package entstore

import (
	"bytes"
	"context"
	"encoding/hex"
	"time"

	"entgo.io/ent/dialect/sql"

	"authserve/core/domain"
	"authserve/ent/idempotencyrecord"
	"authserve/ports"
)

type idempotency struct{ *tx }

var _ ports.Idempotency = idempotency{}

// ByKey implements ports.Idempotency.
func (s idempotency) ByKey(ctx context.Context, key []byte) (domain.IdempotencyRecord, error) {
	row, err := s.client().IdempotencyRecord.Get(ctx, hex.EncodeToString(key))
	if err != nil {
		return domain.IdempotencyRecord{}, s.fault(ctx, err)
	}
	return domain.IdempotencyRecord{
		Key:       bytes.Clone(key),
		Body:      row.Body,
		Resource:  domain.ID(row.Resource),
		CreatedAt: row.CreatedAt.UTC(),
		ExpiresAt: row.ExpiresAt.UTC(),
	}, nil
}

// Create implements ports.Idempotency.
func (s idempotency) Create(ctx context.Context, r domain.IdempotencyRecord) error {
	w, err := s.write()
	if err != nil {
		return err
	}
	id, now := hex.EncodeToString(r.Key), domain.Instant(r.CreatedAt)
	_, err = w.IdempotencyRecord.Delete().
		Where(idempotencyrecord.ID(id), idempotencyrecord.ExpiresAtLTE(now)).
		Exec(ctx)
	if err != nil {
		return s.fault(ctx, err)
	}
	create := w.IdempotencyRecord.Create().
		SetID(id).
		SetBody(r.Body).
		SetResource(string(r.Resource)).
		SetCreatedAt(now).
		SetExpiresAt(domain.Instant(r.ExpiresAt))
	return s.attempt(ctx, "key", func() error { return create.Exec(ctx) })
}

// Purge implements ports.Idempotency.
func (s idempotency) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	w, err := s.write()
	if err != nil {
		return 0, err
	}
	expired := idempotencyrecord.ExpiresAtLT(domain.Instant(before))
	ids, err := w.IdempotencyRecord.Query().
		Where(expired).
		Order(idempotencyrecord.ByExpiresAt(sql.OrderAsc())).
		Limit(limit).
		IDs(ctx)
	if err != nil {
		return 0, s.fault(ctx, err)
	}
	// The condition again: an expired record may have been replaced meanwhile.
	deleted, err := w.IdempotencyRecord.Delete().Where(idempotencyrecord.IDIn(ids...), expired).Exec(ctx)
	return deleted, s.fault(ctx, err)
}
