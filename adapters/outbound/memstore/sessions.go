package memstore

import (
	"bytes"
	"context"
	"slices"
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
	if !s.data.accounts.has(session.AccountID) {
		return ports.ErrNotFound
	}
	if s.data.sessions.has(session.ID) {
		return ports.Conflict("id")
	}
	s.write(session)
	s.data.sessionsOf.put(s.tx, session.AccountID, append(s.data.sessionsOf[session.AccountID], session.ID))
	return nil
}

// ByID implements ports.Sessions.
func (s sessions) ByID(ctx context.Context, id domain.ID) (domain.Session, error) {
	if err := s.reading(ctx); err != nil {
		return domain.Session{}, err
	}
	session, ok := s.data.sessions[id]
	if !ok {
		return domain.Session{}, ports.ErrNotFound
	}
	return session.Clone(), nil
}

// ListActive implements ports.Sessions.
func (s sessions) ListActive(ctx context.Context, accountID domain.ID, now time.Time, skip int, request domain.PageRequest) (domain.Page[domain.Session], error) {
	if err := s.reading(ctx); err != nil {
		return domain.Page[domain.Session]{}, err
	}
	var active []domain.Session
	for _, id := range s.data.sessionsOf[accountID] {
		if session := s.data.sessions[id]; session.IsActive(now) {
			active = append(active, session)
		}
	}
	page := pageOf(active, skip, func(session domain.Session) domain.Position {
		return domain.Position{At: session.CreatedAt, ID: session.ID}
	}, request)
	for i, session := range page.Items {
		page.Items[i] = session.Clone()
	}
	return page, nil
}

// SeenFrom implements ports.Sessions.
func (s sessions) SeenFrom(ctx context.Context, accountID domain.ID, userAgent, ip string) (bool, error) {
	if err := s.reading(ctx); err != nil {
		return false, err
	}
	return slices.ContainsFunc(s.data.sessionsOf[accountID], func(id domain.ID) bool {
		kept := s.data.sessions[id]
		return kept.UserAgent == userAgent && kept.IP == ip
	}), nil
}

// Advance implements ports.Sessions.
func (s sessions) Advance(ctx context.Context, session domain.Session, from domain.RefreshPosition) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	kept, ok := s.data.sessions[session.ID]
	at := kept.Refresh.RefreshPosition
	if !ok || !kept.EndedAt.IsZero() || at.Counter != from.Counter || at.Retries != from.Retries || !bytes.Equal(at.Nonce, from.Nonce) {
		return ports.ErrStale
	}
	kept.Generation = session.Generation
	kept.Refresh = session.Refresh
	kept.LastSeenAt = session.LastSeenAt
	kept.ExpiresAt = session.ExpiresAt
	s.write(kept)
	return nil
}

// End implements ports.Sessions.
func (s sessions) End(ctx context.Context, id domain.ID, reason domain.EndReason, at time.Time) (ended bool, err error) {
	if err := s.writing(ctx); err != nil {
		return false, err
	}
	return s.end(id, reason, at), nil
}

// EndAll implements ports.Sessions.
func (s sessions) EndAll(ctx context.Context, accountID, except domain.ID, reason domain.EndReason, at time.Time) (int, error) {
	if err := s.writing(ctx); err != nil {
		return 0, err
	}
	n := 0
	for _, id := range s.data.sessionsOf[accountID] {
		if id != except && s.end(id, reason, at) {
			n++
		}
	}
	return n, nil
}

// Purge implements ports.Sessions.
func (s sessions) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := s.writing(ctx); err != nil {
		return 0, err
	}
	due := func(session domain.Session) bool {
		return session.ExpiresAt.Before(before) || !session.EndedAt.IsZero() && session.EndedAt.Before(before)
	}
	return purge(s.data.sessions, limit, due, s.remove), nil
}

func (s sessions) end(id domain.ID, reason domain.EndReason, at time.Time) bool {
	session, ok := s.data.sessions[id]
	if !ok || !session.EndedAt.IsZero() {
		return false
	}
	session.EndedAt, session.EndReason = at, reason
	s.write(session)
	return true
}

func (s sessions) write(session domain.Session) {
	session = session.Clone()
	session.CreatedAt = domain.Instant(session.CreatedAt)
	session.LastSeenAt = domain.Instant(session.LastSeenAt)
	session.ExpiresAt = domain.Instant(session.ExpiresAt)
	session.AbsoluteExpiresAt = domain.Instant(session.AbsoluteExpiresAt)
	session.EndedAt = domain.Instant(session.EndedAt)
	session.Refresh.RotatedAt = domain.Instant(session.Refresh.RotatedAt)
	s.data.sessions.put(s.tx, session.ID, session)
}

func (s sessions) remove(id domain.ID) {
	accountID := s.data.sessions[id].AccountID
	s.data.sessions.remove(s.tx, id)
	// A new slice: the journal may need the old one.
	rest := slices.DeleteFunc(slices.Clone(s.data.sessionsOf[accountID]), func(other domain.ID) bool { return other == id })
	s.data.sessionsOf.put(s.tx, accountID, rest)
}
