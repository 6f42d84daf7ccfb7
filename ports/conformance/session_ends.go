package conformance

import (
	"context"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func sessionEndCases() []Case {
	return []Case{
		{
			"sessions.end", true,
			"End reports true once and keeps time and reason; for a session that was ended before, or does not exist, it reports false and changes nothing.",
			sessionEnd,
		},
		{
			"sessions.end_all", true,
			"EndAll ends the account's sessions that are not ended, expired ones too, except the one that is named, and counts them.",
			sessionEndAll,
		},
		{
			"sessions.purge", false,
			"Purge removes the sessions that ended or expired before the instant, no other.",
			sessionPurge,
		},
		{
			"sessions.purge_is_limited", false,
			"Purge removes at most as many sessions as it may, returns how many, and goes on when called again.",
			sessionPurgeIsLimited,
		},
	}
}

func (s *subject) end(id domain.ID, reason domain.EndReason, at time.Time) bool {
	s.Helper()
	return write(s, func(ctx context.Context, tx ports.Tx) (bool, error) { return tx.Sessions().End(ctx, id, reason, at) })
}

func (s *subject) endAll(account, except domain.ID, at time.Time) int {
	s.Helper()
	return write(s, func(ctx context.Context, tx ports.Tx) (int, error) {
		return tx.Sessions().EndAll(ctx, account, except, domain.EndedByOwner, at)
	})
}

func (s *subject) purgeSessions(before time.Time, limit int) int {
	s.Helper()
	return write(s, func(ctx context.Context, tx ports.Tx) (int, error) { return tx.Sessions().Purge(ctx, before, limit) })
}

func sessionEnd(s *subject) {
	account := fake.Account(1)
	s.given(account)
	session, other := fake.Session(1, account), fake.Session(2, account)
	s.givenSessions(session, other)
	at := fake.Epoch().Add(time.Hour)
	want := fake.Session(1, account, func(s *domain.Session) { s.EndedAt, s.EndReason = at, domain.EndedByReuse })

	equal(s, "the first End", s.end(session.ID, domain.EndedByReuse, at), true)
	equal(s, "the ended session", s.session(session.ID), want)
	equal(s, "the second End", s.end(session.ID, domain.EndedByLogout, at.Add(time.Hour)), false)
	equal(s, "the session ended twice", s.session(session.ID), want)
	equal(s, "End of nothing", s.end(fake.Session(3, account).ID, domain.EndedByLogout, at), false)
	equal(s, "another session", s.session(other.ID), other)
}

func sessionEndAll(s *subject) {
	account, foreign, at := fake.Account(1), fake.Account(2), fake.Epoch().Add(time.Hour)
	s.given(account, foreign)
	ended := fake.Session(4, account, endedAt(fake.Epoch()))
	s.givenSessions(fake.Session(1, account), fake.Session(2, account), fake.Session(3, account, expiresAt(fake.Epoch())),
		ended, fake.Session(5, foreign))
	byOwner := func(s *domain.Session) { s.EndedAt, s.EndReason = at, domain.EndedByOwner }

	equal(s, "EndAll except one", s.endAll(account.ID, fake.Session(1, account).ID, at), 2)
	equal(s, "the excepted session", s.session(fake.Session(1, account).ID), fake.Session(1, account))
	equal(s, "a session", s.session(fake.Session(2, account).ID), fake.Session(2, account, byOwner))
	equal(s, "an expired session", s.session(fake.Session(3, account).ID), fake.Session(3, account, expiresAt(fake.Epoch()), byOwner))
	equal(s, "a session ended before", s.session(ended.ID), ended)
	equal(s, "a session of another account", s.session(fake.Session(5, foreign).ID), fake.Session(5, foreign))

	equal(s, "EndAll without exception", s.endAll(account.ID, "", at), 1)
	equal(s, "the last session", s.session(fake.Session(1, account).ID), fake.Session(1, account, byOwner))
	equal(s, "EndAll with nothing left", s.endAll(account.ID, "", at.Add(time.Hour)), 0)
	equal(s, "a session ended before", s.session(fake.Session(2, account).ID), fake.Session(2, account, byOwner))
	equal(s, "EndAll of nobody", s.endAll(fake.Account(3).ID, "", at), 0)
}

func sessionPurge(s *subject) {
	account, cut := fake.Account(1), fake.Epoch().Add(-day)
	s.given(account)
	moment := time.Microsecond
	gone := []domain.Session{
		fake.Session(1, account, endedAt(cut.Add(-moment))),
		fake.Session(2, account, expiresAt(cut.Add(-moment))),
		fake.Session(3, account, endedAt(cut.Add(moment)), expiresAt(cut.Add(-moment))),
	}
	kept := []domain.Session{
		fake.Session(4, account),
		fake.Session(5, account, endedAt(cut)),
		fake.Session(6, account, expiresAt(cut)),
		fake.Session(7, account, endedAt(cut.Add(moment))),
	}
	s.givenSessions(append(gone, kept...)...)
	equal(s, "the number of purged sessions", s.purgeSessions(cut, 10), len(gone))
	for _, session := range gone {
		s.fails("a purged session", s.sessionFound(session.ID), ports.ErrNotFound)
	}
	for _, session := range kept {
		equal(s, "a kept session", s.session(session.ID), session)
	}
	equal(s, "EndAll after a purge", s.endAll(account.ID, "", fake.Epoch()), 2)
}

func sessionPurgeIsLimited(s *subject) {
	account := fake.Account(1)
	s.given(account)
	for n := range 5 {
		s.givenSessions(fake.Session(n, account, endedAt(fake.Epoch().Add(-day))))
	}
	for _, want := range []int{2, 2, 1, 0} {
		equal(s, "the number of purged sessions", s.purgeSessions(fake.Epoch(), 2), want)
	}
}
