package conformance

import (
	"context"
	"errors"
	"slices"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func memoryCases() []Case {
	return []Case{
		{
			"memory.nothing_is_shared", true,
			"Changing what was given to the store or returned by it, in its slices and maps, changes nothing in the store.",
			nothingIsShared,
		},
	}
}

func nothingIsShared(s *subject) {
	account, session, key, event, record := sharedFixtures()
	list := domain.PageRequest{Limit: 10}
	s.given(account)
	s.update(func(ctx context.Context, tx ports.Tx) error {
		return errors.Join(
			tx.Sessions().Create(ctx, session),
			tx.Keys().Create(ctx, key),
			tx.Audit().Append(ctx, event),
			tx.Idempotency().Create(ctx, record))
	})
	readKey := func() domain.SigningKey {
		return read(s, func(ctx context.Context, tx ports.Tx) ([]domain.SigningKey, error) { return tx.Keys().List(ctx) })[0]
	}
	readEvent := func() domain.AuditEvent {
		return read(s, func(ctx context.Context, tx ports.Tx) (domain.Page[domain.AuditEvent], error) {
			return tx.Audit().List(ctx, domain.AuditFilter{}, list)
		}).Items[0]
	}
	readRecord := func() domain.IdempotencyRecord {
		_, _, _, _, kept := sharedFixtures()
		return read(s, func(ctx context.Context, tx ports.Tx) (domain.IdempotencyRecord, error) {
			return tx.Idempotency().ByKey(ctx, kept.Key)
		})
	}
	listed := func() domain.Session {
		return read(s, func(ctx context.Context, tx ports.Tx) (domain.Page[domain.Session], error) {
			return tx.Sessions().ListActive(ctx, account.ID, fake.Epoch(), 0, list)
		}).Items[0]
	}
	check := func(when string) {
		wantAccount, wantSession, wantKey, wantEvent, wantRecord := sharedFixtures()
		equal(s, when+": the account", s.account(account.ID), wantAccount)
		equal(s, when+": the session", s.session(session.ID), wantSession)
		equal(s, when+": the listed session", listed(), wantSession)
		equal(s, when+": the key", readKey(), wantKey)
		equal(s, when+": the event", readEvent(), wantEvent)
		equal(s, when+": the record", readRecord(), wantRecord)
	}
	spoil(account, session, key, event, record)
	check("after a change of what was given")
	spoil(s.account(account.ID), s.session(session.ID), readKey(), readEvent(), readRecord())
	spoil(s.account(account.ID), listed(), readKey(), readEvent(), readRecord())
	check("after a change of what was returned")

	_, kept, _, _, _ := sharedFixtures()
	advanced := rotated(kept)
	s.update(func(ctx context.Context, tx ports.Tx) error {
		return tx.Sessions().Advance(ctx, advanced, kept.Refresh.RefreshPosition)
	})
	want := advanced.Clone()
	advanced.Refresh.RetryKey[0]++
	equal(s, "after a change of what Advance was given", s.session(session.ID), want)

	replaced := fake.Account(1, func(a *domain.Account) { a.Version.Profile = 2 })
	s.update(func(ctx context.Context, tx ports.Tx) error {
		return tx.Accounts().Update(ctx, replaced, fake.Account(1).Version)
	})
	wantReplaced := replaced.Clone()
	replaced.Roles[0] = "spoiled"
	equal(s, "after a change of what Update was given", s.account(account.ID), wantReplaced)
	tokensAreNotShared(s, account)
	messagesAreNotShared(s, account)
	chainIsNotShared(s)
}

func chainIsNotShared(s *subject) {
	event := fake.AuditEvent(1) // is there
	link, head := fake.AuditLink(event, 1), fake.AuditHead(1)
	if err := s.link([]domain.AuditLink{link}, head, 0); err != nil {
		s.Fatalf("Link: got error %v, want none", err)
	}
	spoilChain := func(l domain.AuditLink, h domain.AuditHead) {
		for _, octets := range [][]byte{l.Salt, l.Commitment, l.MAC, h.MAC, h.Proof} {
			octets[0]++
		}
	}
	spoilChain(link, head)
	chained := s.chained(0, 1)[0]
	spoilChain(chained.Link, s.chainEnds().head)
	chained.Event.Detail["added"] = "spoiled"
	equal(s, "the link after changes", s.chained(0, 1)[0].Link, fake.AuditLink(event, 1))
	equal(s, "the event after changes", s.chained(0, 1)[0].Event, event)
	equal(s, "the head after changes", s.chainEnds().head, fake.AuditHead(1))
	s.appendEvents(fake.AuditEvent(2))
	read(s, func(ctx context.Context, tx ports.Tx) ([]domain.AuditEvent, error) {
		return tx.AuditChain().Unchained(ctx, 1)
	})[0].Detail["added"] = "spoiled"
	equal(s, "the unchained event after changes", s.events(domain.AuditFilter{Subject: fake.Account(2).ID}, domain.PageRequest{Limit: 1}).Items[0], fake.AuditEvent(2))
}

func tokensAreNotShared(s *subject, account domain.Account) {
	want := func() []domain.OneTimeToken { return []domain.OneTimeToken{fake.OneTimeToken(1, account)} }
	given, key := want(), throttleKey(1)
	s.givenTokens(given...)
	given[0].Hash[0]++
	equal(s, "the tokens after a change of what was given", s.tokens(account.ID), want())
	s.tokens(account.ID)[0].Hash[0]++
	read(s, func(ctx context.Context, tx ports.Tx) (domain.OneTimeToken, error) {
		return tx.OneTimeTokens().ByHash(ctx, want()[0].Hash)
	}).Hash[0]++
	equal(s, "the tokens after a change of what was returned", s.tokens(account.ID), want())
	failed := write(s, func(ctx context.Context, tx ports.Tx) (domain.Throttle, error) {
		return tx.Throttles().Fail(ctx, key, fake.Epoch())
	})
	key[0]++
	failed.Key[1]++
	s.throttle(1).Key[0]++
	equal(s, "the count after a change of keys", s.throttle(1), domain.Throttle{Key: throttleKey(1), Failures: 1, LastFailure: fake.Epoch()})
}

func messagesAreNotShared(s *subject, account domain.Account) {
	want := func() domain.Message { return fake.Message(1, toAccount(account)) }
	spoilData := func(m domain.Message) { m.Data[domain.DataBegan] = "spoiled" }
	given := want()
	s.enqueue(given)
	spoilData(given)
	equal(s, "the messages after a change of what was given", s.messagesOf(account.ID), []domain.Message{want()})
	spoilData(s.messagesOf(account.ID)[0])
	spoilData(s.claim(fake.Epoch(), 1)[0])
	equal(s, "the data after a change of what was returned", s.messagesOf(account.ID)[0].Data, want().Data)
	personal := s.sessionsOf(account.ID)[0]
	personal.AuthMethods[0], personal.Refresh.Nonce[0] = "spoiled", personal.Refresh.Nonce[0]+1
	equal(s, "the session after a change of what was returned", s.session(personal.ID).AuthMethods, []string{"pwd", "otp"})
	if slices.Equal(s.session(personal.ID).Refresh.Nonce, personal.Refresh.Nonce) {
		s.Errorf("the session's nonce changed with what was returned")
	}
}

func sharedFixtures() (domain.Account, domain.Session, domain.SigningKey, domain.AuditEvent, domain.IdempotencyRecord) {
	account := fake.Account(1, func(a *domain.Account) { a.Roles = []domain.Role{domain.RoleUser, domain.RoleAdmin} })
	session := fake.Session(1, account, func(session *domain.Session) {
		session.AuthMethods = []string{"pwd", "otp"}
		session.Refresh.RetryKey = []byte("retry key")
	})
	return account, session, fake.SigningKey(1), fake.AuditEvent(1), fake.IdempotencyRecord(1)
}

// spoil changes everything that its arguments only point to.
func spoil(a domain.Account, s domain.Session, k domain.SigningKey, e domain.AuditEvent, r domain.IdempotencyRecord) {
	a.Roles[0] = "spoiled"
	s.AuthMethods[0] = "spoiled"
	for _, octets := range [][]byte{s.Refresh.Nonce, s.Refresh.RetryKey, k.Public, k.SealedPrivate, r.Key, r.Body} {
		octets[0]++
	}
	for name := range e.Detail {
		e.Detail[name] = "spoiled"
	}
	e.Detail["added"] = "spoiled"
}
