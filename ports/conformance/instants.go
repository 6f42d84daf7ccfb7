package conformance

import (
	"context"
	"errors"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func instantCases() []Case {
	return []Case{
		{
			"instants.return_in_utc", true,
			"Every instant comes back as the same one in UTC, in whatever zone it was given.",
			instantsReturnInUTC,
		},
		{
			"instants.microseconds", false,
			"Every instant is kept in whole microseconds, cut and not rounded.",
			instantsMicroseconds,
		},
		{
			"instants.zero_stays_zero", true,
			"An instant that is not set comes back as the zero time.",
			instantsZeroStaysZero,
		},
		{
			"instants.far_away", false,
			"Instants of the years 1970 and 2999 come back as they are.",
			instantsFarAway,
		},
		{
			"instants.compare_across_zones", true,
			"Conditions on time compare instants, in whatever zone they are given.",
			instantsCompareAcrossZones,
		},
	}
}

// roundTrip gives at to every field of time and checks that want comes back.
func roundTrip(s *subject, n int, at, want time.Time) {
	s.Helper()
	account, key, event, record := fake.Account(n), fake.SigningKey(n), fake.AuditEvent(n), fake.IdempotencyRecord(n)
	credential, session, message := fake.Credential(account), fake.Session(n, account), fake.Message(n)
	token, throttle := fake.OneTimeToken(n, account), domain.Throttle{Key: throttleKey(n), Failures: 1}
	gone := fake.Account(n + 50)
	erasure := domain.Erasure{AccountID: gone.ID}
	ends := chainedEnds{head: fake.AuditHead(1), anchor: fake.AuditHead(1)}
	set := func(to time.Time) {
		for _, field := range []*time.Time{
			&account.EmailVerifiedAt, &account.CreatedAt, &account.UpdatedAt, &account.LastLoginAt,
			&credential.ChangedAt,
			&session.CreatedAt, &session.LastSeenAt, &session.ExpiresAt, &session.AbsoluteExpiresAt, &session.EndedAt, &session.Refresh.RotatedAt,
			&key.CreatedAt, &key.StateSince,
			&message.CreatedAt, &message.DueAt,
			&event.At,
			&record.CreatedAt, &record.ExpiresAt,
			&token.CreatedAt, &token.ExpiresAt,
			&throttle.LastFailure,
			&erasure.At, &erasure.FinishedAt,
			&ends.head.At, &ends.anchor.At,
		} {
			*field = to
		}
	}
	set(at)
	s.given(account)
	s.update(func(ctx context.Context, tx ports.Tx) error {
		return errors.Join(
			tx.Credentials().Create(ctx, credential),
			tx.Sessions().Create(ctx, session),
			tx.Keys().Create(ctx, key),
			tx.Outbox().Enqueue(ctx, message),
			tx.Audit().Append(ctx, event),
			tx.Idempotency().Create(ctx, record),
			tx.OneTimeTokens().Put(ctx, token))
	})
	claimed := s.claimUntil(at, at)
	failed := s.failed(n, at)
	s.erased(at, gone)
	s.fails("Finish", s.finish(gone.ID, at), nil)
	kept := s.events(domain.AuditFilter{}, domain.PageRequest{Limit: 1}).Items
	s.fails("Link", s.link([]domain.AuditLink{fake.AuditLink(event, 1)}, ends.head, 0), nil)
	_, pruneErr := s.prune(ends.anchor, 0)
	s.fails("Prune", pruneErr, nil)
	set(want)
	message.Attempt = 1
	equal(s, "the account", s.account(account.ID), account)
	equal(s, "the credential", s.credential(account.ID), credential)
	equal(s, "the session", s.session(session.ID), session)
	equal(s, "the keys", s.keys(), []domain.SigningKey{key})
	equal(s, "the claimed messages", claimed, []domain.Message{message})
	equal(s, "the events", kept, []domain.AuditEvent{event})
	equal(s, "the ends of the chain", s.chainEnds(), ends)
	equal(s, "the record", s.record(record.Key), record)
	equal(s, "the tokens", s.tokens(account.ID), []domain.OneTimeToken{token})
	equal(s, "the count that Fail returns", failed, throttle)
	equal(s, "the count", s.throttle(n), throttle)
	equal(s, "the erasure", s.erasure(gone.ID), erasure)
}

// claimUntil claims what is due at now, with a lease that ends at end.
func (s *subject) claimUntil(now, end time.Time) []domain.Message {
	s.Helper()
	return write(s, func(ctx context.Context, tx ports.Tx) ([]domain.Message, error) {
		return tx.Outbox().Claim(ctx, now, end, 10)
	})
}

// zones are the same instant in zones far apart.
func zones(at time.Time) []time.Time {
	return []time.Time{
		at.In(time.FixedZone("east", 14*3600)),
		at.In(time.FixedZone("west", -12*3600)),
		at.In(time.FixedZone("no name", 5*3600+45*60)),
	}
}

func instantsReturnInUTC(s *subject) {
	roundTrip(s, 1, zones(fake.Epoch())[0], fake.Epoch())
	// The ways in that change a row.
	s.enqueue(fake.Message(2))
	equal(s, "the messages claimed again", len(s.claimUntil(fake.Epoch(), fake.Epoch())), 2)
	at, account := fake.Epoch().Add(time.Hour), fake.Account(1)
	west := zones(at)[1]
	s.givenSessions(fake.Session(2, account), fake.Session(3, account), fake.Session(4, account))
	advanced := rotated(fake.Session(4, account))
	advanced.LastSeenAt, advanced.ExpiresAt, advanced.Refresh.RotatedAt = west, west, west
	s.update(func(ctx context.Context, tx ports.Tx) error {
		changed := fake.Account(1, func(a *domain.Account) { a.EmailVerifiedAt, a.UpdatedAt = west, west })
		credential := fake.Credential(account, func(c *domain.Credential) { c.ChangedAt = west })
		_, endErr := tx.Sessions().End(ctx, fake.Session(2, account).ID, domain.EndedByLogout, west)
		_, endAllErr := tx.Sessions().EndAll(ctx, account.ID, fake.Session(4, account).ID, domain.EndedByOwner, west)
		return errors.Join(endErr, endAllErr,
			tx.Accounts().Update(ctx, changed, account.Version),
			tx.Accounts().RecordLogin(ctx, account.ID, 1, 1, west),
			tx.Credentials().Replace(ctx, credential, 1),
			tx.Sessions().Advance(ctx, advanced, fake.Session(4, account).Refresh.RefreshPosition),
			tx.Keys().SetState(ctx, fake.SigningKey(1).ID, domain.KeyActive, domain.KeyRetired, west),
			tx.Outbox().Retry(ctx, fake.Message(1).ID, 2, west, "busy"),
			tx.Outbox().Return(ctx, fake.Message(2).ID, 1, west))
	})
	changed := s.account(account.ID)
	for what, got := range map[string]time.Time{
		"EmailVerifiedAt after Update": changed.EmailVerifiedAt,
		"UpdatedAt after Update":       changed.UpdatedAt,
		"LastLoginAt":                  changed.LastLoginAt,
		"ChangedAt after Replace":      s.credential(account.ID).ChangedAt,
		"EndedAt after End":            s.session(fake.Session(2, account).ID).EndedAt,
		"EndedAt after EndAll":         s.session(fake.Session(3, account).ID).EndedAt,
		"LastSeenAt after Advance":     s.session(advanced.ID).LastSeenAt,
		"ExpiresAt after Advance":      s.session(advanced.ID).ExpiresAt,
		"RotatedAt after Advance":      s.session(advanced.ID).Refresh.RotatedAt,
		"StateSince after SetState":    s.keys()[0].StateSince,
		"LastFailure after Fail":       s.failed(1, west).LastFailure,
	} {
		equal(s, what, got, at)
	}
	equal(s, "the messages claimed before a pause ends", len(s.claimUntil(at.Add(-time.Microsecond), at)), 0)
	equal(s, "the messages claimed when a pause ends", len(s.claimUntil(at, at)), 2)
}

func instantsMicroseconds(s *subject) {
	at := fake.Epoch().Add(999 * time.Nanosecond)
	roundTrip(s, 1, at, fake.Epoch())
}

func instantsZeroStaysZero(s *subject) {
	account := fake.Account(1, func(a *domain.Account) { a.EmailVerifiedAt, a.LastLoginAt = time.Time{}, time.Time{} })
	session := fake.Session(1, account)
	s.given(account)
	s.givenSessions(session)
	equal(s, "the account", s.account(account.ID), account)
	equal(s, "the session", s.session(session.ID), session)
	s.enqueue(fake.Message(1))
	for _, m := range s.claim(fake.Epoch(), 1) {
		equal(s, "SettledAt of a pending message", m.SettledAt, time.Time{})
	}
	s.erased(fake.Epoch(), fake.Account(2))
	equal(s, "FinishedAt of a pending erasure", s.erasure(fake.Account(2).ID).FinishedAt, time.Time{})
	equal(s, "LastFailure without a failure", s.throttle(1).LastFailure, time.Time{})
	verified := fake.Account(1, func(a *domain.Account) { a.EmailVerifiedAt = fake.Epoch() })
	for _, next := range []domain.Account{verified, account} {
		if err := s.updateAccount(next, account.Version); err != nil {
			s.Fatalf("Update: got error %v, want none", err)
		}
		equal(s, "the account after Update", s.account(account.ID), next)
	}
}

func instantsFarAway(s *subject) {
	account := fake.Account(1, func(a *domain.Account) {
		a.CreatedAt = time.Unix(0, 0).UTC()
		a.UpdatedAt = time.Date(2999, time.December, 31, 23, 59, 59, 999999000, time.UTC)
	})
	s.given(account)
	equal(s, "the account", s.account(account.ID), account)
}

func instantsCompareAcrossZones(s *subject) {
	account, moment := fake.Account(1), time.Microsecond
	s.given(account)
	for n, at := range zones(fake.Epoch()) {
		s.givenSessions(fake.Session(n, account, expiresAt(at)))
		s.enqueue(fake.Message(n, dueAt(at)))
		s.appendEvents(fake.AuditEvent(n, func(e *domain.AuditEvent) { e.At = at }))
		record := fake.IdempotencyRecord(n, func(r *domain.IdempotencyRecord) { r.ExpiresAt = at })
		if err := s.createRecord(record); err != nil {
			s.Fatalf("Create of a record: got error %v, want none", err)
		}
		s.failed(n, at)
		s.givenTokens(fake.OneTimeToken(n, account, toUndo(fake.Account(n).Email), tokenExpiresAt(at)))
		s.given(fake.Account(20+n, func(a *domain.Account) { a.CreatedAt, a.EmailVerifiedAt = at, time.Time{} }))
	}
	active := func(now time.Time) int {
		return len(read(s, func(ctx context.Context, tx ports.Tx) (domain.Page[domain.Session], error) {
			return tx.Sessions().ListActive(ctx, account.ID, now, 0, domain.PageRequest{Limit: 10})
		}).Items)
	}
	for _, now := range zones(fake.Epoch()) {
		after := domain.Position{At: now.Add(moment)}
		equal(s, "the number of sessions before they expire", active(now.Add(-moment)), 3)
		equal(s, "the number of sessions when they expire", active(now), 0)
		equal(s, "the number of messages before they are due", len(s.claimUntil(now.Add(-moment), now)), 0)
		equal(s, "the number of messages when they are due", len(s.claimUntil(now, now)), 3)
		equal(s, "the number of sessions purged at their expiry", s.purgeSessions(now, 10), 0)
		_, held := s.holder(fake.Account(2).Email.Canonical, now.Add(-moment))
		s.fails("Holder before the expiry", held, nil)
		_, held = s.holder(fake.Account(2).Email.Canonical, now)
		s.fails("Holder at the expiry", held, ports.ErrNotFound)
		for before, want := range map[time.Time]int{now: 0, now.Add(moment): 3} {
			equal(s, "the number of unverified accounts", unverifiedBefore(s, before), want)
		}
		equal(s, "the number of tokens and counts purged at their instant", purgeOnce(s, now), 0)
		equal(s, "the events after a position", len(s.events(domain.AuditFilter{}, domain.PageRequest{Limit: 10, After: &after}).Items), 3)
	}
	late := zones(fake.Epoch().Add(moment))[0]
	equal(s, "the number of purged sessions", s.purgeSessions(late, 10), 3)
	equal(s, "the number of purged tokens and counts", purgeOnce(s, late), 6)
}

func unverifiedBefore(s *subject, before time.Time) int {
	s.Helper()
	return len(read(s, func(ctx context.Context, tx ports.Tx) ([]domain.Account, error) {
		return tx.Erasures().Unverified(ctx, before, 10)
	}))
}

// purgeOnce is how many tokens and counts are purged.
func purgeOnce(s *subject, before time.Time) int {
	s.Helper()
	return write(s, func(ctx context.Context, tx ports.Tx) (int, error) {
		tokens, tokensErr := tx.OneTimeTokens().Purge(ctx, before, 10)
		counts, countsErr := tx.Throttles().Purge(ctx, before, 10)
		return tokens + counts, errors.Join(tokensErr, countsErr)
	})
}
