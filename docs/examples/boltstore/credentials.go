package boltstore

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
	if !s.schema.accounts.has(s.tx, []byte(c.AccountID)) {
		return ports.ErrNotFound
	}
	return s.schema.credentials.insert(s.tx, rowOf(c))
}

// ByAccount implements ports.Credentials.
func (s credentials) ByAccount(ctx context.Context, accountID domain.ID) (domain.Credential, error) {
	if err := s.reading(ctx); err != nil {
		return domain.Credential{}, err
	}
	row, err := s.schema.credentials.get(s.tx, []byte(accountID))
	if err != nil {
		return domain.Credential{}, err
	}
	return row.credential(), nil
}

// Replace implements ports.Credentials.
func (s credentials) Replace(ctx context.Context, c domain.Credential, from int64) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	kept, err := orStale(s.schema.credentials.get(s.tx, []byte(c.AccountID)))
	if err != nil {
		return err
	}
	if kept.Version != from {
		return ports.ErrStale
	}
	return s.schema.credentials.replace(s.tx, kept, rowOf(c))
}

// CountSettings implements ports.Credentials. It reads every credential: the service
// asks at its start and once in a while.
func (s credentials) CountSettings(ctx context.Context) ([]domain.SettingsCount, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	err := s.schema.credentials.all(ctx, s.tx, func(row credentialRow) {
		counts[domain.SettingsOf(domain.NewSecret(row.Hash))]++
	})
	if err != nil {
		return nil, err
	}
	var found []domain.SettingsCount
	for _, settings := range slices.Sorted(maps.Keys(counts)) {
		found = append(found, domain.SettingsCount{Settings: settings, Count: counts[settings]})
	}
	return found, nil
}
