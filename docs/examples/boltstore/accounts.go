package boltstore

import (
	"context"
	"errors"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

type accounts struct{ *tx }

var _ ports.Accounts = accounts{}

// Create implements ports.Accounts.
func (s accounts) Create(ctx context.Context, a domain.Account) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	return s.schema.accounts.insert(s.tx, a)
}

// ByID implements ports.Accounts.
func (s accounts) ByID(ctx context.Context, id domain.ID) (domain.Account, error) {
	if err := s.reading(ctx); err != nil {
		return domain.Account{}, err
	}
	return s.schema.accounts.get(s.tx, []byte(id))
}

// ByEmail implements ports.Accounts.
func (s accounts) ByEmail(ctx context.Context, canonical string) (domain.Account, error) {
	if err := s.reading(ctx); err != nil {
		return domain.Account{}, err
	}
	return s.schema.accounts.find(s.tx, accountsByEmail, []byte(canonical))
}

// ByUsername implements ports.Accounts.
func (s accounts) ByUsername(ctx context.Context, canonical string) (domain.Account, error) {
	if err := s.reading(ctx); err != nil {
		return domain.Account{}, err
	}
	return s.schema.accounts.find(s.tx, accountsByUsername, []byte(canonical))
}

// Search implements ports.Accounts.
func (s accounts) Search(ctx context.Context, search domain.AccountSearch, request domain.PageRequest) (domain.Page[domain.Account], error) {
	if err := s.reading(ctx); err != nil {
		return domain.Page[domain.Account]{}, err
	}
	index := accountsByEmail
	if search.Order == domain.AccountsByUsername {
		index = accountsByUsername
	}
	var after []byte
	if request.After != nil {
		after = append([]byte(request.After.Text), 0) // the lowest key above it
	}
	rows, err := s.schema.accounts.from(ctx, s.tx, index, []byte(search.Prefix), after, request.Limit+1)
	if err != nil || len(rows) <= request.Limit {
		return domain.Page[domain.Account]{Items: rows}, err
	}
	rows = rows[:request.Limit]
	last := search.Order.Position(rows[request.Limit-1])
	return domain.Page[domain.Account]{Items: rows, Next: &last}, nil
}

// Update implements ports.Accounts.
func (s accounts) Update(ctx context.Context, a domain.Account, from domain.AccountVersion) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	kept, err := orStale(s.schema.accounts.get(s.tx, []byte(a.ID)))
	if err != nil {
		return err
	}
	if kept.Version != from {
		return ports.ErrStale
	}
	a.LastLoginAt = kept.LastLoginAt
	return s.schema.accounts.replace(s.tx, kept, a)
}

// RecordLogin implements ports.Accounts.
func (s accounts) RecordLogin(ctx context.Context, id domain.ID, authGeneration, credential int64, at time.Time) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	kept, err := orStale(s.schema.accounts.get(s.tx, []byte(id)))
	if err != nil {
		return err
	}
	if kept.Version.AuthGeneration != authGeneration || kept.Version.Credential != credential {
		return ports.ErrStale
	}
	a := kept
	a.LastLoginAt = at
	return s.schema.accounts.replace(s.tx, kept, a)
}

// orStale is for conditional writes, to which a row that is gone is one that
// changed.
func orStale[T any](row T, err error) (T, error) {
	if errors.Is(err, ports.ErrNotFound) {
		return row, ports.ErrStale
	}
	return row, err
}
