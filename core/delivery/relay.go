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
	Moot      int // settled without sending: there was nobody to tell, or nothing any more
	Returned  int // given back without a failure
	Lost      int // taken over by another relay before they were settled
}

// Relay delivers the outbox. Safe for concurrent use.
type Relay struct {
	store   ports.Store
	mailer  ports.Mailer
	letters ports.Letters
	sealer  ports.Sealer
	clock   ports.Clock
	random  ports.Random
	cfg     Config
	health  health
}

// New makes a Relay.
func New(store ports.Store, mailer ports.Mailer, letters ports.Letters, sealer ports.Sealer, clock ports.Clock, random ports.Random, cfg Config) *Relay {
	return &Relay{store: store, mailer: mailer, letters: letters, sealer: sealer, clock: clock, random: random, cfg: cfg}
}

// Deliver sends one batch. After several failures of the mailer in a row it stops,
// gives the rest back, and until a message gets through it claims one at a time,
// no earlier than the mailer asked for: an outage uses up no attempts of messages
// that it keeps from being tried. Nor does a mailer too slow for the batch.
//
// The report is good beside an error too. Errors: those of the store, after which
// the messages left come back at the end of their lease at the latest; the end of ctx; and
// the last failure, when any message that has a point was not sent.
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
			report.Claimed-report.Sent-report.Moot, report.Claimed, report.Abandoned, failure)
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

// work tries messages one after the other. failure is the last one of a message; err is
// what else ended the work early.
func (r *Relay) work(ctx context.Context, messages []domain.Message, start, leaseEnd time.Time, report *Report) (failure, err error) {
	for i, m := range messages {
		now := r.clock.Now()
		if ctx.Err() != nil || now.Sub(start) > r.cfg.Lease/2 {
			return failure, errors.Join(ctx.Err(), r.giveBack(ctx, messages[i:], now, report))
		}
		letter, outcome := r.compose(ctx, m, leaseEnd.Sub(now))
		healthy := true
		switch {
		case outcome == nil:
			outcome = r.send(ctx, letter, leaseEnd.Sub(r.clock.Now()))
			if ctx.Err() == nil {
				healthy = r.health.note(outcome, r.clock.Now())
			}
		case isTrouble(outcome) && ctx.Err() == nil:
			return failure, errors.Join(fmt.Errorf("delivery: compose: %w", outcome), r.putOff(ctx, messages[i:], report))
		}
		if outcome != nil && ctx.Err() != nil {
			return failure, errors.Join(ctx.Err(), r.giveBack(ctx, messages[i:], r.clock.Now(), report))
		}
		if outcome != nil && !errors.Is(outcome, errMoot) {
			failure = outcome
		}
		if domain.KindOf(outcome) == domain.KindOverloaded { // refused before it was tried
			return failure, r.giveBack(ctx, messages[i:], r.clock.Now(), report)
		}
		if err := r.settle(ctx, m, outcome, report); err != nil {
			return failure, fmt.Errorf("delivery: settle: %w", err)
		}
		if !healthy {
			return failure, r.giveBack(ctx, messages[i+1:], r.clock.Now(), report)
		}
	}
	return failure, nil
}

// isTrouble reports whether a letter could not be made for reasons that are not the
// message's: the store did not answer in time.
func isTrouble(err error) bool {
	kind := domain.KindOf(err)
	return kind == domain.KindUnavailable || kind == domain.KindOverloaded || errors.Is(err, context.DeadlineExceeded)
}

// putOff gives messages back that the store kept from being tried, the first of them
// after a pause: should it be the one that troubles the store, it troubles no other.
func (r *Relay) putOff(ctx context.Context, messages []domain.Message, report *Report) error {
	now := r.clock.Now()
	return errors.Join(
		r.giveBack(ctx, messages[:1], now.Add(r.cfg.FirstPause), report),
		r.giveBack(ctx, messages[1:], now, report))
}

// send turns a panic of the mailer into an error, like compose those of the words.
func (r *Relay) send(ctx context.Context, l domain.Letter, limit time.Duration) (err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the mailer panicked: %s", safe(p))
		}
	}()
	return r.mailer.Send(ctx, l)
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
	case errors.Is(outcome, errMoot):
		count = &report.Moot
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

// giveBack returns messages that were claimed and not tried, or whose trial was cut
// short, until due.
func (r *Relay) giveBack(ctx context.Context, messages []domain.Message, due time.Time, report *Report) error {
	if len(messages) == 0 {
		return nil
	}
	var returned, lost int
	err := r.update(ctx, func(ctx context.Context, o ports.Outbox) error {
		returned, lost = 0, 0
		for _, m := range messages {
			err := o.Return(ctx, m.ID, m.Attempt, due)
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
