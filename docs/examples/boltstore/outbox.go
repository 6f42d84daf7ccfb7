package boltstore

import (
	"context"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

type outbox struct{ *tx }

var _ ports.Outbox = outbox{}

// Enqueue implements ports.Outbox.
func (s outbox) Enqueue(ctx context.Context, m domain.Message) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	m.State, m.SettledAt = domain.MessagePending, time.Time{}
	return s.schema.messages.insert(s.tx, m)
}

// Claim implements ports.Outbox.
func (s outbox) Claim(ctx context.Context, now, leaseEnd time.Time, limit int) ([]domain.Message, error) {
	if err := s.writing(ctx); err != nil {
		return nil, err
	}
	later := instantKey(now.Add(time.Microsecond)) // what is due at now is due
	due, err := s.schema.messages.before(ctx, s.tx, messagesDue, later, limit)
	if err != nil {
		return nil, err
	}
	for i, kept := range due {
		m := &due[i]
		m.Attempt++
		m.DueAt = domain.Instant(leaseEnd) // as it will be read
		if err := s.schema.messages.replace(s.tx, kept, *m); err != nil {
			return nil, err
		}
	}
	return due, nil
}

// Sent implements ports.Outbox.
func (s outbox) Sent(ctx context.Context, id domain.ID, attempt int, at time.Time) error {
	return s.settle(ctx, id, attempt, func(m *domain.Message) {
		m.State, m.SettledAt, m.LastError = domain.MessageSent, at, ""
	})
}

// Retry implements ports.Outbox.
func (s outbox) Retry(ctx context.Context, id domain.ID, attempt int, due time.Time, reason string) error {
	return s.settle(ctx, id, attempt, func(m *domain.Message) {
		m.DueAt, m.LastError = due, reason
		m.Failures++
	})
}

// Return implements ports.Outbox.
func (s outbox) Return(ctx context.Context, id domain.ID, attempt int, due time.Time) error {
	return s.settle(ctx, id, attempt, func(m *domain.Message) { m.DueAt = due })
}

// Abandon implements ports.Outbox.
func (s outbox) Abandon(ctx context.Context, id domain.ID, attempt int, at time.Time, reason string) error {
	return s.settle(ctx, id, attempt, func(m *domain.Message) {
		m.State, m.SettledAt, m.LastError = domain.MessageAbandoned, at, reason
	})
}

// Purge implements ports.Outbox.
func (s outbox) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := s.writing(ctx); err != nil {
		return 0, err
	}
	old, err := s.schema.messages.before(ctx, s.tx, messagesSettled, instantKey(before), limit)
	if err != nil {
		return 0, err
	}
	return len(old), s.schema.messages.remove(s.tx, old)
}

// settle changes a message while attempt still holds the claim on it.
func (s outbox) settle(ctx context.Context, id domain.ID, attempt int, change func(*domain.Message)) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	kept, err := orStale(s.schema.messages.get(s.tx, []byte(id)))
	if err != nil {
		return err
	}
	if kept.State != domain.MessagePending || kept.Attempt != attempt {
		return ports.ErrStale
	}
	m := kept
	change(&m)
	return s.schema.messages.replace(s.tx, kept, m)
}
