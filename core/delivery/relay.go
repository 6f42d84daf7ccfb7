package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// settleTimeout bounds a settling write, which goes on when the caller leaves:
// the message is sent already, and only this write keeps it from being sent again.
const settleTimeout = 5 * time.Second

// Config bounds the work of a Relay. All values are positive.
type Config struct {
	Batch int // messages claimed at a time
	// Lease is how long a claim lasts. No send begins in its second half and none
	// outlasts it, so it is at least twice the longest send.
	Lease time.Duration
	// Attempts is how many may fail: the last of these failures abandons the message.
	// A claim that was given back, or whose claimant died, is no failure.
	Attempts int
	// FirstPause follows the first failure; each further one doubles it, up to
	// LongestPause. Up to half of a pause is taken off at random, so that messages
	// that failed together are not tried together.
	FirstPause, LongestPause time.Duration
}

// Report counts what became of one batch.
type Report struct {
	Claimed   int
	Sent      int // accepted by the mail system
	Retried   int // failed, to be tried again
	Abandoned int // refused for good, or failed once too often
	Returned  int // given back without a failure
	Lost      int // taken over by another relay before they were settled
}

// Relay delivers the outbox. Safe for concurrent use.
type Relay struct {
	store  ports.Store
	mailer ports.Mailer
	clock  ports.Clock
	random ports.Random
	cfg    Config
	health health
}

// New makes a Relay.
func New(store ports.Store, mailer ports.Mailer, clock ports.Clock, random ports.Random, cfg Config) *Relay {
	return &Relay{store: store, mailer: mailer, clock: clock, random: random, cfg: cfg}
}

// Deliver sends one batch. After several failures of the mailer in a row it stops,
// gives the rest back, and until a message gets through it claims one at a time,
// no earlier than the mailer asked for: an outage uses up no attempts of messages
// that it keeps from being tried. Nor does a mailer too slow for the batch.
//
// The report is good beside an error too. Errors: those of the store, after which
// the messages left come back at the end of their lease; the end of ctx; and the
// last failure of the mailer, when any message was not sent.
func (r *Relay) Deliver(ctx context.Context) (Report, error) {
	start := r.clock.Now()
	limit := r.health.allowance(start, r.cfg.Batch)
	if limit == 0 {
		return Report{}, nil
	}
	leaseEnd := start.Add(r.cfg.Lease)
	messages, err := r.claim(ctx, start, leaseEnd, limit)
	if err != nil {
		return Report{}, fmt.Errorf("delivery: claim: %w", err)
	}
	report := Report{Claimed: len(messages)}
	failure, err := r.work(ctx, messages, start, leaseEnd, &report)
	if failure != nil {
		failure = fmt.Errorf("delivery: %d of %d messages not sent, %d of them abandoned: last failure: %w",
			report.Claimed-report.Sent, report.Claimed, report.Abandoned, failure)
	}
	return report, errors.Join(failure, err)
}

func (r *Relay) claim(ctx context.Context, now, leaseEnd time.Time, limit int) ([]domain.Message, error) {
	var messages []domain.Message
	err := r.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		var err error
		messages, err = tx.Outbox().Claim(ctx, now, leaseEnd, limit)
		return err
	})
	return messages, err
}

// work tries messages one after the other. failure is the last one of the mailer;
// err is what else ended the work early.
func (r *Relay) work(ctx context.Context, messages []domain.Message, start, leaseEnd time.Time, report *Report) (failure, err error) {
	for i, m := range messages {
		now := r.clock.Now()
		if ctx.Err() != nil || now.Sub(start) > r.cfg.Lease/2 {
			return failure, errors.Join(ctx.Err(), r.giveBack(ctx, messages[i:], report))
		}
		outcome := r.send(ctx, m, leaseEnd.Sub(now))
		if outcome != nil {
			if ctx.Err() != nil {
				return failure, errors.Join(ctx.Err(), r.giveBack(ctx, messages[i:], report))
			}
			failure = outcome
		}
		healthy := r.health.note(outcome, r.clock.Now())
		if domain.KindOf(outcome) == domain.KindOverloaded { // refused before it was tried
			return failure, r.giveBack(ctx, messages[i:], report)
		}
		if err := r.settle(ctx, m, outcome, report); err != nil {
			return failure, fmt.Errorf("delivery: settle: %w", err)
		}
		if !healthy {
			return failure, r.giveBack(ctx, messages[i+1:], report)
		}
	}
	return failure, nil
}

// send turns a panic of the mailer into an error: otherwise the message that sets
// it off would come first in every batch, and no other would ever be sent.
func (r *Relay) send(ctx context.Context, m domain.Message, limit time.Duration) (err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the mailer panicked: %v", p)
		}
	}()
	return r.mailer.Send(ctx, m)
}

// settle records the outcome of an attempt on m.
func (r *Relay) settle(ctx context.Context, m domain.Message, outcome error, report *Report) error {
	now := r.clock.Now()
	failures := m.Failures + 1 // counting this attempt, should it be one
	var count *int
	var write func(context.Context, ports.Outbox) error
	switch {
	case outcome == nil:
		count = &report.Sent
		write = func(ctx context.Context, o ports.Outbox) error { return o.Sent(ctx, m.ID, m.Attempt, now) }
	case domain.KindOf(outcome) == domain.KindInvalid || failures >= r.cfg.Attempts:
		count = &report.Abandoned
		write = func(ctx context.Context, o ports.Outbox) error {
			return o.Abandon(ctx, m.ID, m.Attempt, now, reason(outcome, m))
		}
	default:
		count = &report.Retried
		due := now.Add(r.pause(failures))
		write = func(ctx context.Context, o ports.Outbox) error {
			return o.Retry(ctx, m.ID, m.Attempt, due, reason(outcome, m))
		}
	}
	err := r.update(ctx, write)
	switch {
	case errors.Is(err, ports.ErrStale):
		report.Lost++
	case err != nil:
		return err
	default:
		*count++
	}
	return nil
}

// giveBack returns messages that were claimed and not tried, or whose trial was
// cut short. They are due at once.
func (r *Relay) giveBack(ctx context.Context, messages []domain.Message, report *Report) error {
	if len(messages) == 0 {
		return nil
	}
	now := r.clock.Now()
	var returned, lost int
	err := r.update(ctx, func(ctx context.Context, o ports.Outbox) error {
		returned, lost = 0, 0
		for _, m := range messages {
			err := o.Return(ctx, m.ID, m.Attempt, now)
			switch {
			case errors.Is(err, ports.ErrStale):
				lost++
			case err != nil:
				return err
			default:
				returned++
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("delivery: give back: %w", err)
	}
	report.Returned += returned
	report.Lost += lost
	return nil
}

func (r *Relay) update(ctx context.Context, write func(context.Context, ports.Outbox) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	return r.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		return write(ctx, tx.Outbox())
	})
}
