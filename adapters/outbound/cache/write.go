package cache

import (
	"context"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// writingTx is a Tx of the store that tells the ledger of every write to a row that
// may be kept, in time before the commit. What creates rows need not be told, since
// nothing is kept of rows that do not exist.
type writingTx struct {
	ports.Tx
	w *writing
}

// Accounts implements ports.Tx.
func (t writingTx) Accounts() ports.Accounts { return writtenAccounts{t.Tx.Accounts(), t.w} }

// Sessions implements ports.Tx.
func (t writingTx) Sessions() ports.Sessions { return writtenSessions{t.Tx.Sessions(), t.w} }

// Erasures implements ports.Tx.
func (t writingTx) Erasures() ports.Erasures { return writtenErasures{t.Tx.Erasures(), t.w} }

type writtenAccounts struct {
	ports.Accounts
	w *writing
}

// Update implements ports.Accounts.
func (s writtenAccounts) Update(ctx context.Context, a domain.Account, from domain.AccountVersion) error {
	s.w.row(a.ID)
	return s.Accounts.Update(ctx, a, from)
}

// RecordLogin implements ports.Accounts.
func (s writtenAccounts) RecordLogin(ctx context.Context, id domain.ID, authGeneration, credential int64, at time.Time) error {
	s.w.row(id)
	return s.Accounts.RecordLogin(ctx, id, authGeneration, credential, at)
}

type writtenSessions struct {
	ports.Sessions
	w *writing
}

// Advance implements ports.Sessions.
func (s writtenSessions) Advance(ctx context.Context, session domain.Session, from domain.RefreshPosition) error {
	s.w.row(session.ID)
	return s.Sessions.Advance(ctx, session, from)
}

// End implements ports.Sessions.
func (s writtenSessions) End(ctx context.Context, id domain.ID, reason domain.EndReason, at time.Time) (bool, error) {
	s.w.row(id)
	return s.Sessions.End(ctx, id, reason, at)
}

// EndAll implements ports.Sessions.
func (s writtenSessions) EndAll(ctx context.Context, accountID, except domain.ID, reason domain.EndReason, at time.Time) (int, error) {
	s.w.row(accountID)
	return s.Sessions.EndAll(ctx, accountID, except, reason, at)
}

// Purge implements ports.Sessions. It does not say which rows went: where any did,
// nothing that is kept stands after it.
func (s writtenSessions) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	n, err := s.Sessions.Purge(ctx, before, limit)
	if n > 0 || err != nil {
		s.w.any()
	}
	return n, err
}

type writtenErasures struct {
	ports.Erasures
	w *writing
}

// Erase implements ports.Erasures. The sessions of the account go with it.
func (s writtenErasures) Erase(ctx context.Context, accountID domain.ID, from domain.AccountVersion, at time.Time) error {
	s.w.row(accountID)
	return s.Erasures.Erase(ctx, accountID, from, at)
}
