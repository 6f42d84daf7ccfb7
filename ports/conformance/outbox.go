package conformance

import (
	"context"
	"errors"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func outboxCases() []Case {
	return []Case{
		{
			"outbox.enqueue_then_claim", true,
			"A claimed message has every field it was enqueued with, the attempt raised by one, and the end of the lease as DueAt.",
			outboxEnqueueThenClaim,
		},
		{
			"outbox.enqueue_is_pending", true,
			"A message is enqueued as pending and not settled, whatever state it is given with: it is claimed once it is due, settled like any other, and not purged before that.",
			outboxEnqueueIsPending,
		},
		{
			"outbox.id_is_unique", true,
			"Enqueuing a message whose ID is taken is a conflict of id and leaves the first.",
			outboxIDIsUnique,
		},
		{
			"outbox.claim_takes_what_is_due", true,
			"Claim takes pending messages that are due at the instant or before, longest due first, at most as many as it may.",
			outboxClaimTakesWhatIsDue,
		},
		{
			"outbox.lease", true,
			"A claimed message is not claimed again before the lease ends, and from then on it is, with the next attempt.",
			outboxLease,
		},
		{
			"outbox.sent", true,
			"A message settled as sent is never claimed again.",
			outboxSent,
		},
		{
			"outbox.retry", true,
			"A message that failed is claimed again when its pause is over, with Failures raised by one and the reason as LastError.",
			outboxRetry,
		},
		{
			"outbox.return", true,
			"A message given back without a failure is claimed again from the instant on, with the next attempt, and with Failures and LastError as they were.",
			outboxReturn,
		},
		{
			"outbox.abandon", true,
			"A message settled as undeliverable is never claimed again.",
			outboxAbandon,
		},
		{
			"outbox.settling_needs_the_claim", true,
			"Sent, Retry, Return and Abandon fail with ErrStale and change nothing when another claimant took the message over, when it is settled, and when it does not exist.",
			outboxSettlingNeedsTheClaim,
		},
		{
			"outbox.purge", false,
			"Purge removes at most the given number of messages that were settled before the instant, never pending ones, and returns how many.",
			outboxPurge,
		},
	}
}

func (s *subject) enqueue(messages ...domain.Message) {
	s.Helper()
	s.update(func(ctx context.Context, tx ports.Tx) error {
		for _, m := range messages {
			if err := tx.Outbox().Enqueue(ctx, m); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *subject) claim(now time.Time, limit int) []domain.Message {
	s.Helper()
	return write(s, func(ctx context.Context, tx ports.Tx) ([]domain.Message, error) {
		return tx.Outbox().Claim(ctx, now, now.Add(time.Minute), limit)
	})
}

// settle are the ways to settle attempt of the message, by name.
func settle(id domain.ID, attempt int) map[string]step {
	at := fake.Epoch().Add(time.Second)
	return map[string]step{
		"Sent": func(ctx context.Context, tx ports.Tx) error {
			return tx.Outbox().Sent(ctx, id, attempt, at)
		},
		"Retry": func(ctx context.Context, tx ports.Tx) error {
			return tx.Outbox().Retry(ctx, id, attempt, at, "busy")
		},
		"Return": func(ctx context.Context, tx ports.Tx) error {
			return tx.Outbox().Return(ctx, id, attempt, at)
		},
		"Abandon": func(ctx context.Context, tx ports.Tx) error {
			return tx.Outbox().Abandon(ctx, id, attempt, at, "refused")
		},
	}
}

func dueAt(at time.Time) func(*domain.Message) {
	return func(m *domain.Message) { m.DueAt = at }
}

func outboxEnqueueThenClaim(s *subject) {
	want := fake.Message(1, func(m *domain.Message) {
		m.CreatedAt, m.Failures, m.LastError = fake.Epoch().Add(-time.Hour), 3, "busy"
	})
	bare := fake.Message(2, func(m *domain.Message) { m.AccountID, m.Generation, m.Locale, m.Data = "", 0, "", nil })
	bare.DueAt = fake.Epoch().Add(time.Second)
	s.enqueue(want, bare)
	now := fake.Epoch().Add(time.Hour)
	claimed := s.claim(now, 10)
	want.Attempt, want.DueAt = 1, now.Add(time.Minute)
	bare.Attempt, bare.DueAt = 1, now.Add(time.Minute)
	equal(s, "the claimed messages", claimed, []domain.Message{want, bare})
}

func outboxEnqueueIsPending(s *subject) {
	var want []domain.Message
	for n, state := range []domain.MessageState{domain.MessageSent, domain.MessageAbandoned, domain.MessagePending, "", "foreign"} {
		given := fake.Message(n, func(m *domain.Message) { m.State, m.SettledAt = state, fake.Epoch().Add(-day) })
		s.enqueue(given)
		given.State, given.SettledAt = domain.MessagePending, time.Time{}
		given.Attempt, given.DueAt = 1, fake.Epoch().Add(time.Minute)
		want = append(want, given)
	}
	purge := func() int {
		return write(s, func(ctx context.Context, tx ports.Tx) (int, error) {
			return tx.Outbox().Purge(ctx, fake.Epoch().Add(day), 10)
		})
	}
	equal(s, "the number of messages purged before they were sent", purge(), 0)
	equal(s, "the claimed messages", s.claim(fake.Epoch(), 10), want)
	for _, m := range want {
		s.update(settle(m.ID, m.Attempt)["Sent"])
	}
	equal(s, "the number of messages claimed after they were sent", len(s.claim(fake.Epoch().Add(day), 10)), 0)
	equal(s, "the number of messages purged after they were sent", purge(), len(want))
}

func outboxIDIsUnique(s *subject) {
	first := fake.Message(1)
	s.enqueue(first)
	err := s.try(func(ctx context.Context, tx ports.Tx) error {
		return tx.Outbox().Enqueue(ctx, fake.Message(2, func(m *domain.Message) { m.ID = first.ID }))
	})
	s.conflicts("a second message of the same ID", err, "id")
	first.Attempt, first.DueAt = 1, fake.Epoch().Add(time.Minute)
	equal(s, "the messages", s.claim(fake.Epoch(), 10), []domain.Message{first})
}

func outboxClaimTakesWhatIsDue(s *subject) {
	equal(s, "the number of messages of an empty outbox", len(s.claim(fake.Epoch(), 10)), 0)
	now := fake.Epoch()
	second, third := fake.Message(1, dueAt(now.Add(-time.Second))), fake.Message(2, dueAt(now))
	first, later := fake.Message(3, dueAt(now.Add(-time.Hour))), fake.Message(4, dueAt(now.Add(time.Microsecond)))
	s.enqueue(second, third, first, later)
	equal(s, "the first claim", ids(s.claim(now, 2), messageID), []domain.ID{first.ID, second.ID})
	equal(s, "the second claim", ids(s.claim(now, 2), messageID), []domain.ID{third.ID})
	equal(s, "the third claim", ids(s.claim(now, 2), messageID), []domain.ID{})
}

func outboxLease(s *subject) {
	s.enqueue(fake.Message(1))
	end := fake.Epoch().Add(time.Minute)
	equal(s, "the claimed messages", len(s.claim(fake.Epoch(), 10)), 1)
	equal(s, "the messages claimed under the lease", len(s.claim(end.Add(-time.Microsecond), 10)), 0)
	again := s.claim(end, 10)
	if len(again) != 1 || again[0].Attempt != 2 {
		s.Errorf("after the lease: got %+v, want one message at attempt 2", again)
	}
}

func outboxSent(s *subject)    { settledStaysSettled(s, "Sent") }
func outboxAbandon(s *subject) { settledStaysSettled(s, "Abandon") }

func settledStaysSettled(s *subject, how string) {
	settled, other := fake.Message(1), fake.Message(2)
	s.enqueue(settled, other)
	equal(s, "the claimed messages", len(s.claim(fake.Epoch(), 10)), 2)
	s.update(settle(settled.ID, 1)[how])
	equal(s, "the messages claimed later", ids(s.claim(fake.Epoch().Add(day), 10), messageID), []domain.ID{other.ID})
}

func outboxRetry(s *subject) {
	failed, other := fake.Message(1), fake.Message(2, dueAt(fake.Epoch().Add(day)))
	s.enqueue(failed, other)
	equal(s, "the claimed messages", len(s.claim(fake.Epoch(), 10)), 1)
	due := fake.Epoch()
	for n, reason := range []string{"the server is busy", "the server is gone"} {
		due = due.Add(time.Hour)
		s.update(func(ctx context.Context, tx ports.Tx) error {
			return tx.Outbox().Retry(ctx, failed.ID, n+1, due, reason)
		})
		equal(s, "the messages claimed in the pause", len(s.claim(due.Add(-time.Microsecond), 10)), 0)
		failed.Attempt, failed.Failures, failed.LastError, failed.DueAt = n+2, n+1, reason, due.Add(time.Minute)
		equal(s, "the messages claimed after the pause", s.claim(due, 10), []domain.Message{failed})
	}
	s.update(settle(failed.ID, failed.Attempt)["Sent"])
	other.Attempt, other.DueAt = 1, other.DueAt.Add(time.Minute)
	equal(s, "another message", s.claim(fake.Epoch().Add(day), 10), []domain.Message{other})
}

func outboxReturn(s *subject) {
	fresh := fake.Message(1)
	failed := fake.Message(2, func(m *domain.Message) { m.Failures, m.LastError = 2, "the server is busy" })
	s.enqueue(fresh, failed)
	equal(s, "the claimed messages", len(s.claim(fake.Epoch(), 10)), 2)
	due := fake.Epoch()
	for attempt := 1; attempt <= 2; attempt++ {
		due = due.Add(time.Second) // long before the lease ends
		s.update(func(ctx context.Context, tx ports.Tx) error {
			return errors.Join(
				tx.Outbox().Return(ctx, fresh.ID, attempt, due),
				tx.Outbox().Return(ctx, failed.ID, attempt, due))
		})
		equal(s, "the messages claimed before the instant", len(s.claim(due.Add(-time.Microsecond), 10)), 0)
		fresh.Attempt, fresh.DueAt = attempt+1, due.Add(time.Minute)
		failed.Attempt, failed.DueAt = attempt+1, due.Add(time.Minute)
		equal(s, "the messages claimed at the instant", s.claim(due, 10), []domain.Message{fresh, failed})
	}
}

func outboxSettlingNeedsTheClaim(s *subject) {
	overtaken, sent, abandoned := fake.Message(1), fake.Message(2), fake.Message(3)
	s.enqueue(sent, abandoned)
	equal(s, "the claimed messages", len(s.claim(fake.Epoch(), 10)), 2)
	s.update(settle(sent.ID, 1)["Sent"])
	s.update(settle(abandoned.ID, 1)["Abandon"])
	s.enqueue(overtaken)
	for _, now := range []time.Time{fake.Epoch(), fake.Epoch().Add(time.Hour)} {
		equal(s, "the claimed messages", len(s.claim(now, 10)), 1)
	}
	for who, attempt := range map[domain.ID]int{overtaken.ID: 1, sent.ID: 1, abandoned.ID: 1, fake.Message(4).ID: 1} {
		for how, fn := range settle(who, attempt) {
			s.fails(how+" without a claim", s.try(fn), ports.ErrStale)
		}
	}
	for how, fn := range settle(overtaken.ID, 3) {
		s.fails(how+" of an attempt to come", s.try(fn), ports.ErrStale)
	}
	end := fake.Epoch().Add(time.Hour + time.Minute)
	overtaken.Attempt, overtaken.DueAt = 3, end.Add(time.Minute)
	equal(s, "the messages claimed later", s.claim(end, 10), []domain.Message{overtaken})
}

func outboxPurge(s *subject) {
	var messages []domain.Message
	for n := range 6 {
		messages = append(messages, fake.Message(n))
	}
	s.enqueue(messages...)
	equal(s, "the claimed messages", len(s.claim(fake.Epoch(), 10)), len(messages))
	cut := fake.Epoch().Add(time.Hour)
	s.update(func(ctx context.Context, tx ports.Tx) error {
		outbox := tx.Outbox()
		for n, settled := range []time.Time{cut.Add(-time.Microsecond), cut.Add(-time.Hour), cut.Add(-day), cut} {
			var err error
			if n == 1 {
				err = outbox.Abandon(ctx, messages[n].ID, 1, settled, "refused")
			} else {
				err = outbox.Sent(ctx, messages[n].ID, 1, settled)
			}
			if err != nil {
				return err
			}
		}
		return outbox.Retry(ctx, messages[4].ID, 1, fake.Epoch(), "busy")
	})
	purge := func(before time.Time) int {
		return write(s, func(ctx context.Context, tx ports.Tx) (int, error) { return tx.Outbox().Purge(ctx, before, 2) })
	}
	for _, want := range []int{2, 1, 0} {
		equal(s, "the number of purged messages", purge(cut), want)
	}
	equal(s, "the number of messages purged a moment later", purge(cut.Add(time.Microsecond)), 1)
	equal(s, "the number of pending messages", len(s.claim(fake.Epoch().Add(day), 10)), 2)
}
