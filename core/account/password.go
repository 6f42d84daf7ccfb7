package account

import (
	"context"

	"authserve/core/domain"
	"authserve/core/session"
	"authserve/core/throttle"
	"authserve/ports"
)

// Passwords changes and resets the passwords of accounts.
type Passwords struct {
	store    ports.Store
	keeper   *Keeper
	sessions *session.Service
	throttle *throttle.Service
	clock    ports.Clock
	ids      ports.IDs
}

// NewPasswords makes a service.
func NewPasswords(store ports.Store, keeper *Keeper, sessions *session.Service, throttles *throttle.Service, clock ports.Clock, ids ports.IDs) *Passwords {
	return &Passwords{store: store, keeper: keeper, sessions: sessions, throttle: throttles, clock: clock, ids: ids}
}

// Change replaces the caller's password and returns the tokens with which the
// caller's session goes on; every other session ends, and so do all tokens from before
// (OWASP ASVS 5.0 6.2.3 and 7.4.3). The owner is told by mail. Errors:
// domain.CodeValidation with a field each, domain.CodeWrongPassword,
// domain.CodeTooManyAttempts, domain.CodeSessionEnded when the session ended meanwhile,
// or the token became void.
func (s *Passwords) Change(ctx context.Context, who domain.Identity, current, wanted domain.Secret) (domain.TokenPair, error) {
	fresh, err := s.check(who.Account, current, wanted)
	if err != nil {
		return domain.TokenPair{}, err
	}
	confirmed, err := s.keeper.confirm(ctx, who, current, domain.AuditPasswordChanged)
	if err != nil {
		return domain.TokenPair{}, err
	}
	hash, err := s.keeper.hash(ctx, fresh)
	if err != nil {
		return domain.TokenPair{}, named(err)
	}
	var account domain.Account
	var renewed domain.Session
	err = s.keeper.again(ctx, confirmed, func(ctx context.Context, tx ports.Tx) (err error) {
		var session domain.Session
		if account, session, err = s.keeper.current(ctx, tx, who, confirmed); err != nil {
			return err
		}
		if account, err = s.replace(ctx, tx, account, account.Version, hash); err != nil {
			return err
		}
		if renewed, err = s.sessions.Renew(ctx, tx, account, session, domain.EndedByPassword); err != nil {
			return err
		}
		return s.tell(ctx, tx, account, domain.MessagePasswordChanged, domain.AuditPasswordChanged)
	})
	if err != nil {
		return domain.TokenPair{}, err
	}
	return s.sessions.Issue(ctx, account, renewed)
}

func (s *Passwords) check(account domain.Account, current, wanted domain.Secret) (domain.Password, error) {
	var fields []domain.FieldError
	if current.IsZero() {
		fields = append(fields, domain.FieldError{Field: "current_password", Code: domain.CodeRequired, Message: "The current password is required."})
	}
	fresh, err := s.judge(account, wanted)
	switch {
	case err != nil:
		fields = append(fields, domain.FieldsOf(err)...)
	case fresh.Reveal() == domain.PresentedPassword(current.Reveal()).Reveal(): // both are the caller's own words
		fields = append(fields, domain.FieldError{Field: "new_password", Code: domain.CodeUnchanged, Message: "The new password is the current one."})
	}
	if fields != nil {
		return domain.Password{}, domain.Invalid(fields...)
	}
	return fresh, nil
}

// judge holds a new password against the policy.
func (s *Passwords) judge(account domain.Account, wanted domain.Secret) (domain.Password, error) {
	fresh, err := domain.NewPassword(wanted.Reveal(), s.keeper.policy, account.Email.Address, account.Username.Name, account.DisplayName)
	return fresh, named(err)
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

// Forgot asks for a link by mail with which whoever reads it can choose a new password.
// Nothing that it does or answers depends on whether somebody has the address. Errors:
// domain.CodeValidation, domain.CodeTooManyAttempts.
func (s *Passwords) Forgot(ctx context.Context, address string) error {
	email, err := domain.ParseEmail(address)
	if err != nil {
		return err
	}
	if err := s.throttle.Mail(ctx, domain.MessageResetPassword, email.Canonical); err != nil {
		return err
	}
	return s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		now := s.clock.Now()
		if err := tx.Outbox().Enqueue(ctx, domain.NewMessageTo(s.ids.New(), domain.MessageResetPassword, email.Address, now)); err != nil {
			return err
		}
		return tx.Audit().Append(ctx, domain.NewAuditEvent(s.ids.New(), domain.ActorFrom(ctx), domain.AuditPasswordAsked, "", now, nil))
	})
}

