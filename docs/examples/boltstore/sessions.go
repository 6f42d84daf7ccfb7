package boltstore

import (
	"bytes"
	"context"
	"errors"
	"math"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

type sessions struct{ *tx }

var _ ports.Sessions = sessions{}

// Create implements ports.Sessions.
func (s sessions) Create(ctx context.Context, session domain.Session) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	if !s.schema.accounts.has(s.tx, []byte(session.AccountID)) {
		return ports.ErrNotFound
	}
	return s.schema.sessions.insert(s.tx, session)
}

// ByID implements ports.Sessions.
func (s sessions) ByID(ctx context.Context, id domain.ID) (domain.Session, error) {
	if err := s.reading(ctx); err != nil {
		return domain.Session{}, err
	}
	return s.schema.sessions.get(s.tx, []byte(id))
}

// ListActive implements ports.Sessions.
func (s sessions) ListActive(ctx context.Context, accountID domain.ID, now time.Time, skip int, page domain.PageRequest) (domain.Page[domain.Session], error) {
	if err := s.reading(ctx); err != nil {
		return domain.Page[domain.Session]{}, err
	}
	active := func(session domain.Session) bool { return session.IsActive(now) }
	return s.schema.sessions.page(ctx, s.tx, sessionsOpen, under(string(accountID), nil), active, skip, page)
}

// SeenFrom implements ports.Sessions.
func (s sessions) SeenFrom(ctx context.Context, accountID domain.ID, userAgent, ip string) (bool, error) {
	if err := s.reading(ctx); err != nil {
		return false, err
	}
	same := func(session domain.Session) bool { return session.UserAgent == userAgent && session.IP == ip }
	page, err := s.schema.sessions.page(ctx, s.tx, sessionsByAccount, under(string(accountID), nil), same, 0, domain.PageRequest{Limit: 1})
	return len(page.Items) == 1, err
}

// Advance implements ports.Sessions.
func (s sessions) Advance(ctx context.Context, session domain.Session, from domain.RefreshPosition) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	kept, err := orStale(s.schema.sessions.get(s.tx, []byte(session.ID)))
	if err != nil {
		return err
	}
	at := kept.Refresh.RefreshPosition
	if !kept.EndedAt.IsZero() || at.Counter != from.Counter || at.Retries != from.Retries || !bytes.Equal(at.Nonce, from.Nonce) {
		return ports.ErrStale
	}
	next := kept
	next.Generation, next.Refresh = session.Generation, session.Refresh
	next.LastSeenAt, next.ExpiresAt = session.LastSeenAt, session.ExpiresAt
	return s.schema.sessions.replace(s.tx, kept, next)
}

// End implements ports.Sessions.
func (s sessions) End(ctx context.Context, id domain.ID, reason domain.EndReason, at time.Time) (ended bool, err error) {
	if err := s.writing(ctx); err != nil {
		return false, err
	}
	kept, err := s.schema.sessions.get(s.tx, []byte(id))
	if errors.Is(err, ports.ErrNotFound) || err == nil && !kept.EndedAt.IsZero() {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, s.end(kept, reason, at)
}

// EndAll implements ports.Sessions.
func (s sessions) EndAll(ctx context.Context, accountID, except domain.ID, reason domain.EndReason, at time.Time) (int, error) {
	if err := s.writing(ctx); err != nil {
		return 0, err
	}
	open, err := s.schema.sessions.from(ctx, s.tx, sessionsOpen, under(string(accountID), nil), nil, math.MaxInt)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, session := range open {
		if session.ID == except {
			continue
		}
		if err := s.end(session, reason, at); err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// Purge implements ports.Sessions.
func (s sessions) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := s.writing(ctx); err != nil {
		return 0, err
	}
	old, err := s.schema.sessions.before(ctx, s.tx, sessionsByEnd, instantKey(before), limit)
	if err != nil {
		return 0, err
	}
	return len(old), s.schema.sessions.remove(s.tx, old)
}

func (s sessions) end(kept domain.Session, reason domain.EndReason, at time.Time) error {
	ended := kept
	ended.EndedAt, ended.EndReason = at, reason
	return s.schema.sessions.replace(s.tx, kept, ended)
}
