package session

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// RefreshOutcome is what became of a refresh, for metrics: a benign retry and a
// suspected theft are different things.
type RefreshOutcome string

// The outcomes.
const (
	Rotated       RefreshOutcome = "rotated"
	Replayed      RefreshOutcome = "replayed"
	CounterAhead  RefreshOutcome = "counter_ahead"
	ReuseDetected RefreshOutcome = "reuse_detected"
	RetryLimit    RefreshOutcome = "retry_limit"
	Expired       RefreshOutcome = "expired"
	Ended         RefreshOutcome = "ended"
	InvalidToken  RefreshOutcome = "invalid"
	Failed        RefreshOutcome = "failed"
)

// RefreshResult is a new token pair and how it came about. Outcome is set beside
// an error too.
type RefreshResult struct {
	Outcome RefreshOutcome
	Pair    domain.TokenPair
}

// refreshAttempts bounds how often a refresh is judged anew after it lost the
// conditional write. Each loss means that another caller moved the session, and
// nobody can move it more than MaxRefreshRetries times without a success.
const refreshAttempts = domain.MaxRefreshRetries + 3

// Refresh exchanges a refresh token for a new pair. retryKey is the caller's
// Idempotency-Key, empty without one: with it a lost response can be asked for
// again until the successor is used. Errors: domain.CodeInvalidRefreshToken for
// whatever is not good, domain.CodeRefreshRetryLimit, domain.CodeValidation for a
// malformed retryKey.
func (s *Service) Refresh(ctx context.Context, secret domain.Secret, retryKey string) (RefreshResult, error) {
	presented, err := s.tokens.open(ctx, secret)
	if errors.Is(err, errInvalidRefresh) {
		return RefreshResult{Outcome: InvalidToken}, err
	}
	if err != nil {
		return RefreshResult{Outcome: Failed}, err
	}
	retryMAC, err := s.retryMAC(ctx, presented, retryKey)
	if err != nil {
		return RefreshResult{Outcome: Failed}, err
	}
	var r refreshing
	for range refreshAttempts {
		err = s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
			r = refreshing{outcome: InvalidToken}
			return s.judge(ctx, tx, presented, retryMAC, &r)
		})
		if !errors.Is(err, ports.ErrStale) {
			break
		}
	}
	if err != nil {
		return RefreshResult{Outcome: Failed}, unexpected(err)
	}
	switch r.outcome {
	case Rotated, Replayed, CounterAhead:
		pair, err := s.Issue(ctx, r.account, r.session)
		return RefreshResult{Outcome: r.outcome, Pair: pair}, err
	case RetryLimit:
		return RefreshResult{Outcome: r.outcome}, errRetryLimit
	default:
		return RefreshResult{Outcome: r.outcome}, errInvalidRefresh
	}
}

// errRetryLimit is a conflict rather than "too many requests": whoever tries the same
// token again later is taken for a thief.
var errRetryLimit = domain.NewError(domain.KindConflict, domain.CodeRefreshRetryLimit,
	"This refresh token was exchanged, and retried too often. Use its successor, which was answered; do not present this one again.")

// unexpected keeps the storage's word for a lost race from reaching the caller of
// a refresh as "it changed".
func unexpected(err error) error {
	if errors.Is(err, ports.ErrStale) {
		return ports.ErrUnavailable.Wrap(fmt.Errorf("refresh kept losing its race: %w", err))
	}
	return err
}

// refreshing is what one run of the transaction found.
type refreshing struct {
	outcome RefreshOutcome
	session domain.Session
	account domain.Account
}

// judge decides inside the transaction and writes what follows from the verdict.
// A refusal is a verdict, not an error: what it writes must be committed.
func (s *Service) judge(ctx context.Context, tx ports.Tx, presented refreshToken, retryMAC []byte, r *refreshing) error {
	session, err := tx.Sessions().ByID(ctx, presented.session)
	if errors.Is(err, ports.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if genuine, err := s.tokens.confirms(ctx, session, presented); err != nil || !genuine {
		return err
	}
	if r.account, err = tx.Accounts().ByID(ctx, session.AccountID); errors.Is(err, ports.ErrNotFound) {
		r.outcome = Ended // removed a moment ago, and the session with it
		return nil
	}
	if err != nil {
		return err
	}
	if !r.account.IsActive() || r.account.Version.AuthGeneration != session.Generation {
		r.outcome = Ended
		return nil
	}
	now, from := s.clock.Now(), session.Refresh.RefreshPosition
	switch session.JudgeRefresh(presented.counter, retryMAC, now, s.cfg.Limits.Grace) {
	case domain.RefreshEnded:
		r.outcome = Ended
	case domain.RefreshExpired:
		r.outcome = Expired
	case domain.RefreshRetryLimit:
		r.outcome = RetryLimit
	case domain.RefreshReplay:
		r.outcome, r.session = Replayed, session.Retried()
		return tx.Sessions().Advance(ctx, r.session, from)
	case domain.RefreshRotate:
		r.outcome, r.session = Rotated, session.Rotated(presented.counter, s.sealer.ActiveKey(), retryMAC, s.cfg.Limits, now)
		return tx.Sessions().Advance(ctx, r.session, from)
	case domain.RefreshAhead:
		r.outcome, r.session = CounterAhead, session.Rotated(presented.counter, s.sealer.ActiveKey(), retryMAC, s.cfg.Limits, now)
		if err := tx.Sessions().Advance(ctx, r.session, from); err != nil {
			return err
		}
		return s.audit(ctx, tx, domain.AuditRefreshCounterLead, session.AccountID, now, reuseDetail(session, presented))
	case domain.RefreshReuse:
		r.outcome = ReuseDetected
		return s.endByReuse(ctx, tx, r.account, session, presented, now)
	}
	return nil
}

// endByReuse ends the session, says why in the audit log, and tells the owner.
func (s *Service) endByReuse(ctx context.Context, tx ports.Tx, account domain.Account, session domain.Session, presented refreshToken, now time.Time) error {
	ended, err := s.endOnce(ctx, tx, session, domain.EndedByReuse, now)
	if err != nil || !ended {
		return err
	}
	if err := s.audit(ctx, tx, domain.AuditRefreshReused, session.AccountID, now, reuseDetail(session, presented)); err != nil {
		return err
	}
	return s.Notify(ctx, tx, domain.NewTheftNotice(s.ids.New(), account, session, now))
}

func reuseDetail(session domain.Session, presented refreshToken) map[string]string {
	return map[string]string{
		"session_id": string(session.ID),
		"presented":  strconv.FormatInt(presented.counter, 10),
		"current":    strconv.FormatInt(session.Refresh.Counter, 10),
		"retries":    strconv.Itoa(session.Refresh.Retries),
	}
}

// retryMAC is what is kept of an Idempotency-Key. It is bound to the session and
// made with the presented token's own key, so that a retry finds the same.
func (s *Service) retryMAC(ctx context.Context, presented refreshToken, retryKey string) ([]byte, error) {
	if retryKey == "" {
		return nil, nil
	}
	if err := domain.CheckIdempotencyKey(retryKey); err != nil {
		return nil, err
	}
	return s.sealer.MAC(ctx, ports.PurposeIdempotency, presented.keyID, []byte("refresh\x00"+string(presented.session)+"\x00"+retryKey))
}
