package memstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

type erasures struct{ *tx }

var _ ports.Erasures = erasures{}

// Erase implements ports.Erasures.
func (s erasures) Erase(ctx context.Context, accountID domain.ID, from domain.AccountVersion, at time.Time) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	account, ok := s.data.accounts[accountID]
	if !ok || account.Version != from {
		return ports.ErrStale
	}
	for _, id := range slices.Clone(s.data.sessionsOf[accountID]) {
		s.data.sessions.remove(s.tx, id)
	}
	s.data.sessionsOf.remove(s.tx, accountID)
	tokens := oneTimeTokens(s)
	for _, t := range tokens.those(func(t domain.OneTimeToken) bool { return t.AccountID == accountID }) {
		tokens.remove(string(t.Hash))
	}
	for id, m := range s.data.messages {
		if m.AccountID == accountID {
			s.data.messages.remove(s.tx, id)
		}
	}
	s.data.credentials.remove(s.tx, accountID)
	s.data.emails.remove(s.tx, account.Email.Canonical)
	s.data.usernames.remove(s.tx, account.Username.Canonical)
	s.data.accounts.remove(s.tx, accountID)
	s.data.erasures.put(s.tx, accountID, domain.Erasure{AccountID: accountID, At: domain.Instant(at)})
	return nil
}

// ByAccount implements ports.Erasures.
func (s erasures) ByAccount(ctx context.Context, accountID domain.ID) (domain.Erasure, error) {
	if err := s.reading(ctx); err != nil {
		return domain.Erasure{}, err
	}
	e, ok := s.data.erasures[accountID]
	if !ok {
		return domain.Erasure{}, ports.ErrNotFound
	}
	return e, nil
}

// Pending implements ports.Erasures.
func (s erasures) Pending(ctx context.Context, limit int) ([]domain.Erasure, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	var pending []domain.Erasure
	for _, e := range s.data.erasures {
		if e.FinishedAt.IsZero() {
			pending = append(pending, e)
		}
	}
	slices.SortFunc(pending, func(a, b domain.Erasure) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.AccountID, b.AccountID))
	})
	return pending[:min(limit, len(pending))], nil
}

// Anonymise implements ports.Erasures.
func (s erasures) Anonymise(ctx context.Context, accountID domain.ID, limit int) (int, error) {
	if err := s.writing(ctx); err != nil {
		return 0, err
	}
	n := 0
	for id, e := range s.data.events {
		link, chained := s.data.links[id]
		mine := e.Subject == accountID || e.Actor.ID == string(accountID)
		if n == limit || !mine || e.Actor.IP == "" && e.Actor.UserAgent == "" && link.Salt == nil {
			continue
		}
		e.Actor.IP, e.Actor.UserAgent = "", ""
		s.data.events.put(s.tx, id, e)
		if link.Salt = nil; chained {
			s.data.links.put(s.tx, id, link)
		}
		n++
	}
	return n, nil
}

// Finish implements ports.Erasures.
func (s erasures) Finish(ctx context.Context, accountID domain.ID, at time.Time) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	e, ok := s.data.erasures[accountID]
	if !ok {
		return ports.ErrNotFound
	}
	e.FinishedAt = domain.Instant(at)
	s.data.erasures.put(s.tx, accountID, e)
	return nil
}

// Unverified implements ports.Erasures.
func (s erasures) Unverified(ctx context.Context, before time.Time, limit int) ([]domain.Account, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	var found []domain.Account
	for _, a := range s.data.accounts {
		if !a.EmailVerified() && a.CreatedAt.Before(before) {
			found = append(found, a.Clone())
		}
	}
	slices.SortFunc(found, func(a, b domain.Account) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return found[:min(limit, len(found))], nil
}
