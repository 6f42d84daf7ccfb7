package entstore

import (
	"context"
	"errors"

	"authserve/ent"
	"authserve/ent/guard"
	"authserve/ports"
)

type guards struct{ *tx }

var _ ports.Guards = guards{}

// Read implements ports.Guards.
func (s guards) Read(ctx context.Context, name string) (int64, error) {
	row, err := s.client().Guard.Get(ctx, name)
	switch {
	case ent.IsNotFound(err):
		return 0, nil
	case err != nil:
		return 0, s.fault(ctx, err)
	}
	return row.Count, nil
}

// Advance implements ports.Guards. The row comes into being with the first
// advance; of two that insert it one commits.
func (s guards) Advance(ctx context.Context, name string, from int64) error {
	w, err := s.write()
	if err != nil {
		return err
	}
	if from == 0 {
		create := w.Guard.Create().SetID(name).SetCount(1)
		err := s.attempt(ctx, primaryKey, func() error { return create.Exec(ctx) })
		if errors.Is(err, ports.ErrConflict) {
			return ports.ErrStale.Wrap(err)
		}
		return err
	}
	changed, err := w.Guard.Update().
		Where(guard.ID(name), guard.Count(from)).
		SetCount(from + 1).
		Save(ctx)
	if err != nil {
		return s.fault(ctx, err)
	}
	return one(changed)
}
