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
	KeyRotation      time.Duration // age at which the signing key is replaced; 0: never
	Batch            int           // rows removed in one transaction
}

// Report counts what one round did.
type Report struct {
	Sessions           int
	Messages           int
	IdempotencyRecords int
	KeyRotated         bool // another key signs now
}

// Service does the upkeep. Safe for concurrent use.
type Service struct {
	store ports.Store
	keys  *token.Service
	clock ports.Clock
	cfg   Config
}

// New makes a Service.
func New(store ports.Store, keys *token.Service, clock ports.Clock, cfg Config) *Service {
	return &Service{store: store, keys: keys, clock: clock, cfg: cfg}
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
	} {
		var err error
		if *part.count, err = s.drain(ctx, part.before, part.purge); err != nil {
			faults = append(faults, fmt.Errorf("upkeep: purge %s: %w", part.name, err))
		}
	}
	var err error
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
