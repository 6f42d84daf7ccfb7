package memstore

import (
	"context"

	"authserve/ports"
)

type guards struct{ *tx }

var _ ports.Guards = guards{}

// Read implements ports.Guards.
func (s guards) Read(ctx context.Context, name string) (int64, error) {
	if err := s.reading(ctx); err != nil {
		return 0, err
	}
	return s.data.guards[name], nil
}

// Advance implements ports.Guards.
func (s guards) Advance(ctx context.Context, name string, from int64) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	if s.data.guards[name] != from {
		return ports.ErrStale
	}
	s.data.guards.put(s.tx, name, from+1)
	return nil
}
