package memstore

import (
	"context"

	"authserve/core/domain"
	"authserve/ports"
)

type personalData struct{ *tx }

var _ ports.PersonalData = personalData{}

// Sessions implements ports.PersonalData.
func (s personalData) Sessions(ctx context.Context, accountID domain.ID, request domain.PageRequest) (domain.Page[domain.Session], error) {
	if err := s.reading(ctx); err != nil {
		return domain.Page[domain.Session]{}, err
	}
	var found []domain.Session
	for _, id := range s.data.sessionsOf[accountID] {
		found = append(found, s.data.sessions[id].Clone())
	}
	return pageOf(found, 0, func(session domain.Session) domain.Position {
		return domain.Position{At: session.CreatedAt, ID: session.ID}
	}, request), nil
}

// Messages implements ports.PersonalData.
func (s personalData) Messages(ctx context.Context, accountID domain.ID, request domain.PageRequest) (domain.Page[domain.Message], error) {
	if err := s.reading(ctx); err != nil {
		return domain.Page[domain.Message]{}, err
	}
	var found []domain.Message
	for _, m := range s.data.messages {
		if m.AccountID == accountID {
			found = append(found, m.Clone())
		}
	}
	return pageOf(found, 0, func(m domain.Message) domain.Position {
		return domain.Position{At: m.CreatedAt, ID: m.ID}
	}, request), nil
}
