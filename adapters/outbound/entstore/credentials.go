package entstore

import (
	"context"
	"slices"
	"strings"

	"authserve/core/domain"
	"authserve/ent"
	"authserve/ent/credential"
	"authserve/ports"
)

type credentials struct{ *tx }

var _ ports.Credentials = credentials{}

// Create implements ports.Credentials.
func (s credentials) Create(ctx context.Context, c domain.Credential) error {
	w, err := s.write()
	if err != nil {
		return err
	}
	create := w.Credential.Create().
		SetID(string(c.AccountID)).
		SetPasswordHash(c.Hash.Reveal()).
		SetSettings(domain.SettingsOf(c.Hash)).
		SetVersion(c.Version).
		SetChangedAt(domain.Instant(c.ChangedAt))
	return s.attempt(ctx, "account_id", func() error { return create.Exec(ctx) })
}

// ByAccount implements ports.Credentials.
func (s credentials) ByAccount(ctx context.Context, accountID domain.ID) (domain.Credential, error) {
	row, err := s.credentialByID(ctx, string(accountID))
	if err != nil {
		return domain.Credential{}, s.fault(ctx, err)
	}
	return domain.Credential{
		AccountID: accountID,
		Hash:      domain.NewSecret(row.PasswordHash),
		Version:   row.Version,
		ChangedAt: row.ChangedAt.UTC(),
	}, nil
}

// Replace implements ports.Credentials.
func (s credentials) Replace(ctx context.Context, c domain.Credential, from int64) error {
	w, err := s.write()
	if err != nil {
		return err
	}
	changed, err := w.Credential.Update().
		Where(credential.ID(string(c.AccountID)), credential.Version(from)).
		SetPasswordHash(c.Hash.Reveal()).
		SetSettings(domain.SettingsOf(c.Hash)).
		SetVersion(c.Version).
		SetChangedAt(domain.Instant(c.ChangedAt)).
		Save(ctx)
	if err != nil {
		return s.fault(ctx, err)
	}
	return one(changed)
}

// CountSettings implements ports.Credentials.
func (s credentials) CountSettings(ctx context.Context) ([]domain.SettingsCount, error) {
	var counts []domain.SettingsCount
	err := s.client().Credential.Query().
		GroupBy(credential.FieldSettings).
		Aggregate(ent.As(ent.Count(), "count")).
		Scan(ctx, &counts)
	slices.SortFunc(counts, func(a, b domain.SettingsCount) int { return strings.Compare(a.Settings, b.Settings) }) // databases sort by their locales
	return counts, s.fault(ctx, err)
}
