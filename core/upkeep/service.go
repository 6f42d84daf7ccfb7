package upkeep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"authserve/core/token"
	"authserve/ports"
)

// Config says how long things are kept. Batch is positive.
type Config struct {
	SessionRetention time.Duration // of sessions, after their end or expiry
	MessageRetention time.Duration // of messages, after they were sent or abandoned
	FailureRetention time.Duration // of counts of failed attempts, after the last one
	UnverifiedAfter  time.Duration // age at which an account that nobody verified is removed; 0: never
	KeyRotation      time.Duration // age at which the signing key is replaced; 0: never
	Batch            int           // rows removed in one transaction
}

// Report counts what one round did.
type Report struct {
	Sessions           int
	Messages           int
	IdempotencyRecords int
	OneTimeTokens      int
	Failures           int  // counts of failed attempts
	Accounts           int  // never verified
	Anonymised         int  // audit events of accounts that were removed
	KeyRotated         bool // another key signs now
}

// Service does the upkeep. Safe for concurrent use.
type Service struct {
	store ports.Store
	keys  *token.Service
	clock ports.Clock
	ids   ports.IDs
	cfg   Config
}

// New makes a Service.
func New(store ports.Store, keys *token.Service, clock ports.Clock, ids ports.IDs, cfg Config) *Service {
	return &Service{store: store, keys: keys, clock: clock, ids: ids, cfg: cfg}
}

type purge func(ctx context.Context, tx ports.Tx, before time.Time, limit int) (int, error)

// Run does one round. A part that fails does not keep the others from their turn;
// the report counts what was done, also beside an error.
func (s *Service) Run(ctx context.Context) (Report, error) {
	now := s.clock.Now()
	var report Report
	var faults []error
	for _, part := range []struct {
		name   string
		count  *int
		before time.Time
		purge  purge
	}{
		{"sessions", &report.Sessions, now.Add(-s.cfg.SessionRetention), purgeSessions},
		{"messages", &report.Messages, now.Add(-s.cfg.MessageRetention), purgeMessages},
		{"idempotency records", &report.IdempotencyRecords, now, purgeIdempotency},
		{"one-time tokens", &report.OneTimeTokens, now, purgeTokens},
		{"counts of failures", &report.Failures, now.Add(-s.cfg.FailureRetention), purgeThrottles},
	} {
		var err error
		if *part.count, err = s.drain(ctx, part.before, part.purge); err != nil {
			faults = append(faults, fmt.Errorf("upkeep: purge %s: %w", part.name, err))
		}
	}
	var err error
	if s.cfg.UnverifiedAfter > 0 {
		if report.Accounts, err = s.expire(ctx, now.Add(-s.cfg.UnverifiedAfter)); err != nil {
			faults = append(faults, fmt.Errorf("upkeep: remove accounts that were never verified: %w", err))
		}
	}
	if report.Anonymised, err = s.anonymise(ctx); err != nil {
		faults = append(faults, fmt.Errorf("upkeep: anonymise audit events: %w", err))
	}
	if report.KeyRotated, err = s.keys.RotateIfDue(ctx, s.cfg.KeyRotation); err != nil {
		faults = append(faults, fmt.Errorf("upkeep: rotate the signing key: %w", err))
	}
	return report, errors.Join(faults...)
}

// drain removes batch after batch until one is not full.
func (s *Service) drain(ctx context.Context, before time.Time, remove purge) (int, error) {
	total := 0
	for {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		var n int
		err := s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
			var err error
			n, err = remove(ctx, tx, before, s.cfg.Batch)
			return err
		})
		if err != nil {
			return total, err
		}
		total += n
		if n < s.cfg.Batch {
			return total, nil
		}
	}
}

func purgeSessions(ctx context.Context, tx ports.Tx, before time.Time, limit int) (int, error) {
	return tx.Sessions().Purge(ctx, before, limit)
}

func purgeMessages(ctx context.Context, tx ports.Tx, before time.Time, limit int) (int, error) {
	return tx.Outbox().Purge(ctx, before, limit)
}

func purgeIdempotency(ctx context.Context, tx ports.Tx, before time.Time, limit int) (int, error) {
	return tx.Idempotency().Purge(ctx, before, limit)
}

func purgeTokens(ctx context.Context, tx ports.Tx, before time.Time, limit int) (int, error) {
	return tx.OneTimeTokens().Purge(ctx, before, limit)
}

func purgeThrottles(ctx context.Context, tx ports.Tx, before time.Time, limit int) (int, error) {
	return tx.Throttles().Purge(ctx, before, limit)
}
