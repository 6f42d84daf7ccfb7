package memstore

import (
	"cmp"
	"context"
	"slices"
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
	if s.data.messages.has(m.ID) {
		return ports.Conflict("id")
	}
	m = m.Clone()
	m.State, m.SettledAt = domain.MessagePending, time.Time{}
	s.write(m)
	return nil
}

// Claim implements ports.Outbox.
func (s outbox) Claim(ctx context.Context, now, leaseEnd time.Time, limit int) ([]domain.Message, error) {
	if err := s.writing(ctx); err != nil {
		return nil, err
	}
	var due []domain.Message
	for _, m := range s.data.messages {
		if m.State == domain.MessagePending && !m.DueAt.After(now) {
			due = append(due, m)
		}
	}
	slices.SortFunc(due, func(a, b domain.Message) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.ID, b.ID))
	})
	due = due[:min(limit, len(due))]
	for i := range due {
		due[i].Attempt++
		due[i].DueAt = domain.Instant(leaseEnd)
		s.write(due[i])
		due[i] = due[i].Clone()
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
	due := func(m domain.Message) bool {
		return m.State != domain.MessagePending && m.SettledAt.Before(before)
	}
	return purge(s.data.messages, limit, due, func(id domain.ID) { s.data.messages.remove(s.tx, id) }), nil
}

// settle applies change to the message while attempt still holds the claim on it.
func (s outbox) settle(ctx context.Context, id domain.ID, attempt int, change func(*domain.Message)) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	m, ok := s.data.messages[id]
	if !ok || m.State != domain.MessagePending || m.Attempt != attempt {
		return ports.ErrStale
	}
	change(&m)
	s.write(m)
	return nil
}

func (s outbox) write(m domain.Message) {
	m.CreatedAt = domain.Instant(m.CreatedAt)
	m.DueAt = domain.Instant(m.DueAt)
	m.SettledAt = domain.Instant(m.SettledAt)
	s.data.messages.put(s.tx, m.ID, m)
}