// Reset sets a new password by the token of a mail. Every session and every other
// token ends, the address counts as verified, and password login is open again for
// devices that were shut out. The token is spent only when all of it succeeds. Errors:
// domain.CodeInvalidOneTimeToken, domain.CodeValidation with a field each.
func (s *Passwords) Reset(ctx context.Context, token, wanted domain.Secret) error {
	presented, err := parseOneTime(token)
	if err != nil {
		return err
	}
	hash, err := s.prepareReset(ctx, presented, wanted)
	if err != nil {
		return err
	}
	return s.keeper.redeem(ctx, func(ctx context.Context, tx ports.Tx) error {
		spent, account, err := presented.spend(ctx, tx, s.clock.Now(), domain.TokenResetPassword)
		if err != nil {
			return err
		}
		if account.Email.Canonical != spent.Address.Canonical {
			return errOneTime.Wrap(refusal{account.ID, spent.Purpose, reasonOutdated})
		}
		from, now := account.Version, domain.Instant(s.clock.Now())
		if !account.EmailVerified() {
			account.EmailVerifiedAt, account.UpdatedAt = now, now
			account.Version.Profile++
		}
		if account, err = s.replace(ctx, tx, account, from, hash); err != nil {
			return err
		}
		if err := s.sessions.EndEvery(ctx, tx, account.ID, domain.EndedByReset); err != nil {
			return err
		}
		if err := s.throttle.Clear(ctx, tx, account.ID); err != nil {
			return err
		}
		return s.tell(ctx, tx, account, domain.MessagePasswordReset, domain.AuditPasswordReset)
	})
}

// prepareReset judges and hashes the new password outside of the transaction that
// spends the token, and for good tokens only.
func (s *Passwords) prepareReset(ctx context.Context, presented oneTime, wanted domain.Secret) (domain.PasswordHash, error) {
	var account domain.Account
	err := s.store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		_, account, err = presented.find(ctx, tx, s.clock.Now(), domain.TokenResetPassword)
		return err
	})
	if err != nil {
		return domain.PasswordHash{}, s.keeper.auditRefusal(ctx, err)
	}
	fresh, err := s.judge(account, wanted)
	if err != nil {
		return domain.PasswordHash{}, err
	}
	hash, err := s.keeper.hash(ctx, fresh)
	return hash, named(err)
}

// replace writes the new hash and raises the generation of the account, which was kept
// at the version from, so that no token from before is good. Errors: ErrStale.
func (s *Passwords) replace(ctx context.Context, tx ports.Tx, account domain.Account, from domain.AccountVersion, hash domain.PasswordHash) (domain.Account, error) {
	account.Version.AuthGeneration++
	account.Version.Credential++
	if err := tx.Accounts().Update(ctx, account, from); err != nil {
		return domain.Account{}, err
	}
	if err := s.keeper.setPassword(ctx, tx, account, hash, from.Credential, s.clock.Now()); err != nil {
		return domain.Account{}, err
	}
	_, err := tx.OneTimeTokens().EndAll(ctx, account.ID, outdatedTokens()...)
	return account, err
}

// tell writes the owner a notice of what happened, and the audit log a line. An address
// that nobody proved to read may be a stranger's, who is not told over and over.
func (s *Passwords) tell(ctx context.Context, tx ports.Tx, account domain.Account, kind domain.MessageKind, action domain.AuditAction) error {
	now := s.clock.Now()
	notice := domain.NewMessage(s.ids.New(), kind, account, map[string]string{domain.DataAt: now.Format(timeLayout)}, now)
	enqueue := tx.Outbox().Enqueue
	if !account.EmailVerified() {
		enqueue = func(ctx context.Context, notice domain.Message) error { return s.sessions.Notify(ctx, tx, notice) }
	}
	if err := enqueue(ctx, notice); err != nil {
		return err
	}
	return tx.Audit().Append(ctx, domain.NewAuditEvent(s.ids.New(), domain.ActorFrom(ctx), action, account.ID, now, nil))
}
