package entstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"authserve/core/domain"
	"authserve/ent/signingkey"
	"authserve/ports"
)

type keys struct{ *tx }

var _ ports.Keys = keys{}

// List implements ports.Keys. It reads the whole table, which is a handful of
// rows, and sorts here, so that no index has to.
func (s keys) List(ctx context.Context) ([]domain.SigningKey, error) {
	rows, err := s.client().SigningKey.Query().All(ctx)
	if err != nil {
		return nil, s.fault(ctx, err)
	}
	list := make([]domain.SigningKey, len(rows))
	for i, row := range rows {
		list[i] = domain.SigningKey{
			ID:            domain.ID(row.ID),
			Algorithm:     domain.Algorithm(row.Algorithm),
			State:         domain.KeyState(row.State),
			Public:        row.PublicKey,
			SealedPrivate: row.SealedPrivateKey,
			CreatedAt:     row.CreatedAt.UTC(),
			StateSince:    row.StateSince.UTC(),
		}
	}
	slices.SortFunc(list, func(a, b domain.SigningKey) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

// Create implements ports.Keys.
func (s keys) Create(ctx context.Context, k domain.SigningKey) error {
	w, err := s.write()
	if err != nil {
		return err
	}
	create := w.SigningKey.Create().
		SetID(string(k.ID)).
		SetAlgorithm(string(k.Algorithm)).
		SetState(string(k.State)).
		SetPublicKey(k.Public).
		SetSealedPrivateKey(k.SealedPrivate).
		SetCreatedAt(domain.Instant(k.CreatedAt)).
		SetStateSince(domain.Instant(k.StateSince))
	return s.attempt(ctx, primaryKey, func() error { return create.Exec(ctx) })
}

// SetState implements ports.Keys.
func (s keys) SetState(ctx context.Context, id domain.ID, from, to domain.KeyState, at time.Time) error {
	w, err := s.write()
	if err != nil {
		return err
	}
	changed, err := w.SigningKey.Update().
		Where(signingkey.ID(string(id)), signingkey.State(string(from))).
		SetState(string(to)).
		SetStateSince(domain.Instant(at)).
		Save(ctx)
	if err != nil {
		return s.fault(ctx, err)
	}
	return one(changed)
}

// Delete implements ports.Keys.
func (s keys) Delete(ctx context.Context, id domain.ID) error {
	w, err := s.write()
	if err != nil {
		return err
	}
	return s.fault(ctx, w.SigningKey.DeleteOneID(string(id)).Exec(ctx))
}
