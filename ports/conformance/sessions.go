package conformance

import (
	"context"
	"strconv"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func sessionCases() []Case {
	return []Case{
		{
			"sessions.create_then_read", true,
			"A created session is read with every field, ended or not; an unknown one is ErrNotFound.",
			sessionCreateThenRead,
		},
		{
			"sessions.id_is_unique", true,
			"Creating a session whose ID is taken is a conflict of id and leaves the first.",
			sessionIDIsUnique,
		},
		{
			"sessions.need_their_account", true,
			"Creating a session of an account that does not exist is ErrNotFound.",
			sessionNeedsItsAccount,
		},
		{
			"sessions.list_active", true,
			"ListActive returns the account's own sessions that are neither ended nor expired at the instant, with every field, newest first, and leaves out as many of the newest as it is told.",
			sessionListActive,
		},
		{
			"sessions.list_active_last", true,
			"ListActive of an account that has exactly one session more than it is to leave out, none ended or expired, returns that one, the oldest.",
			sessionListActiveLast,
		},
		{
			"sessions.seen_from", true,
			"SeenFrom finds the user agent and the address together, letter by letter, in the account's own sessions, the ended ones included, however many others there are.",
			sessionSeenFrom,
		},
		{
			"sessions.advance", true,
			"Advance writes the refresh state, Generation, LastSeenAt and ExpiresAt, and no other field.",
			sessionAdvance,
		},
		{
			"sessions.advance_is_conditional", true,
			"Advance from a position that differs in nonce, counter or retries, or of a session that is ended or gone, is ErrStale and changes nothing.",
			sessionAdvanceIsConditional,
		},
		{
			"sessions.advance_moves_generation", true,
			"Advance moves generation, nonce and counter together; the position before is stale.",
			sessionAdvanceMovesGeneration,
		},
	}
}

func (s *subject) advance(session domain.Session, from domain.RefreshPosition) error {
	return s.try(func(ctx context.Context, tx ports.Tx) error { return tx.Sessions().Advance(ctx, session, from) })
}

func (s *subject) sessionFound(id domain.ID) error {
	return found(s, func(ctx context.Context, tx ports.Tx) (domain.Session, error) { return tx.Sessions().ByID(ctx, id) })
}

// endedAt makes a session one that ended at the instant.
func endedAt(at time.Time) func(*domain.Session) {
	return func(s *domain.Session) { s.EndedAt, s.EndReason = at, domain.EndedByLogout }
}

// expiresAt makes a session one that expires at the instant.
func expiresAt(at time.Time) func(*domain.Session) {
	return func(s *domain.Session) { s.ExpiresAt = at }
}

func sessionCreateThenRead(s *subject) {
	account := fake.Account(1)
	s.given(account)
	full := fake.Session(1, account, endedAt(fake.Epoch().Add(time.Hour)), func(session *domain.Session) {
		session.Generation, session.ClientID = 7, "another-client"
		session.AuthMethods = []string{"pwd", "otp", "mfa"}
		session.LastSeenAt = fake.Epoch().Add(time.Minute)
		session.ExpiresAt = fake.Epoch().Add(day)
		session.AbsoluteExpiresAt = fake.Epoch().Add(2 * day)
		session.Refresh.Counter, session.Refresh.Retries = 1<<40, 3
		session.Refresh.RotatedAt, session.Refresh.RetryKey = fake.Epoch().Add(time.Second), []byte{0, 0xff, 1}
	})
	bare := fake.Session(2, account, func(session *domain.Session) {
		session.AuthMethods, session.IP, session.UserAgent, session.Refresh.KeyID = nil, "", "", ""
	})
	s.givenSessions(full, bare)
	equal(s, "an ended session with everything", s.session(full.ID), full)
	equal(s, "a session without what is optional", s.session(bare.ID), bare)
	s.fails("an unknown session", s.sessionFound(fake.Session(3, account).ID), ports.ErrNotFound)
}

func sessionIDIsUnique(s *subject) {
	s.given(fake.Account(1), fake.Account(2))
	first := fake.Session(1, fake.Account(1))
	s.givenSessions(first)
	err := s.try(func(ctx context.Context, tx ports.Tx) error {
		return tx.Sessions().Create(ctx, fake.Session(1, fake.Account(2)))
	})
	s.conflicts("a second session of the same ID", err, "id")
	equal(s, "the session", s.session(first.ID), first)
}

func sessionNeedsItsAccount(s *subject) {
	session := fake.Session(1, fake.Account(1))
	err := s.try(func(ctx context.Context, tx ports.Tx) error { return tx.Sessions().Create(ctx, session) })
	s.fails("Create without an account", err, ports.ErrNotFound)
	s.fails("the refused session", s.sessionFound(session.ID), ports.ErrNotFound)
}

func sessionListActive(s *subject) {
	account, now := fake.Account(1), fake.Epoch().Add(time.Hour)
	s.given(account, fake.Account(2))
	created := func(at time.Time) func(*domain.Session) { return func(s *domain.Session) { s.CreatedAt = at } }
	older := fake.Session(1, account, created(fake.Epoch().Add(-time.Hour)))
	newer := fake.Session(2, account, created(fake.Epoch().Add(time.Hour)))
	middle := fake.Session(3, account, expiresAt(now.Add(time.Microsecond)))
	s.givenSessions(older, newer, middle,
		fake.Session(4, account, endedAt(fake.Epoch())),
		fake.Session(5, account, endedAt(now.Add(time.Hour))), // ended is ended, whenever
		fake.Session(6, account, expiresAt(now)),
		fake.Session(7, account, expiresAt(now.Add(-time.Microsecond))),
		fake.Session(8, fake.Account(2)))
	page := read(s, func(ctx context.Context, tx ports.Tx) (domain.Page[domain.Session], error) {
		return tx.Sessions().ListActive(ctx, account.ID, now, 0, domain.PageRequest{Limit: 10})
	})
	want := []domain.Session{newer, middle, older}
	equal(s, "the active sessions", ids(page.Items, sessionID), ids(want, sessionID))
	for i := range min(len(page.Items), len(want)) {
		equal(s, "a listed session", page.Items[i], want[i])
	}
	for skip, left := range [][]domain.Session{want, want[1:], want[2:], nil, nil} {
		page := read(s, func(ctx context.Context, tx ports.Tx) (domain.Page[domain.Session], error) {
			return tx.Sessions().ListActive(ctx, account.ID, now, skip, domain.PageRequest{Limit: 10})
		})
		equal(s, "the active sessions but the newest "+strconv.Itoa(skip), ids(page.Items, sessionID), ids(left, sessionID))
	}
	none := read(s, func(ctx context.Context, tx ports.Tx) (domain.Page[domain.Session], error) {
		return tx.Sessions().ListActive(ctx, fake.Account(3).ID, now, 0, domain.PageRequest{Limit: 10})
	})
	equal(s, "the number of sessions of nobody", len(none.Items), 0)
}

// sessionListActiveLast is what a login asks at the maximum of sessions.
func sessionListActiveLast(s *subject) {
	const most = 4
	for skip := range most {
		account := fake.Account(skip)
		s.given(account)
		var sessions []domain.Session // newest first
		for n := range skip + 1 {
			at := fake.Epoch().Add(-time.Duration(n) * time.Minute)
			sessions = append(sessions, fake.Session(skip*most+n, account, func(v *domain.Session) { v.CreatedAt = at }))
		}
		s.givenSessions(sessions...)
		for _, limit := range []int{1, 10} {
			page := read(s, func(ctx context.Context, tx ports.Tx) (domain.Page[domain.Session], error) {
				return tx.Sessions().ListActive(ctx, account.ID, fake.Epoch(), skip, domain.PageRequest{Limit: limit})
			})
			equal(s, "the active sessions but the newest "+strconv.Itoa(skip), page.Items, sessions[skip:])
			equal(s, "whether there is more", page.Next != nil, false)
		}
	}
}

func sessionSeenFrom(s *subject) {
	account, other := fake.Account(1), fake.Account(2)
	s.given(account, other)
	from := func(n int, account domain.Account, userAgent, ip string, end time.Time) domain.Session {
		return fake.Session(n, account, func(v *domain.Session) {
			v.UserAgent, v.IP = userAgent, ip
			v.CreatedAt = fake.Epoch().Add(time.Duration(n) * time.Minute)
			if !end.IsZero() {
				v.EndedAt, v.EndReason = end, domain.EndedByLogout
			}
		})
	}
	var sessions []domain.Session
	for n := range domain.RecentSessions - 1 { // as many that are none of the wanted
		sessions = append(sessions,
			from(10+n, account, "Filler/1.0", "192.0.2.1", time.Time{}),
			from(100+n, account, "Filler/1.0", "192.0.2.1", fake.Epoch().Add(day)))
	}
	s.givenSessions(append(sessions,
		from(1, account, "Active/1.0", "192.0.2.2", time.Time{}),
		from(2, account, "Ended/1.0", "192.0.2.3", fake.Epoch().Add(time.Hour)),
		from(3, other, "Other/1.0", "192.0.2.4", time.Time{}),
		from(4, other, "", "", time.Time{}))...)
	for _, c := range []struct {
		account       domain.Account
		userAgent, ip string
		want          bool
	}{
		{account, "Active/1.0", "192.0.2.2", true},
		{account, "Ended/1.0", "192.0.2.3", true},
		{account, "Active/1.0", "192.0.2.3", false},
		{account, "Ended/1.0", "192.0.2.2", false},
		{account, "active/1.0", "192.0.2.2", false},
		{account, "Other/1.0", "192.0.2.4", false},
		{account, "", "", false},
		{other, "Other/1.0", "192.0.2.4", true},
		{other, "", "", true},
		{fake.Account(3), "Active/1.0", "192.0.2.2", false},
	} {
		seen := read(s, func(ctx context.Context, tx ports.Tx) (bool, error) {
			return tx.Sessions().SeenFrom(ctx, c.account.ID, c.userAgent, c.ip)
		})
		equal(s, "whether "+strconv.Quote(c.userAgent)+" from "+strconv.Quote(c.ip)+" was seen", seen, c.want)
	}
}

func sessionAdvance(s *subject) {
	account := fake.Account(1)
	s.given(account)
	first, other := fake.Session(1, account), fake.Session(2, account)
	s.givenSessions(first, other)

	want := rotated(first)
	given := want.Clone()
	given.AccountID, given.ClientID, given.AuthMethods = fake.Account(2).ID, "spoiled", []string{"spoiled"}
	given.IP, given.UserAgent, given.CreatedAt = "spoiled", "spoiled", fake.Epoch().Add(9*day)
	given.AbsoluteExpiresAt, given.EndReason = fake.Epoch().Add(99*day), domain.EndedByLogout
	if err := s.advance(given, first.Refresh.RefreshPosition); err != nil {
		s.Fatalf("Advance: got error %v, want none", err)
	}
	equal(s, "the advanced session", s.session(first.ID), want)

	retried := want.Retried()
	if err := s.advance(retried, want.Refresh.RefreshPosition); err != nil {
		s.Fatalf("Advance by a retry: got error %v, want none", err)
	}
	equal(s, "the session after a retry", s.session(first.ID), retried)

	renewed := retried.Clone()
	renewed.Refresh = other.Refresh // another nonce, the counter at 0, no retry key
	if err := s.advance(renewed, retried.Refresh.RefreshPosition); err != nil {
		s.Fatalf("Advance to a new nonce: got error %v, want none", err)
	}
	equal(s, "the session with a new nonce", s.session(first.ID), renewed)
	equal(s, "another session", s.session(other.ID), other)
}

func sessionAdvanceIsConditional(s *subject) {
	account := fake.Account(1)
	s.given(account)
	position := func(counter int64, retries int) func(*domain.Session) {
		return func(s *domain.Session) { s.Refresh.Counter, s.Refresh.Retries = counter, retries }
	}
	kept := fake.Session(1, account, position(5, 2))
	ended := fake.Session(2, account, endedAt(fake.Epoch()))
	s.givenSessions(kept, ended)

	anotherNonce := kept.Clone().Refresh.RefreshPosition
	anotherNonce.Nonce[domain.NonceSize-1]++
	for name, from := range map[string]domain.RefreshPosition{
		"another nonce":  anotherNonce,
		"a past counter": fake.Session(1, account, position(4, 2)).Refresh.RefreshPosition,
		"a next counter": fake.Session(1, account, position(6, 2)).Refresh.RefreshPosition,
		"fewer retries":  fake.Session(1, account, position(5, 1)).Refresh.RefreshPosition,
		"more retries":   fake.Session(1, account, position(5, 3)).Refresh.RefreshPosition,
		"no nonce":       {Counter: 5, Retries: 2},
	} {
		s.fails("Advance from "+name, s.advance(rotated(kept), from), ports.ErrStale)
	}
	equal(s, "the session", s.session(kept.ID), kept)
	s.fails("Advance of an ended session", s.advance(rotated(ended), ended.Refresh.RefreshPosition), ports.ErrStale)
	equal(s, "the ended session", s.session(ended.ID), ended)
	gone := fake.Session(3, account)
	s.fails("Advance of a session that is gone", s.advance(rotated(gone), gone.Refresh.RefreshPosition), ports.ErrStale)
	s.fails("the session that is gone", s.sessionFound(gone.ID), ports.ErrNotFound)
}

func sessionAdvanceMovesGeneration(s *subject) {
	account := fake.Account(1)
	s.given(account)
	before := fake.Session(1, account, func(s *domain.Session) {
		s.Refresh.Counter, s.Refresh.Retries = 5, 2
		s.Refresh.RotatedAt, s.Refresh.RetryKey = fake.Epoch(), []byte("retry key")
	})
	other := fake.Session(2, account)
	s.givenSessions(before, other)

	moved := before.Clone()
	moved.Generation++
	moved.Refresh = fake.Session(3, account).Refresh // another nonce, the counter at 0, no retry
	if err := s.advance(moved, before.Refresh.RefreshPosition); err != nil {
		s.Fatalf("Advance to the next generation: got error %v, want none", err)
	}
	equal(s, "the moved session", s.session(moved.ID), moved)
	equal(s, "another session", s.session(other.ID), other)

	s.fails("a refresh from the position before", s.advance(rotated(before), before.Refresh.RefreshPosition), ports.ErrStale)
	s.fails("a second move from the position before", s.advance(moved, before.Refresh.RefreshPosition), ports.ErrStale)
	equal(s, "the session after the stale writes", s.session(moved.ID), moved)

	refreshed := rotated(moved)
	if err := s.advance(refreshed, moved.Refresh.RefreshPosition); err != nil {
		s.Fatalf("Advance in the new generation: got error %v, want none", err)
	}
	equal(s, "the session refreshed in the new generation", s.session(moved.ID), refreshed)
}
