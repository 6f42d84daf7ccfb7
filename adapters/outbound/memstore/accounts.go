package memstore

import (
	"context"
	"maps"
	"slices"
	"strings"
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
	if s.data.accounts.has(a.ID) {
		return ports.Conflict("id")
	}
	if err := s.free(a); err != nil {
		return err
	}
	s.write(a)
	return nil
}

// ByID implements ports.Accounts.
func (s accounts) ByID(ctx context.Context, id domain.ID) (domain.Account, error) {
	if err := s.reading(ctx); err != nil {
		return domain.Account{}, err
	}
	a, ok := s.data.accounts[id]
	if !ok {
		return domain.Account{}, ports.ErrNotFound
	}
	return a.Clone(), nil
}

// ByEmail implements ports.Accounts.
func (s accounts) ByEmail(ctx context.Context, canonical string) (domain.Account, error) {
	return s.find(ctx, s.data.emails, canonical)
}

// ByUsername implements ports.Accounts.
func (s accounts) ByUsername(ctx context.Context, canonical string) (domain.Account, error) {
	return s.find(ctx, s.data.usernames, canonical)
}

// Search implements ports.Accounts.
func (s accounts) Search(ctx context.Context, search domain.AccountSearch, request domain.PageRequest) (domain.Page[domain.Account], error) {
	if err := s.reading(ctx); err != nil {
		return domain.Page[domain.Account]{}, err
	}
	index := s.data.emails
	if search.Order == domain.AccountsByUsername {
		index = s.data.usernames
	}
	var page domain.Page[domain.Account]
	for _, canonical := range slices.Sorted(maps.Keys(index)) {
		switch {
		case !strings.HasPrefix(canonical, search.Prefix), request.After != nil && canonical <= request.After.Text:
			continue
		case len(page.Items) == request.Limit: // there is one more, so this page is not the last
			last := search.Order.Position(page.Items[len(page.Items)-1])
			page.Next = &last
			return page, nil
		}
		page.Items = append(page.Items, s.data.accounts[index[canonical]].Clone())
	}
	return page, nil
}

// Update implements ports.Accounts.
func (s accounts) Update(ctx context.Context, a domain.Account, from domain.AccountVersion) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	kept, ok := s.data.accounts[a.ID]
	if !ok || kept.Version != from {
		return ports.ErrStale
	}
	if err := s.free(a); err != nil {
		return err
	}
	s.data.emails.remove(s.tx, kept.Email.Canonical)
	s.data.usernames.remove(s.tx, kept.Username.Canonical)
	a.LastLoginAt = kept.LastLoginAt
	s.write(a)
	return nil
}

// RecordLogin implements ports.Accounts.
func (s accounts) RecordLogin(ctx context.Context, id domain.ID, authGeneration, credential int64, at time.Time) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	a, ok := s.data.accounts[id]
	if !ok || a.Version.AuthGeneration != authGeneration || a.Version.Credential != credential {
		return ports.ErrStale
	}
	a.LastLoginAt = domain.Instant(at)
	s.data.accounts.put(s.tx, id, a)
	return nil
}

func (s accounts) find(ctx context.Context, index table[string, domain.ID], canonical string) (domain.Account, error) {
	if err := s.reading(ctx); err != nil {
		return domain.Account{}, err
	}
	return s.ByID(ctx, index[canonical])
}

// free fails when another account has a's e-mail address or username.
func (s accounts) free(a domain.Account) error {
	if owner, taken := s.data.emails[a.Email.Canonical]; taken && owner != a.ID {
		return ports.Conflict("email")
	}
	if owner, taken := s.data.usernames[a.Username.Canonical]; taken && owner != a.ID {
		return ports.Conflict("username")
	}
	return nil
}

func (s accounts) write(a domain.Account) {
	a = a.Clone()
	a.EmailVerifiedAt = domain.Instant(a.EmailVerifiedAt)
	a.CreatedAt = domain.Instant(a.CreatedAt)
	a.UpdatedAt = domain.Instant(a.UpdatedAt)
	a.LastLoginAt = domain.Instant(a.LastLoginAt)
	s.data.accounts.put(s.tx, a.ID, a)
	s.data.emails.put(s.tx, a.Email.Canonical, a.ID)
	if !a.Username.IsZero() {
		s.data.usernames.put(s.tx, a.Username.Canonical, a.ID)
	}
}
