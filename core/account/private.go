package account

import (
	"context"
	"errors"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// registerPrivately does the same, at the same cost, whether somebody has the address
// or not: one hash, and one transaction with a message and an audit event. Usernames are
// public, so that they are judged first gives nothing away.
func (s *Service) registerPrivately(ctx context.Context, d draft, record *domain.IdempotencyRecord) error {
	if err := s.throttle.Mail(ctx, domain.MessageVerifyEmail, d.email.Canonical); err != nil {
		return err
	}
	var err error
	if d.hold, err = s.holdOf(ctx, d.username); err != nil {
		return err
	}
	taken, err := s.lookPrivately(ctx, d, record)
	if err != nil {
		return err
	}
	hash, err := s.keeper.hash(ctx, d.password)
	if err != nil {
		return err
	}
	if !taken {
		_, err = s.create(ctx, d, []domain.Role{domain.RoleUser}, hash, record, domain.MessageVerifyEmail)
	}
	if taken || errors.Is(err, errEmailTaken) {
		err = s.tellOwner(ctx, d, record)
	}
	if errors.Is(err, errCallUnderWay) { // the same call, a moment ago: it did what was asked
		return nil
	}
	return err
}

// lookPrivately judges what is public: the username, and an Idempotency-Key that came
// with another body. It reports whether the address is taken.
func (s *Service) lookPrivately(ctx context.Context, d draft, record *domain.IdempotencyRecord) (taken bool, err error) {
	err = s.store.View(ctx, func(ctx context.Context, tx ports.Tx) error {
		taken = false
		found := false
		if record != nil {
			var err error
			if _, found, err = s.recorded(ctx, tx, *record); err != nil {
				return err
			}
		}
		if !found { // otherwise the username may be taken by that very call
			if err := s.refuseUsername(ctx, tx, d.username, d.hold); err != nil {
				return err
			}
		}
		err := refuseTaken(ctx, tx, d.email, "", s.clock.Now())
		if taken = errors.Is(err, errEmailTaken); taken {
			return nil
		}
		return err
	})
	return taken, err
}

// tellOwner writes to whoever has the address, in the place of the message to a new
// account.
func (s *Service) tellOwner(ctx context.Context, d draft, record *domain.IdempotencyRecord) error {
	return s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		now := s.clock.Now()
		if err := keep(ctx, tx, record, s.ids.New(), now); err != nil {
			return explain(err)
		}
		if err := d.hold.put(ctx, tx, s.ids.New(), now); err != nil {
			return err
		}
		if err := tx.Outbox().Enqueue(ctx, domain.NewMessageTo(s.ids.New(), domain.MessageRegisteredBefore, d.email.Address, now)); err != nil {
			return err
		}
		return tx.Audit().Append(ctx, domain.NewAuditEvent(s.ids.New(), domain.ActorFrom(ctx), domain.AuditAccountRefused, "", now, nil))
	})
}

// hold takes a username out of use without an account: that of a private registration
// which made none. Otherwise the username, which is public, would tell that the address
// had an account before. It is the key of a record that is kept like those of keyed
// calls; nil: none.
type hold []byte

// holdTTL is how long an account stays that nobody verifies.
const holdTTL = 7 * 24 * time.Hour

// holdOf is the hold of a username, where registration is private.
func (s *Service) holdOf(ctx context.Context, username domain.Username) (hold, error) {
	if !s.cfg.Privacy || username.IsZero() {
		return nil, nil
	}
	return s.sealer.MAC(ctx, ports.PurposeIdempotency, s.sealer.ActiveKey(), []byte("username\x00"+username.Canonical))
}

// refuse refuses a username that is held. Errors: domain.CodeUsernameTaken.
func (h hold) refuse(ctx context.Context, tx ports.Tx, now time.Time) error {
	if h == nil {
		return nil
	}
	switch record, err := tx.Idempotency().ByKey(ctx, h); {
	case errors.Is(err, ports.ErrNotFound):
		return nil
	case err != nil:
		return err
	case now.Before(record.ExpiresAt):
		return errUsernameTaken
	default:
		return nil
	}
}

// put takes the username out of use. Errors: domain.CodeUsernameTaken.
func (h hold) put(ctx context.Context, tx ports.Tx, of domain.ID, now time.Time) error {
	if h == nil {
		return nil
	}
	err := tx.Idempotency().Create(ctx, domain.IdempotencyRecord{Key: h, Body: h, Resource: of, CreatedAt: now, ExpiresAt: now.Add(holdTTL)})
	if errors.Is(err, ports.ErrConflict) {
		return errUsernameTaken.Wrap(err)
	}
	return err
}
