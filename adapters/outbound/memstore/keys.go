package memstore

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

type keys struct{ *tx }

var _ ports.Keys = keys{}

// List implements ports.Keys.
func (s keys) List(ctx context.Context) ([]domain.SigningKey, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	position := func(k domain.SigningKey) domain.Position { return domain.Position{At: k.CreatedAt, ID: k.ID} }
	list := slices.SortedFunc(maps.Values(s.data.keys), func(a, b domain.SigningKey) int {
		return comparePositions(position(a), position(b))
	})
	for i, k := range list {
		list[i] = cloneKey(k)
	}
	return list, nil
}

// Create implements ports.Keys.
func (s keys) Create(ctx context.Context, k domain.SigningKey) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	if s.data.keys.has(k.ID) {
		return ports.Conflict("id")
	}
	k = cloneKey(k)
	k.CreatedAt = domain.Instant(k.CreatedAt)
	k.StateSince = domain.Instant(k.StateSince)
	s.data.keys.put(s.tx, k.ID, k)
	return nil
}

// SetState implements ports.Keys.
func (s keys) SetState(ctx context.Context, id domain.ID, from, to domain.KeyState, at time.Time) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	k, ok := s.data.keys[id]
	if !ok || k.State != from {
		return ports.ErrStale
	}
	k.State, k.StateSince = to, domain.Instant(at)
	s.data.keys.put(s.tx, id, k)
	return nil
}

// Delete implements ports.Keys.
func (s keys) Delete(ctx context.Context, id domain.ID) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	if !s.data.keys.has(id) {
		return ports.ErrNotFound
	}
	s.data.keys.remove(s.tx, id)
	return nil
}

func cloneKey(k domain.SigningKey) domain.SigningKey {
	k.Public, k.SealedPrivate = bytes.Clone(k.Public), bytes.Clone(k.SealedPrivate)
	return k
}
