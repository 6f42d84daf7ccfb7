package boltstore

import (
	"context"
	"errors"
	"math"
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
	account, err := orStale(s.schema.accounts.get(s.tx, []byte(accountID)))
	if err != nil {
		return err
	}
	if account.Version != from {
		return ports.ErrStale
	}
	own := under(string(accountID), nil)
	sessions, err := s.schema.sessions.from(ctx, s.tx, sessionsByAccount, own, nil, math.MaxInt)
	if err != nil {
		return err
	}
	messages, err := s.schema.messages.from(ctx, s.tx, messagesByAccount, own, nil, math.MaxInt)
	if err != nil {
		return err
	}
	tokens, err := s.schema.tokens.from(ctx, s.tx, tokensBySlot, own, nil, math.MaxInt)
	if err != nil {
		return err
	}
	var credentials []credentialRow
	switch credential, err := s.schema.credentials.get(s.tx, []byte(accountID)); {
	case err == nil:
		credentials = append(credentials, credential)
	case !errors.Is(err, ports.ErrNotFound):
		return err
	}
	return errors.Join(
		s.schema.sessions.remove(s.tx, sessions),
		s.schema.messages.remove(s.tx, messages),
		s.schema.tokens.remove(s.tx, tokens),
		s.schema.credentials.remove(s.tx, credentials),
		s.schema.accounts.remove(s.tx, []domain.Account{account}),
		s.schema.erasures.insert(s.tx, domain.Erasure{AccountID: accountID, At: at}))
}

// ByAccount implements ports.Erasures.
func (s erasures) ByAccount(ctx context.Context, accountID domain.ID) (domain.Erasure, error) {
	if err := s.reading(ctx); err != nil {
		return domain.Erasure{}, err
	}
	return s.schema.erasures.get(s.tx, []byte(accountID))
}

// Pending implements ports.Erasures.
func (s erasures) Pending(ctx context.Context, limit int) ([]domain.Erasure, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	return s.schema.erasures.from(ctx, s.tx, erasuresPending, nil, nil, limit)
}

// Anonymise implements ports.Erasures: first what the account is the subject of, then
// what it did.
func (s erasures) Anonymise(ctx context.Context, accountID domain.ID, limit int) (int, error) {
	if err := s.writing(ctx); err != nil {
		return 0, err
	}
	total := 0
	for _, index := range []string{eventsBySubject, eventsByActor} {
		request := domain.PageRequest{Limit: limit - total}
		page, err := s.schema.events.page(ctx, s.tx, index, under(string(accountID), nil), s.isPersonal, 0, request)
		if err != nil {
			return total, err
		}
		for _, kept := range page.Items {
			if err := s.anonymise(kept); err != nil {
				return total, err
			}
			total++
		}
	}
	return total, nil
}

// isPersonal reports whether something of the event is to be taken away. A link that
// cannot be read is, so that anonymise fails.
func (s erasures) isPersonal(e domain.AuditEvent) bool {
	link, err := s.schema.links.get(s.tx, []byte(e.ID))
	return e.Actor.IP != "" || e.Actor.UserAgent != "" || link.Salt != nil || err != nil && !errors.Is(err, ports.ErrNotFound)
}

func (s erasures) anonymise(kept domain.AuditEvent) error {
	event := kept
	event.Actor.IP, event.Actor.UserAgent = "", ""
	if err := s.schema.events.replace(s.tx, kept, event); err != nil {
		return err
	}
	chained, err := s.schema.links.get(s.tx, []byte(kept.ID))
	if errors.Is(err, ports.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	link := chained
	link.Salt = nil
	return s.schema.links.replace(s.tx, chained, link)
}

// Finish implements ports.Erasures.
func (s erasures) Finish(ctx context.Context, accountID domain.ID, at time.Time) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	kept, err := s.schema.erasures.get(s.tx, []byte(accountID))
	if err != nil {
		return err
	}
	finished := kept
	finished.FinishedAt = at
	return s.schema.erasures.replace(s.tx, kept, finished)
}

// Unverified implements ports.Erasures.
func (s erasures) Unverified(ctx context.Context, before time.Time, limit int) ([]domain.Account, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	return s.schema.accounts.before(ctx, s.tx, accountsUnverified, instantKey(before), limit)
}

type personalData struct{ *tx }

var _ ports.PersonalData = personalData{}

// Sessions implements ports.PersonalData.
func (s personalData) Sessions(ctx context.Context, accountID domain.ID, page domain.PageRequest) (domain.Page[domain.Session], error) {
	if err := s.reading(ctx); err != nil {
		return domain.Page[domain.Session]{}, err
	}
	every := func(domain.Session) bool { return true }
	return s.schema.sessions.page(ctx, s.tx, sessionsByAccount, under(string(accountID), nil), every, 0, page)
}

// Messages implements ports.PersonalData.
func (s personalData) Messages(ctx context.Context, accountID domain.ID, page domain.PageRequest) (domain.Page[domain.Message], error) {
	if err := s.reading(ctx); err != nil {
		return domain.Page[domain.Message]{}, err
	}
	every := func(domain.Message) bool { return true }
	return s.schema.messages.page(ctx, s.tx, messagesByAccount, under(string(accountID), nil), every, 0, page)
}
