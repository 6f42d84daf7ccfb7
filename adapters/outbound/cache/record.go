package cache

import (
	"context"

	"authserve/core/domain"
	"authserve/ports"
)

// recording is a Tx of the store that notes the rows read by their ids.
type recording struct {
	ports.Tx
	view *view
}

// Accounts implements ports.Tx.
func (r *recording) Accounts() ports.Accounts { return recordedAccounts{r.Tx.Accounts(), r.view} }

// Sessions implements ports.Tx.
func (r *recording) Sessions() ports.Sessions { return recordedSessions{r.Tx.Sessions(), r.view} }

type recordedAccounts struct {
	ports.Accounts
	view *view
}

// ByID implements ports.Accounts.
func (s recordedAccounts) ByID(ctx context.Context, id domain.ID) (domain.Account, error) {
	a, err := s.Accounts.ByID(ctx, id)
	if err == nil {
		s.view.addAccount(a)
	}
	return a, err
}

type recordedSessions struct {
	ports.Sessions
	view *view
}

// ByID implements ports.Sessions.
func (s recordedSessions) ByID(ctx context.Context, id domain.ID) (domain.Session, error) {
	session, err := s.Sessions.ByID(ctx, id)
	if err == nil {
		s.view.addSession(session)
	}
	return session, err
}
