package entstore

import (
	"context"

	"entgo.io/ent/dialect/sql"

	"authserve/core/domain"
	"authserve/ent/message"
	"authserve/ent/session"
	"authserve/ports"
)

type personalData struct{ *tx }

var _ ports.PersonalData = personalData{}

// Sessions implements ports.PersonalData. The database sorts the account's sessions: an
// index in their order would cost every login and refresh for the sake of a rare question.
func (s personalData) Sessions(ctx context.Context, accountID domain.ID, req domain.PageRequest) (domain.Page[domain.Session], error) {
	query := s.client().Session.Query().Where(session.AccountID(string(accountID)))
	if after := req.After; after != nil {
		at := domain.Instant(after.At)
		query.Where(
			session.CreatedAtLTE(at),
			session.Or(session.CreatedAtLT(at), session.IDLT(string(after.ID))))
	}
	rows, err := query.
		Order(session.ByCreatedAt(sql.OrderDesc()), session.ByID(sql.OrderDesc())).
		Limit(req.Limit + 1).
		All(ctx)
	if err != nil {
		return domain.Page[domain.Session]{}, s.fault(ctx, err)
	}
	return page(rows, req.Limit, sessionOf, func(v domain.Session) domain.Position {
		return domain.Position{At: v.CreatedAt, ID: v.ID}
	}), nil
}

// Messages implements ports.PersonalData.
func (s personalData) Messages(ctx context.Context, accountID domain.ID, req domain.PageRequest) (domain.Page[domain.Message], error) {
	query := s.client().Message.Query().Where(message.AccountID(string(accountID)))
	if after := req.After; after != nil {
		at := domain.Instant(after.At)
		query.Where(
			message.CreatedAtLTE(at), // for the index: it cannot see through the alternative
			message.Or(message.CreatedAtLT(at), message.IDLT(string(after.ID))))
	}
	rows, err := query.
		Order(message.ByCreatedAt(sql.OrderDesc()), message.ByID(sql.OrderDesc())).
		Limit(req.Limit + 1).
		All(ctx)
	if err != nil {
		return domain.Page[domain.Message]{}, s.fault(ctx, err)
	}
	return page(rows, req.Limit, messageOf, func(m domain.Message) domain.Position {
		return domain.Position{At: m.CreatedAt, ID: m.ID}
	}), nil
}
