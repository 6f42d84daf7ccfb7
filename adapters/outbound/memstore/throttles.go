package memstore

import (
	"bytes"
	"context"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

type throttles struct{ *tx }

var _ ports.Throttles = throttles{}

// ByKey implements ports.Throttles.
func (s throttles) ByKey(ctx context.Context, key []byte) (domain.Throttle, error) {
	if err := s.reading(ctx); err != nil {
		return domain.Throttle{}, err
	}
	t := s.data.throttles[string(key)]
	t.Key = bytes.Clone(key)
	return t, nil
}

// Fail implements ports.Throttles.
func (s throttles) Fail(ctx context.Context, key []byte, at time.Time) (domain.Throttle, error) {
	if err := s.writing(ctx); err != nil {
		return domain.Throttle{}, err
	}
	t := s.data.throttles[string(key)]
	t.Failures++
	t.LastFailure = domain.Instant(at)
	s.data.throttles.put(s.tx, string(key), t)
	t.Key = bytes.Clone(key)
	return t, nil
}

// Clear implements ports.Throttles.
func (s throttles) Clear(ctx context.Context, key []byte) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	s.data.throttles.remove(s.tx, string(key))
	return nil
}

// Purge implements ports.Throttles.
func (s throttles) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := s.writing(ctx); err != nil {
		return 0, err
	}
	due := func(t domain.Throttle) bool { return t.LastFailure.Before(before) }
	return purge(s.data.throttles, limit, due, func(key string) { s.data.throttles.remove(s.tx, key) }), nil
}
