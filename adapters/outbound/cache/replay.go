package cache

import (
	"context"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// replay is the Tx of a run over memory. After a miss every call fails, so that the
// closure comes to its end.
type replay struct {
	store   *Store
	limit   time.Duration
	view    *view // nil before the first read
	missed  bool  // the run counts for nothing
	foreign bool  // missed for want of what is never kept
	ended   bool
}

var _ ports.Tx = (*replay)(nil)

// Accounts implements ports.Tx.
func (r *replay) Accounts() ports.Accounts { return replayedAccounts{r} }

// Sessions implements ports.Tx.
func (r *replay) Sessions() ports.Sessions { return replayedSessions{r} }

// Credentials implements ports.Tx.
func (r *replay) Credentials() ports.Credentials { _ = r.pass(); return ports.UnsupportedCredentials{} }

// Keys implements ports.Tx.
func (r *replay) Keys() ports.Keys { _ = r.pass(); return ports.UnsupportedKeys{} }

// Outbox implements ports.Tx.
func (r *replay) Outbox() ports.Outbox { _ = r.pass(); return ports.UnsupportedOutbox{} }

// Audit implements ports.Tx.
func (r *replay) Audit() ports.Audit { _ = r.pass(); return ports.UnsupportedAudit{} }

// Idempotency implements ports.Tx.
func (r *replay) Idempotency() ports.Idempotency { _ = r.pass(); return ports.UnsupportedIdempotency{} }

// Guards implements ports.Tx.
func (r *replay) Guards() ports.Guards { _ = r.pass(); return ports.UnsupportedGuards{} }

// Imports implements ports.Tx.
func (r *replay) Imports() ports.Imports { _ = r.pass(); return ports.UnsupportedImports{} }

// OneTimeTokens implements ports.Tx.
func (r *replay) OneTimeTokens() ports.OneTimeTokens {
	_ = r.pass()
	return ports.UnsupportedOneTimeTokens{}
}

// Throttles implements ports.Tx.
func (r *replay) Throttles() ports.Throttles { _ = r.pass(); return ports.UnsupportedThrottles{} }

// Erasures implements ports.Tx.
func (r *replay) Erasures() ports.Erasures { _ = r.pass(); return ports.UnsupportedErasures{} }

// PersonalData implements ports.Tx.
func (r *replay) PersonalData() ports.PersonalData {
	_ = r.pass()
	return ports.UnsupportedPersonalData{}
}

// AuditChain implements ports.Tx.
func (r *replay) AuditChain() ports.AuditChain { _ = r.pass(); return ports.UnsupportedAuditChain{} }

// pass ends the run at a call that only the store answers.
func (r *replay) pass() error {
	if r.ended {
		return errEnded
	}
	if !r.missed {
		r.missed, r.foreign = true, true
	}
	return errMissed
}

// reading refuses a call on an ended Tx, with an ended context, or after a miss.
func (r *replay) reading(ctx context.Context) error {
	switch {
	case r.ended:
		return errEnded
	case r.missed:
		return errMissed
	default:
		return ctx.Err()
	}
}

// kept is the view to read k from; nil when there is none.
func (r *replay) kept(k key) *view {
	if r.view == nil {
		r.view, _ = r.store.memory.recall(k, r.limit)
	}
	return r.view
}

func (r *replay) account(ctx context.Context, id domain.ID) (domain.Account, error) {
	if err := r.reading(ctx); err != nil {
		return domain.Account{}, err
	}
	if v := r.kept(key{accountRow, id}); v != nil {
		if a, ok := v.account(id); ok {
			return a, nil
		}
	}
	r.missed = true
	return domain.Account{}, errMissed
}

func (r *replay) session(ctx context.Context, id domain.ID) (domain.Session, error) {
	if err := r.reading(ctx); err != nil {
		return domain.Session{}, err
	}
	if v := r.kept(key{sessionRow, id}); v != nil {
		if s, ok := v.session(id); ok {
			return s, nil
		}
	}
	r.missed = true
	return domain.Session{}, errMissed
}

type replayedAccounts struct{ r *replay }

var _ ports.Accounts = replayedAccounts{}

// ByID implements ports.Accounts.
func (s replayedAccounts) ByID(ctx context.Context, id domain.ID) (domain.Account, error) {
	return s.r.account(ctx, id)
}

// Create implements ports.Accounts.
func (s replayedAccounts) Create(context.Context, domain.Account) error { return s.r.pass() }

// ByEmail implements ports.Accounts.
func (s replayedAccounts) ByEmail(context.Context, string) (domain.Account, error) {
	return domain.Account{}, s.r.pass()
}

// ByUsername implements ports.Accounts.
func (s replayedAccounts) ByUsername(context.Context, string) (domain.Account, error) {
	return domain.Account{}, s.r.pass()
}

// Search implements ports.Accounts.
func (s replayedAccounts) Search(context.Context, domain.AccountSearch, domain.PageRequest) (domain.Page[domain.Account], error) {
	return domain.Page[domain.Account]{}, s.r.pass()
}

// Update implements ports.Accounts.
func (s replayedAccounts) Update(context.Context, domain.Account, domain.AccountVersion) error {
	return s.r.pass()
}

// RecordLogin implements ports.Accounts.
func (s replayedAccounts) RecordLogin(context.Context, domain.ID, int64, int64, time.Time) error {
	return s.r.pass()
}

type replayedSessions struct{ r *replay }

var _ ports.Sessions = replayedSessions{}

// ByID implements ports.Sessions.
func (s replayedSessions) ByID(ctx context.Context, id domain.ID) (domain.Session, error) {
	return s.r.session(ctx, id)
}

// Create implements ports.Sessions.
func (s replayedSessions) Create(context.Context, domain.Session) error { return s.r.pass() }

// ListActive implements ports.Sessions.
func (s replayedSessions) ListActive(context.Context, domain.ID, time.Time, int, domain.PageRequest) (domain.Page[domain.Session], error) {
	return domain.Page[domain.Session]{}, s.r.pass()
}

// SeenFrom implements ports.Sessions.
func (s replayedSessions) SeenFrom(context.Context, domain.ID, string, string) (bool, error) {
	return false, s.r.pass()
}

// Advance implements ports.Sessions.
func (s replayedSessions) Advance(context.Context, domain.Session, domain.RefreshPosition) error {
	return s.r.pass()
}

// End implements ports.Sessions.
func (s replayedSessions) End(context.Context, domain.ID, domain.EndReason, time.Time) (bool, error) {
	return false, s.r.pass()
}

// EndAll implements ports.Sessions.
func (s replayedSessions) EndAll(context.Context, domain.ID, domain.ID, domain.EndReason, time.Time) (int, error) {
	return 0, s.r.pass()
}

// Purge implements ports.Sessions.
func (s replayedSessions) Purge(context.Context, time.Time, int) (int, error) { return 0, s.r.pass() }
