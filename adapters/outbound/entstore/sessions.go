package entstore

import (
	"context"
	"time"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"

	"authserve/core/domain"
	"authserve/ent"
	"authserve/ent/predicate"
	"authserve/ent/session"
	"authserve/ports"
)

type sessions struct{ *tx }

var _ ports.Sessions = sessions{}

// Create implements ports.Sessions.
func (s sessions) Create(ctx context.Context, v domain.Session) error {
	w, err := s.write()
	if err != nil {
		return err
	}
	create := w.Session.Create().
		SetID(string(v.ID)).
		SetAccountID(string(v.AccountID)).
		SetGeneration(v.Generation).
		SetClientID(v.ClientID).
		SetAuthMethods(v.AuthMethods).
		SetIP(v.IP).
		SetUserAgent(v.UserAgent).
		SetCreatedAt(domain.Instant(v.CreatedAt)).
		SetLastSeenAt(domain.Instant(v.LastSeenAt)).
		SetExpiresAt(domain.Instant(v.ExpiresAt)).
		SetAbsoluteExpiresAt(domain.Instant(v.AbsoluteExpiresAt)).
		SetNillableEndedAt(optional(v.EndedAt)).
		SetEndReason(string(v.EndReason)).
		SetRefreshNonce(v.Refresh.Nonce).
		SetRefreshCounter(v.Refresh.Counter).
		SetRefreshRetries(v.Refresh.Retries).
		SetRefreshKeyID(v.Refresh.KeyID).
		SetNillableRefreshRotatedAt(optional(v.Refresh.RotatedAt))
	if v.Refresh.RetryKey != nil {
		create.SetRefreshRetryKey(v.Refresh.RetryKey)
	}
	return s.attempt(ctx, primaryKey, func() error { return create.Exec(ctx) })
}

// ByID implements ports.Sessions.
func (s sessions) ByID(ctx context.Context, id domain.ID) (domain.Session, error) {
	row, err := s.sessionByID(ctx, string(id))
	if err != nil {
		return domain.Session{}, s.fault(ctx, err)
	}
	return sessionOf(row), nil
}

// ListActive implements ports.Sessions.
func (s sessions) ListActive(ctx context.Context, accountID domain.ID, now time.Time, skip int, req domain.PageRequest) (domain.Page[domain.Session], error) {
	if skip > 0 { // a login asks so, and hardly any account has as many
		if more, err := s.hasMoreSessions(ctx, string(accountID), skip); !more {
			return domain.Page[domain.Session]{}, s.fault(ctx, err)
		}
	}
	query := s.client().Session.Query().Where(
		session.AccountID(string(accountID)),
		session.EndedAtIsNil(),
		session.ExpiresAtGT(domain.Instant(now)))
	if after := req.After; after != nil {
		at := domain.Instant(after.At)
		query.Where(
			session.CreatedAtLTE(at), // for the index: it cannot see through the alternative
			session.Or(session.CreatedAtLT(at), session.IDLT(string(after.ID))))
	}
	if s.engine.dialect() == dialect.Postgres {
		query.Order(session.ByEndedAt(sql.OrderDesc())) // never; else it does not see the order of the index
	}
	rows, err := query.
		Order(session.ByCreatedAt(sql.OrderDesc()), session.ByID(sql.OrderDesc())).
		Offset(skip).
		Limit(req.Limit + 1).
		All(ctx)
	if err != nil {
		return domain.Page[domain.Session]{}, s.fault(ctx, err)
	}
	return page(rows, req.Limit, sessionOf, func(v domain.Session) domain.Position {
		return domain.Position{At: v.CreatedAt, ID: v.ID}
	}), nil
}

// SeenFrom implements ports.Sessions.
func (s sessions) SeenFrom(ctx context.Context, accountID domain.ID, userAgent, ip string) (bool, error) {
	seen, err := s.sessionSeenFrom(ctx, string(accountID), userAgent, ip)
	return seen, s.fault(ctx, err)
}

// Advance implements ports.Sessions.
func (s sessions) Advance(ctx context.Context, v domain.Session, from domain.RefreshPosition) error {
	if s.denied != nil {
		return s.denied
	}
	changed, err := s.advanceSession(ctx, v, from)
	if err != nil {
		return s.fault(ctx, err)
	}
	return one(changed)
}

// End implements ports.Sessions.
func (s sessions) End(ctx context.Context, id domain.ID, reason domain.EndReason, at time.Time) (bool, error) {
	changed, err := s.end(ctx, reason, at, session.ID(string(id)))
	return changed == 1, err
}

// EndAll implements ports.Sessions.
func (s sessions) EndAll(ctx context.Context, accountID, except domain.ID, reason domain.EndReason, at time.Time) (int, error) {
	which := []predicate.Session{session.AccountID(string(accountID))}
	if except != "" {
		which = append(which, session.IDNEQ(string(except)))
	}
	return s.end(ctx, reason, at, which...)
}

func (s sessions) end(ctx context.Context, reason domain.EndReason, at time.Time, which ...predicate.Session) (int, error) {
	w, err := s.write()
	if err != nil {
		return 0, err
	}
	changed, err := w.Session.Update().
		Where(which...).
		Where(session.EndedAtIsNil()).
		SetEndedAt(domain.Instant(at)).
		SetEndReason(string(reason)).
		Save(ctx)
	return changed, s.fault(ctx, err)
}

// Purge implements ports.Sessions.
func (s sessions) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	w, err := s.write()
	if err != nil {
		return 0, err
	}
	before = domain.Instant(before)
	// One after the other, each by its own index: asked for both at once, PostgreSQL reads
	// the table, and MariaDB all that is over, until there are enough.
	ended, err := purgeSessions(ctx, w, session.EndedAtLT(before), session.ByEndedAt(), limit)
	if err != nil {
		return ended, s.fault(ctx, err)
	}
	expired, err := purgeSessions(ctx, w, session.ExpiresAtLT(before), session.ByExpiresAt(), limit-ended)
	return ended + expired, s.fault(ctx, err)
}

// purgeSessions removes at most limit sessions that are over, in the order of an index.
func purgeSessions(ctx context.Context, w *ent.Client, over predicate.Session, order session.OrderOption, limit int) (int, error) {
	if limit <= 0 {
		return 0, nil
	}
	ids, err := w.Session.Query().Where(over).Order(order).Limit(limit).IDs(ctx)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	// The condition again: below serializable isolation a row may have changed.
	return w.Session.Delete().Where(session.IDIn(ids...), over).Exec(ctx)
}

func sessionOf(row *ent.Session) domain.Session {
	return domain.Session{
		ID:                domain.ID(row.ID),
		AccountID:         domain.ID(row.AccountID),
		Generation:        row.Generation,
		ClientID:          row.ClientID,
		AuthMethods:       row.AuthMethods,
		IP:                row.IP,
		UserAgent:         row.UserAgent,
		CreatedAt:         row.CreatedAt.UTC(),
		LastSeenAt:        row.LastSeenAt.UTC(),
		ExpiresAt:         row.ExpiresAt.UTC(),
		AbsoluteExpiresAt: row.AbsoluteExpiresAt.UTC(),
		EndedAt:           instant(row.EndedAt),
		EndReason:         domain.EndReason(row.EndReason),
		Refresh: domain.RefreshState{
			RefreshPosition: domain.RefreshPosition{
				Nonce:   row.RefreshNonce,
				Counter: row.RefreshCounter,
				Retries: row.RefreshRetries,
			},
			KeyID:     row.RefreshKeyID,
			RotatedAt: instant(row.RefreshRotatedAt),
			RetryKey:  row.RefreshRetryKey,
		},
	}
}
