package entstore

import (
	"bytes"
	"context"
	"encoding/hex"
	"time"

	"authserve/core/domain"
	"authserve/ent"
	"authserve/ent/throttle"
	"authserve/ports"
)

type throttles struct{ *tx }

var _ ports.Throttles = throttles{}

// ByKey implements ports.Throttles.
func (s throttles) ByKey(ctx context.Context, key []byte) (domain.Throttle, error) {
	count := domain.Throttle{Key: bytes.Clone(key)}
	row, err := s.client().Throttle.Get(ctx, hex.EncodeToString(key))
	switch {
	case ent.IsNotFound(err):
		return count, nil
	case err != nil:
		return domain.Throttle{}, s.fault(ctx, err)
	}
	count.Failures, count.LastFailure = row.Failures, row.LastFailureAt.UTC()
	return count, nil
}

// Fail implements ports.Throttles. One statement adds the row or counts in it; until
// the end of the transaction the row is its own.
func (s throttles) Fail(ctx context.Context, key []byte, at time.Time) (domain.Throttle, error) {
	if s.denied != nil {
		return domain.Throttle{}, s.denied
	}
	if err := s.exec(ctx, s.statements.countFailure, hex.EncodeToString(key), domain.Instant(at)); err != nil {
		return domain.Throttle{}, s.fault(ctx, err)
	}
	return s.ByKey(ctx, key)
}

// Clear implements ports.Throttles.
func (s throttles) Clear(ctx context.Context, key []byte) error {
	w, err := s.write()
	if err != nil {
		return err
	}
	_, err = w.Throttle.Delete().Where(throttle.ID(hex.EncodeToString(key))).Exec(ctx)
	return s.fault(ctx, err)
}

// Purge implements ports.Throttles.
func (s throttles) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	w, err := s.write()
	if err != nil {
		return 0, err
	}
	old := throttle.LastFailureAtLT(domain.Instant(before))
	ids, err := w.Throttle.Query().Where(old).Order(throttle.ByLastFailureAt()).Limit(limit).IDs(ctx)
	if err != nil {
		return 0, s.fault(ctx, err)
	}
	// The condition again: there may be a failure since.
	deleted, err := w.Throttle.Delete().Where(throttle.IDIn(ids...), old).Exec(ctx)
	return deleted, s.fault(ctx, err)
}
