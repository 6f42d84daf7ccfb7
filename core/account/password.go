package account

import (
	"context"
	"errors"

	"authserve/core/domain"
	"authserve/core/session"
	"authserve/ports"
)

// Passwords changes the passwords of accounts.
type Passwords struct {
	store    ports.Store
	hasher   ports.Hasher
	breaches ports.Breaches
	sessions *session.Service
	clock    ports.Clock
	ids      ports.IDs
	policy   domain.PasswordPolicy
}

// NewPasswords makes a service.
func NewPasswords(store ports.Store, hasher ports.Hasher, breaches ports.Breaches, sessions *session.Service, clock ports.Clock, ids ports.IDs, policy domain.PasswordPolicy) *Passwords {
	return &Passwords{store: store, hasher: hasher, breaches: breaches, sessions: sessions, clock: clock, ids: ids, policy: policy}
}

var errWrongPassword = domain.NewError(domain.KindForbidden, domain.CodeWrongPassword, "The current password is wrong.")

// changeAttempts is how often a change is tried that met a login, a refresh or a
// change of the profile.
const changeAttempts = 3

// Change replaces the caller's password and returns the tokens with which the
// caller's session goes on; every other session ends, and so do all tokens from before
// (OWASP ASVS 5.0 6.2.3 and 7.4.3). The owner is told by mail. Errors:
// domain.CodeValidation with a field each, domain.CodeWrongPassword,
// domain.CodeSessionEnded when the session ended meanwhile, or the token became void.
func (s *Passwords) Change(ctx context.Context, who domain.Identity, current, wanted domain.Secret) (domain.TokenPair, error) {
	account := who.Account
	fresh, err := s.check(account, current, wanted)
	if err != nil {
		return domain.TokenPair{}, err
	}
	credential, err := s.confirm(ctx, account, domain.PresentedPassword(current.Reveal()))
	if err != nil {
		return domain.TokenPair{}, err
	}
	if err := refuseBreached(ctx, s.breaches, fresh); err != nil {
		return domain.TokenPair{}, named(err)
	}
	hash, err := s.hasher.Hash(ctx, fresh)
	if err != nil {
		return domain.TokenPair{}, err
	}
	var renewed domain.Session
	for range changeAttempts {
		err = s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
			account, renewed, err = s.replace(ctx, tx, who, credential, hash)
			return err
		})
		if !errors.Is(err, ports.ErrStale) {
			break
		}
	}
	switch {
	case errors.Is(err, ports.ErrStale): // nothing of the caller's is outdated: it may try again
		return domain.TokenPair{}, ports.ErrUnavailable.Wrap(err)
	case err != nil:
		return domain.TokenPair{}, err
	}
	return s.sessions.Issue(ctx, account, renewed)
}

func (s *Passwords) check(account domain.Account, current, wanted domain.Secret) (domain.Password, error) {
	var fields []domain.FieldError
	if current.IsZero() {
		fields = append(fields, domain.FieldError{Field: "current_password", Code: domain.CodeRequired, Message: "The current password is required."})
	}
	fresh, err := domain.NewPassword(wanted.Reveal(), s.policy, account.Email.Address, account.Username.Name, account.DisplayName)
	switch {
	case err != nil:
		fields = append(fields, domain.FieldsOf(named(err))...)
	case fresh.Reveal() == domain.PresentedPassword(current.Reveal()).Reveal(): // both are the caller's own words
		fields = append(fields, domain.FieldError{Field: "new_password", Code: domain.CodeUnchanged, Message: "The new password is the current one."})
	}
	if fields != nil {
		return domain.Password{}, domain.Invalid(fields...)
	}
	return fresh, nil
}

// named says new_password where a fault says password.
func named(err error) error {
	fields := domain.FieldsOf(err)
	if fields == nil {
		return err
	}
	renamed := make([]domain.FieldError, len(fields))
	for i, f := range fields {
		f.Field = "new_password"
		renamed[i] = f
	}
	return domain.Invalid(renamed...)
}

// confirm asks for the current password again and returns the credential that it
// confirmed. A refusal is audited.
func (s *Passwords) confirm(ctx context.Context, account domain.Account, password domain.Password) (domain.Credential, error) {
	var credential domain.Credential
	err := s.store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		credential, err = tx.Credentials().ByAccount(ctx, account.ID)
		if errors.Is(err, ports.ErrNotFound) { // imported without a password: nothing can be the current one
			credential, err = domain.Credential{Hash: s.hasher.Dummy("")}, nil
		}
		return err
	})
	if err != nil {
		return domain.Credential{}, err
	}
	match, _, err := s.hasher.Verify(ctx, password, credential.Hash)
	if err != nil || match {
		return credential, err
	}
	err = s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		return s.audit(ctx, tx, domain.AuditPasswordRefused, account.ID)
	})
	if err != nil {
		return domain.Credential{}, err
	}
	return domain.Credential{}, errWrongPassword
}

// replace writes the new hash, raises the generation and carries the caller's session
// over, provided that neither the password nor the generation changed since they were
// confirmed.
func (s *Passwords) replace(ctx context.Context, tx ports.Tx, who domain.Identity, credential domain.Credential, hash domain.PasswordHash) (domain.Account, domain.Session, error) {
	account, err := tx.Accounts().ByID(ctx, who.Account.ID)
	if err != nil {
		return domain.Account{}, domain.Session{}, err
	}
	if !account.IsActive() || account.Version.AuthGeneration != who.Account.Version.AuthGeneration || account.Version.Credential != credential.Version {
		return domain.Account{}, domain.Session{}, errSessionEnded
	}
	current, err := tx.Sessions().ByID(ctx, who.Session.ID)
	if err != nil {
		return domain.Account{}, domain.Session{}, err
	}
	if !current.IsActive(s.clock.Now()) {
		return domain.Account{}, domain.Session{}, errSessionEnded
	}
	from, now := account.Version, s.clock.Now()
	account.Version.AuthGeneration++
	account.Version.Credential++
	if err := tx.Accounts().Update(ctx, account, from); err != nil {
		return domain.Account{}, domain.Session{}, err
	}
	next := domain.Credential{AccountID: account.ID, Hash: hash, Version: account.Version.Credential, ChangedAt: now}
	if err := tx.Credentials().Replace(ctx, next, credential.Version); err != nil {
		return domain.Account{}, domain.Session{}, err
	}
	renewed, err := s.sessions.Renew(ctx, tx, account, current, domain.EndedByPassword)
	if err != nil {
		return domain.Account{}, domain.Session{}, err
	}
	if err := tx.Outbox().Enqueue(ctx, domain.NewPasswordNotice(s.ids.New(), account, now)); err != nil {
		return domain.Account{}, domain.Session{}, err
	}
	return account, renewed, s.audit(ctx, tx, domain.AuditPasswordChanged, account.ID)
}

var errSessionEnded = domain.NewError(domain.KindUnauthenticated, domain.CodeSessionEnded, "The session has ended.")

func (s *Passwords) audit(ctx context.Context, tx ports.Tx, action domain.AuditAction, subject domain.ID) error {
	return tx.Audit().Append(ctx, domain.NewAuditEvent(s.ids.New(), domain.ActorFrom(ctx), action, subject, s.clock.Now(), nil))
}
