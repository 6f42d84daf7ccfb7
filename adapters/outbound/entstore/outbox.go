package entstore

import (
	"context"
	"time"

	"entgo.io/ent/dialect/sql"

	"authserve/core/domain"
	"authserve/ent"
	"authserve/ent/message"
	"authserve/ports"
)

type outbox struct{ *tx }

var _ ports.Outbox = outbox{}

// Enqueue implements ports.Outbox.
func (s outbox) Enqueue(ctx context.Context, m domain.Message) error {
	w, err := s.write()
	if err != nil {
		return err
	}
	create := w.Message.Create().
		SetID(string(m.ID)).
		SetKind(string(m.Kind)).
		SetAccountID(string(m.AccountID)).
		SetRecipient(m.To).
		SetLocale(m.Locale).
		SetData(m.Data).
		SetGeneration(m.Generation).
		SetState(string(domain.MessagePending)).
		SetCreatedAt(domain.Instant(m.CreatedAt)).
		SetAttempt(m.Attempt).
		SetFailures(m.Failures).
		SetDueAt(domain.Instant(m.DueAt)).
		SetLastError(m.LastError)
	return s.attempt(ctx, primaryKey, func() error { return create.Exec(ctx) })
}

// Claim implements ports.Outbox. Each message is taken by a conditional write of
// its own, so that below serializable isolation two claimants cannot both win it.
func (s outbox) Claim(ctx context.Context, now, leaseEnd time.Time, limit int) ([]domain.Message, error) {
	w, err := s.write()
	if err != nil {
		return nil, err
	}
	rows, err := w.Message.Query().
		Where(message.State(string(domain.MessagePending)), message.DueAtLTE(domain.Instant(now))).
		Order(message.ByDueAt(), message.ByID()).
		Limit(limit).
		All(ctx)
	if err != nil {
		return nil, s.fault(ctx, err)
	}
	claimed := make([]domain.Message, 0, len(rows))
	for _, row := range rows {
		changed, err := w.Message.Update().
			Where(
				message.ID(row.ID),
				message.State(string(domain.MessagePending)),
				message.Attempt(row.Attempt)).
			SetAttempt(row.Attempt + 1).
			SetDueAt(domain.Instant(leaseEnd)).
			Save(ctx)
		if err != nil {
			return nil, s.fault(ctx, err)
		}
		if changed == 1 {
			m := messageOf(row)
			m.Attempt++
			m.DueAt = domain.Instant(leaseEnd)
			claimed = append(claimed, m)
		}
	}
	return claimed, nil
}

// Sent implements ports.Outbox.
func (s outbox) Sent(ctx context.Context, id domain.ID, attempt int, at time.Time) error {
	return s.settle(ctx, id, attempt, func(u *ent.MessageUpdate) {
		u.SetState(string(domain.MessageSent)).SetSettledAt(domain.Instant(at)).SetLastError("")
	})
}

// Retry implements ports.Outbox.
func (s outbox) Retry(ctx context.Context, id domain.ID, attempt int, due time.Time, reason string) error {
	return s.settle(ctx, id, attempt, func(u *ent.MessageUpdate) {
		u.AddFailures(1).SetDueAt(domain.Instant(due)).SetLastError(reason)
	})
}

// Return implements ports.Outbox.
func (s outbox) Return(ctx context.Context, id domain.ID, attempt int, due time.Time) error {
	return s.settle(ctx, id, attempt, func(u *ent.MessageUpdate) { u.SetDueAt(domain.Instant(due)) })
}

// Abandon implements ports.Outbox.
func (s outbox) Abandon(ctx context.Context, id domain.ID, attempt int, at time.Time, reason string) error {
	return s.settle(ctx, id, attempt, func(u *ent.MessageUpdate) {
		u.SetState(string(domain.MessageAbandoned)).SetSettledAt(domain.Instant(at)).SetLastError(reason)
	})
}

func (s outbox) settle(ctx context.Context, id domain.ID, attempt int, set func(*ent.MessageUpdate)) error {
	w, err := s.write()
	if err != nil {
		return err
	}
	update := w.Message.Update().Where(
		message.ID(string(id)),
		message.State(string(domain.MessagePending)),
		message.Attempt(attempt))
	set(update)
	changed, err := update.Save(ctx)
	if err != nil {
		return s.fault(ctx, err)
	}
	return one(changed)
}

// Purge implements ports.Outbox.
func (s outbox) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	w, err := s.write()
	if err != nil {
		return 0, err
	}
	ids, err := w.Message.Query().
		Where(message.SettledAtLT(domain.Instant(before))).
		Order(message.BySettledAt(sql.OrderAsc())).
		Limit(limit).
		IDs(ctx)
	if err != nil {
		return 0, s.fault(ctx, err)
	}
	deleted, err := w.Message.Delete().Where(message.IDIn(ids...)).Exec(ctx)
	return deleted, s.fault(ctx, err)
}

func messageOf(row *ent.Message) domain.Message {
	return domain.Message{
		ID:         domain.ID(row.ID),
		Kind:       domain.MessageKind(row.Kind),
		AccountID:  domain.ID(row.AccountID),
		To:         row.Recipient,
		Locale:     row.Locale,
		Data:       row.Data,
		Generation: row.Generation,
		State:      domain.MessageState(row.State),
		CreatedAt:  row.CreatedAt.UTC(),
		Attempt:    row.Attempt,
		Failures:   row.Failures,
		DueAt:      row.DueAt.UTC(),
		SettledAt:  instant(row.SettledAt),
		LastError:  row.LastError,
	}
}
