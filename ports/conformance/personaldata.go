package conformance

import (
	"context"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func personalDataCases() []Case {
	return []Case{
		{
			"personal_data.sessions", true,
			"Sessions returns every session of the account with every field, ended and expired ones too, newest first, and no other's.",
			personalSessions,
		},
		{
			"personal_data.messages", true,
			"Messages returns every message to the account with every field, whatever its state, newest first, and no other's. A sent one has no LastError.",
			personalMessages,
		},
	}
}

func (s *subject) sessionsOf(account domain.ID) []domain.Session {
	s.Helper()
	return noneIfEmpty(read(s, func(ctx context.Context, tx ports.Tx) (domain.Page[domain.Session], error) {
		return tx.PersonalData().Sessions(ctx, account, domain.PageRequest{Limit: 100})
	}).Items)
}

func (s *subject) messagesOf(account domain.ID) []domain.Message {
	s.Helper()
	return noneIfEmpty(read(s, func(ctx context.Context, tx ports.Tx) (domain.Page[domain.Message], error) {
		return tx.PersonalData().Messages(ctx, account, domain.PageRequest{Limit: 100})
	}).Items)
}

func personalSessions(s *subject) {
	account, other := fake.Account(1), fake.Account(2)
	s.given(account, other)
	begun := func(at time.Time) func(*domain.Session) { return func(v *domain.Session) { v.CreatedAt = at } }
	oldest := fake.Session(3, account, begun(fake.Epoch().Add(-time.Hour)), expiresAt(fake.Epoch().Add(-time.Minute)))
	middle := fake.Session(1, account, endedAt(fake.Epoch().Add(time.Minute)))
	newest := rotated(fake.Session(2, account, begun(fake.Epoch().Add(time.Hour))))
	s.givenSessions(middle, newest, oldest, fake.Session(4, other))
	equal(s, "the sessions", s.sessionsOf(account.ID), []domain.Session{newest, middle, oldest})
	equal(s, "the sessions of nobody", s.sessionsOf(fake.Account(3).ID), nil)
}

func personalMessages(s *subject) {
	account := fake.Account(1)
	written := func(n int, at time.Time) domain.Message {
		return fake.Message(n, func(m *domain.Message) {
			m.AccountID, m.CreatedAt, m.Generation = account.ID, at, int64(n)
			m.Data = map[string]string{domain.DataDevice: "Example/1.0", domain.DataAddress: "192.0.2.1"}
		})
	}
	begin, lease := fake.Epoch().Add(-time.Hour), fake.Epoch().Add(time.Minute)
	sent, abandoned, claimed := written(4, begin), written(2, begin.Add(time.Second)), written(3, begin.Add(time.Second))
	pending := written(1, begin.Add(time.Minute))
	pending.DueAt = fake.Epoch().Add(day)
	stranger := fake.Message(5, func(m *domain.Message) { m.DueAt = fake.Epoch().Add(day) })
	nobody := fake.Message(6, func(m *domain.Message) { m.AccountID, m.To, m.DueAt = "", account.Email.Address, fake.Epoch().Add(day) })
	s.enqueue(abandoned, pending, stranger, claimed, nobody, sent)
	equal(s, "the number of claimed messages", len(s.claimUntil(fake.Epoch(), lease)), 3)
	s.update(settle(sent.ID, 1)["Retry"])
	again := fake.Epoch().Add(time.Second)
	equal(s, "the number of messages claimed again", len(s.claimUntil(again, lease)), 1)
	s.update(settle(sent.ID, 2)["Sent"])
	s.update(settle(abandoned.ID, 1)["Abandon"])

	sent.Attempt, sent.Failures, sent.DueAt, sent.State, sent.SettledAt = 2, 1, lease, domain.MessageSent, again
	abandoned.Attempt, abandoned.DueAt, abandoned.State, abandoned.SettledAt, abandoned.LastError = 1, lease, domain.MessageAbandoned, again, "refused"
	claimed.Attempt, claimed.DueAt = 1, lease
	equal(s, "the messages", s.messagesOf(account.ID), []domain.Message{pending, claimed, abandoned, sent})
	equal(s, "the messages of nobody", s.messagesOf(fake.Account(9).ID), nil)
}
