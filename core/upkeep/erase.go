package upkeep

import (
	"context"
	"errors"
	"slices"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// looksPerBatch is how many accounts are looked at for each one that a batch removes:
// those that stay must not hide the others.
const looksPerBatch = 10

// expire removes accounts made before the instant that somebody registered and nobody
// verified, batch after batch. Those that an operator made or imported stay.
func (s *Service) expire(ctx context.Context, before time.Time) (int, error) {
	total := 0
	for {
		due, more, err := s.expired(ctx, before)
		if err != nil {
			return total, err
		}
		removed := 0
		for batch := range slices.Chunk(due, s.cfg.Batch) {
			n, err := s.remove(ctx, batch)
			removed += n
			if err != nil {
				return total + removed, err
			}
		}
		if total += removed; !more || removed == 0 {
			return total, nil
		}
	}
}

// expired returns accounts to remove; more is false where there are no others.
func (s *Service) expired(ctx context.Context, before time.Time) (due []domain.Account, more bool, err error) {
	limit := looksPerBatch * s.cfg.Batch
	err = s.store.View(ctx, func(ctx context.Context, tx ports.Tx) error {
		due, more = nil, false
		accounts, err := tx.Erasures().Unverified(ctx, before, limit)
		if err != nil {
			return err
		}
		more = len(accounts) == limit
		for _, a := range accounts {
			registered, err := tx.Audit().List(ctx, domain.AuditFilter{Subject: a.ID, Action: domain.AuditAccountCreated}, domain.PageRequest{Limit: 1})
			if err != nil {
				return err
			}
			if a.LastLoginAt.IsZero() && len(registered.Items) == 1 && registered.Items[0].Actor.Kind == domain.ActorAnonymous {
				due = append(due, a)
			}
		}
		return nil
	})
	return due, more, err
}

// remove removes the accounts in one transaction. What was changed meanwhile is left
// for the next round.
func (s *Service) remove(ctx context.Context, accounts []domain.Account) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	removed := 0
	err := s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		removed = 0
		now := s.clock.Now()
		for _, a := range accounts {
			err := tx.Erasures().Erase(ctx, a.ID, a.Version, now)
			if errors.Is(err, ports.ErrStale) {
				continue
			}
			if err != nil {
				return err
			}
			event := domain.NewAuditEvent(s.ids.New(), domain.ActorFrom(ctx), domain.AuditAccountExpired, a.ID, now, nil)
			if err := tx.Audit().Append(ctx, event); err != nil {
				return err
			}
			removed++
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}

// erasureDelay leaves time for events that were under way when the account was removed.
const erasureDelay = time.Minute

// anonymise takes what is personal out of the audit events of removed accounts, batch
// after batch, and notes where nothing is left.
func (s *Service) anonymise(ctx context.Context) (int, error) {
	total := 0
	for {
		var pending []domain.Erasure
		err := s.store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
			pending, err = tx.Erasures().Pending(ctx, s.cfg.Batch)
			return err
		})
		if err != nil {
			return total, err
		}
		finished := 0
		for _, e := range pending {
			if s.clock.Now().Sub(e.At) < erasureDelay {
				continue
			}
			n, err := s.anonymiseOne(ctx, e.AccountID)
			total += n
			if err != nil {
				return total, err
			}
			finished++
		}
		if finished == 0 || len(pending) < s.cfg.Batch {
			return total, nil
		}
	}
}

func (s *Service) anonymiseOne(ctx context.Context, id domain.ID) (int, error) {
	total, err := s.drain(ctx, time.Time{}, func(ctx context.Context, tx ports.Tx, _ time.Time, limit int) (int, error) {
		return tx.Erasures().Anonymise(ctx, id, limit)
	})
	if err != nil {
		return total, err
	}
	err = s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		return tx.Erasures().Finish(ctx, id, s.clock.Now())
	})
	if errors.Is(err, ports.ErrNotFound) { // another replica was faster, and forgot it since
		err = nil
	}
	return total, err
}
