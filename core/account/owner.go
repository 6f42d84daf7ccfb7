package account

import (
	"context"
	"errors"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// Owners gives the owners of accounts what is kept of them, and deletes it.
type Owners struct {
	store  ports.Store
	keeper *Keeper
	clock  ports.Clock
	ids    ports.IDs
}

// NewOwners makes a service.
func NewOwners(store ports.Store, keeper *Keeper, clock ports.Clock, ids ports.IDs) *Owners {
	return &Owners{store: store, keeper: keeper, clock: clock, ids: ids}
}

// Delete removes the caller's account and everything kept of it at once, and tells the
// owner by mail, at the addresses too that could take the account back: a thief who
// changed the address must not silence them by deleting it. What is personal in the audit log follows soon (upkeep). Errors:
// domain.CodeValidation, domain.CodeWrongPassword, domain.CodeTooManyAttempts,
// domain.CodeSessionEnded. An administrator's own account is no exception, the last
// one's neither: the command line makes another.
func (s *Owners) Delete(ctx context.Context, who domain.Identity, password domain.Secret) error {
	if password.IsZero() {
		return domain.Invalid(domain.FieldError{Field: "password", Code: domain.CodeRequired, Message: "The password is required."})
	}
	confirmed, err := s.keeper.confirm(ctx, who, password, domain.AuditAccountDeleted)
	if err != nil {
		return err
	}
	return s.keeper.again(ctx, confirmed, func(ctx context.Context, tx ports.Tx) error {
		account, _, err := s.keeper.current(ctx, tx, who, confirmed)
		if err != nil {
			return err
		}
		now := s.clock.Now()
		tokens, err := tx.OneTimeTokens().ListByAccount(ctx, account.ID)
		if err != nil {
			return err
		}
		if err := tx.Erasures().Erase(ctx, account.ID, account.Version, now); err != nil {
			return err
		}
		if err := s.keeper.throttle.Clear(ctx, tx, account.ID); err != nil {
			return err
		}
		for _, address := range append(heldAddresses(tokens, now), account.Email.Address) {
			notice := domain.NewMessage(s.ids.New(), domain.MessageAccountDeleted, account, map[string]string{domain.DataAt: now.Format(timeLayout)}, now)
			notice.AccountID, notice.To = "", address // nothing leads back to the account
			if err := tx.Outbox().Enqueue(ctx, notice); err != nil {
				return err
			}
		}
		return tx.Audit().Append(ctx, domain.NewAuditEvent(s.ids.New(), domain.ActorFrom(ctx), domain.AuditAccountDeleted, account.ID, now, nil))
	})
}

// heldAddresses are those that can take the account back.
func heldAddresses(tokens []domain.OneTimeToken, now time.Time) []string {
	var addresses []string
	for _, t := range tokens {
		if t.Purpose == domain.TokenUndoEmail && now.Before(t.ExpiresAt) {
			addresses = append(addresses, t.Address.Address)
		}
	}
	return addresses
}

// Everything is all that is kept of an account, but for secrets and what is made of
// them.
type Everything struct {
	At         time.Time
	Account    domain.Account
	Credential domain.Credential // zero: no password; its hash is for its settings alone
	Sessions   []domain.Session
	Tokens     []domain.OneTimeToken
	Messages   []domain.Message
	Events     []domain.AuditEvent // that the account is the subject of
}

// Export returns what is kept of the caller, as of one instant; that it was exported is
// added to the audit log after that. What is made of secrets is left out, but for the
// hash of the password, which tells its settings. Errors: domain.CodeSessionEnded.
func (s *Owners) Export(ctx context.Context, who domain.Identity) (Everything, error) {
	var all Everything
	id := who.Account.ID
	err := s.store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		all = Everything{At: s.clock.Now()}
		if all.Account, _, err = currentOf(ctx, tx, who, all.At); err != nil {
			return err
		}
		if all.Credential, err = tx.Credentials().ByAccount(ctx, id); err != nil && !errors.Is(err, ports.ErrNotFound) {
			return err
		}
		if all.Tokens, err = tx.OneTimeTokens().ListByAccount(ctx, id); err != nil {
			return err
		}
		all.Sessions, err = every(func(page domain.PageRequest) (domain.Page[domain.Session], error) {
			return tx.PersonalData().Sessions(ctx, id, page)
		})
		if err != nil {
			return err
		}
		all.Messages, err = every(func(page domain.PageRequest) (domain.Page[domain.Message], error) {
			return tx.PersonalData().Messages(ctx, id, page)
		})
		if err != nil {
			return err
		}
		all.Events, err = every(func(page domain.PageRequest) (domain.Page[domain.AuditEvent], error) {
			return tx.Audit().List(ctx, domain.AuditFilter{Subject: id}, page)
		})
		return err
	})
	if err != nil {
		return Everything{}, err
	}
	err = s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		return tx.Audit().Append(ctx, domain.NewAuditEvent(s.ids.New(), domain.ActorFrom(ctx), domain.AuditAccountExported, id, s.clock.Now(), nil))
	})
	if err != nil {
		return Everything{}, err
	}
	return all.withoutSecrets(), nil
}

// withoutSecrets leaves out what tokens are made of, or held against.
func (e Everything) withoutSecrets() Everything {
	for i := range e.Sessions {
		e.Sessions[i].Refresh = domain.RefreshState{}
	}
	for i := range e.Tokens {
		e.Tokens[i].Hash = nil
	}
	return e
}

// every reads all pages of a list.
func every[T any](list func(domain.PageRequest) (domain.Page[T], error)) ([]T, error) {
	var all []T
	request := domain.PageRequest{Limit: domain.MaxPageLimit}
	for {
		page, err := list(request)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == nil {
			return all, nil
		}
		request.After = page.Next
	}
}
