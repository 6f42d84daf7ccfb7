package conformance

import (
	"context"
	"errors"

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
