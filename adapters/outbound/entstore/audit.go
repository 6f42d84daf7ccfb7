package entstore

import (
	"context"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"

	"authserve/core/domain"
	"authserve/ent"
	"authserve/ent/auditevent"
	"authserve/ports"
)

type audit struct{ *tx }

var _ ports.Audit = audit{}

// Append implements ports.Audit.
func (s audit) Append(ctx context.Context, e domain.AuditEvent) error {
	w, err := s.write()
	if err != nil {
		return err
	}
	create := w.AuditEvent.Create().
		SetID(string(e.ID)).
		SetAt(domain.Instant(e.At)).
		SetActorKind(string(e.Actor.Kind)).
		SetActorID(e.Actor.ID).
		SetActorSessionID(string(e.Actor.SessionID)).
		SetActorIP(e.Actor.IP).
		SetActorUserAgent(e.Actor.UserAgent).
		SetCorrelationID(e.Actor.CorrelationID).
		SetAction(string(e.Action)).
		SetSubject(string(e.Subject)).
		SetDetail(e.Detail)
	return s.attempt(ctx, primaryKey, func() error { return create.Exec(ctx) })
}

// List implements ports.Audit.
func (s audit) List(ctx context.Context, filter domain.AuditFilter, req domain.PageRequest) (domain.Page[domain.AuditEvent], error) {
	query := s.client().AuditEvent.Query()
	if filter.Subject != "" {
		query.Where(auditevent.Subject(string(filter.Subject)))
	}
	switch action := string(filter.Action); {
	case action == "":
	case filter.Subject == "" && s.engine.dialect() == dialect.MySQL:
		// As a range, in the order of the whole index: given an equality, MariaDB begins at
		// the newest event of the action and reads on to the page.
		query.Where(auditevent.ActionGTE(action), auditevent.ActionLTE(action)).
			Order(auditevent.ByAction(sql.OrderDesc()))
	default:
		query.Where(auditevent.Action(action))
	}
	if after := req.After; after != nil {
		at := domain.Instant(after.At)
		query.Where(
			auditevent.AtLTE(at), // for the index: it cannot see through the alternative
			auditevent.Or(auditevent.AtLT(at), auditevent.IDLT(string(after.ID))))
	}
	rows, err := query.
		Order(auditevent.ByAt(sql.OrderDesc()), auditevent.ByID(sql.OrderDesc())).
		Limit(req.Limit + 1).
		All(ctx)
	if err != nil {
		return domain.Page[domain.AuditEvent]{}, s.fault(ctx, err)
	}
	return page(rows, req.Limit, auditEventOf, func(e domain.AuditEvent) domain.Position {
		return domain.Position{At: e.At, ID: e.ID}
	}), nil
}

func auditEventOf(row *ent.AuditEvent) domain.AuditEvent {
	return domain.AuditEvent{
		ID: domain.ID(row.ID),
		At: row.At.UTC(),
		Actor: domain.Actor{
			Kind:          domain.ActorKind(row.ActorKind),
			ID:            row.ActorID,
			SessionID:     domain.ID(row.ActorSessionID),
			IP:            row.ActorIP,
			UserAgent:     row.ActorUserAgent,
			CorrelationID: row.CorrelationID,
		},
		Action:  domain.AuditAction(row.Action),
		Subject: domain.ID(row.Subject),
		Detail:  row.Detail,
	}
}
