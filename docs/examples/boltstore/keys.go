package boltstore

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

type keys struct{ *tx }

var _ ports.Keys = keys{}

// List implements ports.Keys. There is a handful of keys, so they are sorted here.
func (s keys) List(ctx context.Context) ([]domain.SigningKey, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	var list []domain.SigningKey
	if err := s.schema.keys.all(ctx, s.tx, func(k domain.SigningKey) { list = append(list, k) }); err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b domain.SigningKey) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

// Create implements ports.Keys.
func (s keys) Create(ctx context.Context, k domain.SigningKey) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	return s.schema.keys.insert(s.tx, k)
}

// SetState implements ports.Keys.
func (s keys) SetState(ctx context.Context, id domain.ID, from, to domain.KeyState, at time.Time) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	kept, err := orStale(s.schema.keys.get(s.tx, []byte(id)))
	if err != nil {
		return err
	}
	if kept.State != from {
		return ports.ErrStale
	}
	k := kept
	k.State, k.StateSince = to, at
	return s.schema.keys.replace(s.tx, kept, k)
}

// Delete implements ports.Keys.
func (s keys) Delete(ctx context.Context, id domain.ID) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	kept, err := s.schema.keys.get(s.tx, []byte(id))
	if err != nil {
		return err
	}
	return s.schema.keys.remove(s.tx, []domain.SigningKey{kept})
}

type guards struct{ *tx }

var _ ports.Guards = guards{}

// Read implements ports.Guards.
func (s guards) Read(ctx context.Context, name string) (int64, error) {
	if err := s.reading(ctx); err != nil {
		return 0, err
	}
	return s.count(name)
}

// Advance implements ports.Guards.
func (s guards) Advance(ctx context.Context, name string, from int64) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	count, err := s.count(name)
	if err != nil {
		return err
	}
	if count != from {
		return ports.ErrStale
	}
	return s.put(guardCounts, []byte(name), binary.BigEndian.AppendUint64(nil, uint64(from+1)))
}

func (s guards) count(name string) (int64, error) {
	switch kept := s.bucket(guardCounts).Get([]byte(name)); len(kept) {
	case 0:
		return 0, nil
	case 8:
		return int64(binary.BigEndian.Uint64(kept)), nil
	default:
		return 0, errRow
	}
}
