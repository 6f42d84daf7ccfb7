package memstore

import (
	"context"
	"maps"
	"slices"

	"authserve/core/domain"
	"authserve/ports"
)

type credentials struct{ *tx }

var _ ports.Credentials = credentials{}

// Create implements ports.Credentials.
func (s credentials) Create(ctx context.Context, c domain.Credential) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	if !s.data.accounts.has(c.AccountID) {
		return ports.ErrNotFound
	}
	if s.data.credentials.has(c.AccountID) {
		return ports.Conflict("account_id")
	}
	s.write(c)
	return nil
}

// ByAccount implements ports.Credentials.
func (s credentials) ByAccount(ctx context.Context, accountID domain.ID) (domain.Credential, error) {
	if err := s.reading(ctx); err != nil {
		return domain.Credential{}, err
	}
	c, ok := s.data.credentials[accountID]
	if !ok {
		return domain.Credential{}, ports.ErrNotFound
	}
	return c, nil
}

// Replace implements ports.Credentials.
func (s credentials) Replace(ctx context.Context, c domain.Credential, from int64) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	kept, ok := s.data.credentials[c.AccountID]
	if !ok || kept.Version != from {
		return ports.ErrStale
	}
	s.write(c)
	return nil
}

// CountSettings implements ports.Credentials.
func (s credentials) CountSettings(ctx context.Context) ([]domain.SettingsCount, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	for _, c := range s.data.credentials {
		counts[domain.SettingsOf(c.Hash)]++
	}
	var out []domain.SettingsCount
	for _, settings := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, domain.SettingsCount{Settings: settings, Count: counts[settings]})
	}
	return out, nil
}

func (s credentials) write(c domain.Credential) {
	c.ChangedAt = domain.Instant(c.ChangedAt)
	s.data.credentials.put(s.tx, c.AccountID, c)
}
