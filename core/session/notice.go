package session

import (
	"context"
	"errors"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// noticePause is how long an owner is told only once of events of one kind. Addresses
// need not be verified, and whoever registers a stranger's could otherwise have us write
// to them as often as they like.
const noticePause = time.Hour

// Notify writes the notice to an account's owner, inside the transaction of what it
// tells of, unless there was one of its kind within the last hour. The record that
// tells is kept like those of keyed calls: one per key until it expires.
func (s *Service) Notify(ctx context.Context, tx ports.Tx, notice domain.Message) error {
	key, err := s.sealer.MAC(ctx, ports.PurposeIdempotency, s.sealer.ActiveKey(), []byte("notice\x00"+string(notice.Kind)+"\x00"+string(notice.AccountID)))
	if err != nil {
		return err
	}
	err = tx.Idempotency().Create(ctx, domain.IdempotencyRecord{
		Key: key, Body: key, Resource: notice.ID, CreatedAt: notice.CreatedAt, ExpiresAt: notice.CreatedAt.Add(noticePause),
	})
	if errors.Is(err, ports.ErrConflict) {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.Outbox().Enqueue(ctx, notice)
}
