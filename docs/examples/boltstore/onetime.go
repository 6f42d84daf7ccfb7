package boltstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

type oneTimeTokens struct{ *tx }

var _ ports.OneTimeTokens = oneTimeTokens{}

// Put implements ports.OneTimeTokens. bbolt has one writer, so nobody puts one into the
// slot meanwhile.
func (s oneTimeTokens) Put(ctx context.Context, t domain.OneTimeToken) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	if !s.schema.accounts.has(s.tx, []byte(t.AccountID)) {
		return ports.ErrNotFound
	}
	same, err := s.schema.tokens.get(s.tx, t.Hash)
	switch {
	case err == nil && !bytes.Equal(slotKey(same), slotKey(t)):
		return ports.Conflict("hash")
	case err != nil && !errors.Is(err, ports.ErrNotFound):
		return err
	}
	kept, err := s.schema.tokens.find(s.tx, tokensBySlot, slotKey(t))
	switch {
	case errors.Is(err, ports.ErrNotFound):
	case err != nil:
		return err
	case kept.CreatedAt.After(domain.Instant(t.CreatedAt)):
		return ports.ErrStale
	default:
		if err := s.schema.tokens.remove(s.tx, []domain.OneTimeToken{kept}); err != nil {
			return err
		}
	}
	return s.schema.tokens.insert(s.tx, t)
}

// ByHash implements ports.OneTimeTokens.
func (s oneTimeTokens) ByHash(ctx context.Context, hash []byte) (domain.OneTimeToken, error) {
	if err := s.reading(ctx); err != nil {
		return domain.OneTimeToken{}, err
	}
	return s.schema.tokens.get(s.tx, hash)
}

// Spend implements ports.OneTimeTokens.
func (s oneTimeTokens) Spend(ctx context.Context, hash []byte) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	kept, err := orStale(s.schema.tokens.get(s.tx, hash))
	if err != nil {
		return err
	}
	return s.schema.tokens.remove(s.tx, []domain.OneTimeToken{kept})
}

// EndAll implements ports.OneTimeTokens.
func (s oneTimeTokens) EndAll(ctx context.Context, accountID domain.ID, purposes ...domain.TokenPurpose) (int, error) {
	if err := s.writing(ctx); err != nil {
		return 0, err
	}
	ended, err := s.of(ctx, accountID)
	if err != nil {
		return 0, err
	}
	ended = slices.DeleteFunc(ended, func(t domain.OneTimeToken) bool { return !slices.Contains(purposes, t.Purpose) })
	return len(ended), s.schema.tokens.remove(s.tx, ended)
}

// ListByAccount implements ports.OneTimeTokens.
func (s oneTimeTokens) ListByAccount(ctx context.Context, accountID domain.ID) ([]domain.OneTimeToken, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	list, err := s.of(ctx, accountID)
	slices.SortFunc(list, compareTokens)
	return list, err
}

// Holder implements ports.OneTimeTokens.
func (s oneTimeTokens) Holder(ctx context.Context, canonical string, now time.Time) (domain.ID, error) {
	if err := s.reading(ctx); err != nil {
		return "", err
	}
	held, err := s.schema.tokens.from(ctx, s.tx, tokensToUndo, under(canonical, nil), nil, math.MaxInt)
	if err != nil {
		return "", err
	}
	held = slices.DeleteFunc(held, func(t domain.OneTimeToken) bool { return !now.Before(t.ExpiresAt) })
	if len(held) == 0 {
		return "", ports.ErrNotFound
	}
	return slices.MinFunc(held, compareTokens).AccountID, nil
}

// Purge implements ports.OneTimeTokens.
func (s oneTimeTokens) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := s.writing(ctx); err != nil {
		return 0, err
	}
	old, err := s.schema.tokens.before(ctx, s.tx, tokensByExpiry, instantKey(before), limit)
	if err != nil {
		return 0, err
	}
	return len(old), s.schema.tokens.remove(s.tx, old)
}

// of returns the tokens of the account, of which there is a handful.
func (s oneTimeTokens) of(ctx context.Context, accountID domain.ID) ([]domain.OneTimeToken, error) {
	return s.schema.tokens.from(ctx, s.tx, tokensBySlot, under(string(accountID), nil), nil, math.MaxInt)
}

func compareTokens(a, b domain.OneTimeToken) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), bytes.Compare(a.Hash, b.Hash))
}

type throttles struct{ *tx }

var _ ports.Throttles = throttles{}

// ByKey implements ports.Throttles.
func (s throttles) ByKey(ctx context.Context, key []byte) (domain.Throttle, error) {
	if err := s.reading(ctx); err != nil {
		return domain.Throttle{}, err
	}
	t, err := s.schema.throttles.get(s.tx, key)
	if errors.Is(err, ports.ErrNotFound) {
		return domain.Throttle{Key: bytes.Clone(key)}, nil
	}
	return t, err
}

// Fail implements ports.Throttles.
func (s throttles) Fail(ctx context.Context, key []byte, at time.Time) (domain.Throttle, error) {
	if err := s.writing(ctx); err != nil {
		return domain.Throttle{}, err
	}
	kept, err := s.ByKey(ctx, key)
	if err != nil {
		return domain.Throttle{}, err
	}
	t := kept
	t.Failures++
	t.LastFailure = domain.Instant(at) // as it will be read
	if kept.Failures == 0 {
		return t, s.schema.throttles.insert(s.tx, t)
	}
	return t, s.schema.throttles.replace(s.tx, kept, t)
}

// Clear implements ports.Throttles.
func (s throttles) Clear(ctx context.Context, key []byte) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	kept, err := s.schema.throttles.get(s.tx, key)
	if errors.Is(err, ports.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.schema.throttles.remove(s.tx, []domain.Throttle{kept})
}

// Purge implements ports.Throttles.
func (s throttles) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := s.writing(ctx); err != nil {
		return 0, err
	}
	old, err := s.schema.throttles.before(ctx, s.tx, throttlesByFailure, instantKey(before), limit)
	if err != nil {
		return 0, err
	}
	return len(old), s.schema.throttles.remove(s.tx, old)
}
