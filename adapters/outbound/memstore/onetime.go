package memstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

type oneTimeTokens struct{ *tx }

var _ ports.OneTimeTokens = oneTimeTokens{}

// slot is the place of one token: there is at most one in each.
type slot struct {
	account domain.ID
	purpose domain.TokenPurpose
	name    string
}

func slotOf(t domain.OneTimeToken) slot { return slot{t.AccountID, t.Purpose, t.Slot()} }

// Put implements ports.OneTimeTokens.
func (s oneTimeTokens) Put(ctx context.Context, t domain.OneTimeToken) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	t.Hash = bytes.Clone(t.Hash)
	t.CreatedAt, t.ExpiresAt = domain.Instant(t.CreatedAt), domain.Instant(t.ExpiresAt)
	place := slotOf(t)
	if !s.data.accounts.has(t.AccountID) {
		return ports.ErrNotFound
	}
	if same, ok := s.data.tokens[string(t.Hash)]; ok && slotOf(same) != place {
		return ports.Conflict("hash")
	}
	if hash, ok := s.data.slots[place]; ok {
		if s.data.tokens[hash].CreatedAt.After(t.CreatedAt) {
			return ports.ErrStale
		}
		s.remove(hash)
	}
	s.data.tokens.put(s.tx, string(t.Hash), t)
	s.data.slots.put(s.tx, place, string(t.Hash))
	return nil
}

// ByHash implements ports.OneTimeTokens.
func (s oneTimeTokens) ByHash(ctx context.Context, hash []byte) (domain.OneTimeToken, error) {
	if err := s.reading(ctx); err != nil {
		return domain.OneTimeToken{}, err
	}
	t, ok := s.data.tokens[string(hash)]
	if !ok {
		return domain.OneTimeToken{}, ports.ErrNotFound
	}
	t.Hash = bytes.Clone(t.Hash)
	return t, nil
}

// Spend implements ports.OneTimeTokens.
func (s oneTimeTokens) Spend(ctx context.Context, hash []byte) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	if !s.data.tokens.has(string(hash)) {
		return ports.ErrStale
	}
	s.remove(string(hash))
	return nil
}

// EndAll implements ports.OneTimeTokens.
func (s oneTimeTokens) EndAll(ctx context.Context, accountID domain.ID, purposes ...domain.TokenPurpose) (int, error) {
	if err := s.writing(ctx); err != nil {
		return 0, err
	}
	ended := s.those(func(t domain.OneTimeToken) bool {
		return t.AccountID == accountID && slices.Contains(purposes, t.Purpose)
	})
	for _, t := range ended {
		s.remove(string(t.Hash))
	}
	return len(ended), nil
}

// ListByAccount implements ports.OneTimeTokens.
func (s oneTimeTokens) ListByAccount(ctx context.Context, accountID domain.ID) ([]domain.OneTimeToken, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	found := s.those(func(t domain.OneTimeToken) bool { return t.AccountID == accountID })
	for i := range found {
		found[i].Hash = bytes.Clone(found[i].Hash)
	}
	return found, nil
}

// Holder implements ports.OneTimeTokens.
func (s oneTimeTokens) Holder(ctx context.Context, canonical string, now time.Time) (domain.ID, error) {
	if err := s.reading(ctx); err != nil {
		return "", err
	}
	held := s.those(func(t domain.OneTimeToken) bool {
		return t.Purpose == domain.TokenUndoEmail && t.Slot() == canonical && now.Before(t.ExpiresAt)
	})
	if len(held) == 0 {
		return "", ports.ErrNotFound
	}
	return held[0].AccountID, nil
}

// Purge implements ports.OneTimeTokens.
func (s oneTimeTokens) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := s.writing(ctx); err != nil {
		return 0, err
	}
	due := func(t domain.OneTimeToken) bool { return t.ExpiresAt.Before(before) }
	return purge(s.data.tokens, limit, due, s.remove), nil
}

// those returns the tokens that match, oldest first by (CreatedAt, Hash).
func (s oneTimeTokens) those(match func(domain.OneTimeToken) bool) []domain.OneTimeToken {
	var found []domain.OneTimeToken
	for _, t := range s.data.tokens {
		if match(t) {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b domain.OneTimeToken) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), bytes.Compare(a.Hash, b.Hash))
	})
	return found
}

func (s oneTimeTokens) remove(hash string) {
	s.data.slots.remove(s.tx, slotOf(s.data.tokens[hash]))
	s.data.tokens.remove(s.tx, hash)
}
