package account

import (
	"context"
	"errors"
	"time"

	"authserve/core/domain"
	"authserve/core/session"
	"authserve/ports"
)

// Emails verifies and changes the e-mail addresses of accounts.
type Emails struct {
	store    ports.Store
	keeper   *Keeper
	sessions *session.Service
	sealer   ports.Sealer
	clock    ports.Clock
	ids      ports.IDs
	cfg      Config
}

// NewEmails makes a service.
func NewEmails(store ports.Store, keeper *Keeper, sessions *session.Service, sealer ports.Sealer, clock ports.Clock, ids ports.IDs, cfg Config) *Emails {
	return &Emails{store: store, keeper: keeper, sessions: sessions, sealer: sealer, clock: clock, ids: ids, cfg: cfg}
}

// Resend asks for another link to verify an address. Nothing that it does or answers
// depends on whether somebody has the address. Errors: domain.CodeValidation,
// domain.CodeTooManyAttempts.
func (s *Emails) Resend(ctx context.Context, address string) error {
	email, err := domain.ParseEmail(address)
	if err != nil {
		return err
	}
	if err := s.keeper.throttle.Mail(ctx, domain.MessageVerifyEmail, email.Canonical); err != nil {
		return err
	}
	return s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		if err := tx.Outbox().Enqueue(ctx, domain.NewMessageTo(s.ids.New(), domain.MessageVerifyEmail, email.Address, s.clock.Now())); err != nil {
			return err
		}
		return s.audit(ctx, tx, domain.AuditVerificationAsked, "")
	})
}

// Verify spends the token of a mail: it proves that its owner reads the address, or
// changes the account's address to the one that the mail went to. Sessions and other
// tokens from before end: whoever began them had not proved to be the owner of the
// address. The password stays good. Errors: domain.CodeInvalidOneTimeToken,
// domain.CodeEmailTaken when somebody else has the address by now.
func (s *Emails) Verify(ctx context.Context, token domain.Secret) error {
	presented, err := parseOneTime(token)
	if err != nil {
		return err
	}
	return s.keeper.redeem(ctx, func(ctx context.Context, tx ports.Tx) error {
		spent, account, err := presented.spend(ctx, tx, s.clock.Now(), domain.TokenVerifyEmail, domain.TokenChangeEmail)
		if err != nil {
			return err
		}
		if spent.Purpose == domain.TokenChangeEmail {
			return s.move(ctx, tx, account, spent.Address)
		}
		if account.Email.Canonical != spent.Address.Canonical {
			return errOneTime.Wrap(refusal{account.ID, spent.Purpose, reasonOutdated})
		}
		if _, err := s.replace(ctx, tx, account, account.Version, account.Email, domain.EndedByVerification); err != nil {
			return err
		}
		return s.audit(ctx, tx, domain.AuditEmailVerified, account.ID)
	})
}

// Change asks for a link to the wanted address; the account's own stays until that is
// used (Verify). Errors: domain.CodeValidation with a field each,
// domain.CodeWrongPassword, domain.CodeTooManyAttempts, domain.CodeSessionEnded, and,
// unless registration is private, domain.CodeEmailTaken.
func (s *Emails) Change(ctx context.Context, who domain.Identity, wanted string, password domain.Secret) error {
	email, err := checkNewEmail(who.Account, wanted, password)
	if err != nil {
		return err
	}
	confirmed, err := s.keeper.confirm(ctx, who, password, domain.AuditEmailAsked)
	if err != nil {
		return err
	}
	if err := s.keeper.throttle.Mail(ctx, domain.MessageChangeEmail, email.Canonical); err != nil {
		return err
	}
	return s.keeper.again(ctx, confirmed, func(ctx context.Context, tx ports.Tx) error {
		account, _, err := s.keeper.current(ctx, tx, who, confirmed)
		if err != nil {
			return err
		}
		if !s.cfg.Privacy {
			if err := refuseTaken(ctx, tx, email, account.ID, s.clock.Now()); err != nil {
				return err
			}
		}
		message := domain.NewMessage(s.ids.New(), domain.MessageChangeEmail, account, nil, s.clock.Now())
		message.To = email.Address
		if err := tx.Outbox().Enqueue(ctx, message); err != nil {
			return err
		}
		return s.audit(ctx, tx, domain.AuditEmailAsked, account.ID)
	})
}

func checkNewEmail(account domain.Account, wanted string, password domain.Secret) (domain.Email, error) {
	email, err := domain.ParseEmail(wanted)
	var fields []domain.FieldError
	for _, f := range domain.FieldsOf(err) {
		f.Field = "new_email"
		fields = append(fields, f)
	}
	if err == nil && email == account.Email {
		fields = append(fields, domain.FieldError{Field: "new_email", Code: domain.CodeUnchanged, Message: "This is the account's address already."})
	}
	if password.IsZero() {
		fields = append(fields, domain.FieldError{Field: "password", Code: domain.CodeRequired, Message: "The password is required."})
	}
	if fields != nil {
		return domain.Email{}, domain.Invalid(fields...)
	}
	return email, nil
}

// Undo takes the address back that the account had before a change, by the token that
// was mailed there. Whoever changed the address knew the password, so all sessions end,
// no password is good, and the owner gets a link to choose a new one. Errors:
// domain.CodeInvalidOneTimeToken, domain.CodeEmailTaken.
func (s *Emails) Undo(ctx context.Context, token domain.Secret) error {
	presented, err := parseOneTime(token)
	if err != nil {
		return err
	}
	none := s.keeper.hasher.Dummy("")
	return s.keeper.redeem(ctx, func(ctx context.Context, tx ports.Tx) error {
		now := s.clock.Now()
		spent, account, err := presented.spend(ctx, tx, now, domain.TokenUndoEmail)
		if err != nil {
			return err
		}
		from := account.Version
		account.Version.Credential++
		account, err = s.replace(ctx, tx, account, from, spent.Address, domain.EndedByEmail)
		if err != nil {
			return err
		}
		if err := s.keeper.setPassword(ctx, tx, account, none, from.Credential, now); err != nil {
			return err
		}
		// A thief who changed the address twice must not undo this in turn.
		if _, err := tx.OneTimeTokens().EndAll(ctx, account.ID, domain.TokenUndoEmail); err != nil {
			return err
		}
		for _, kind := range []domain.MessageKind{domain.MessageEmailRestored, domain.MessageResetPassword} {
			message := domain.NewMessage(s.ids.New(), kind, account, map[string]string{domain.DataAt: now.Format(timeLayout)}, now)
			if err := tx.Outbox().Enqueue(ctx, message); err != nil {
				return err
			}
		}
		return s.audit(ctx, tx, domain.AuditEmailRestored, account.ID)
	})
}

// move changes the account's address. The address before is told and can undo that, if
// it was verified: one that never was may be a stranger's.
func (s *Emails) move(ctx context.Context, tx ports.Tx, account domain.Account, to domain.Email) error {
	now := s.clock.Now()
	if err := refuseTaken(ctx, tx, to, account.ID, now); err != nil {
		return err
	}
	before, undoable := account.Email, account.EmailVerified() && account.Email.Canonical != to.Canonical
	account, err := s.replace(ctx, tx, account, account.Version, to, domain.EndedByEmail)
	if err != nil {
		return err
	}
	if undoable {
		if err := s.tellBefore(ctx, tx, account, before, now); err != nil {
			return err
		}
	}
	return s.audit(ctx, tx, domain.AuditEmailChanged, account.ID)
}

// tellBefore writes to the address before, and makes the token to undo the change. It
// is made here, and not when the mail is sent, so that nobody else gets the address in
// between, and so that undoing ends it.
func (s *Emails) tellBefore(ctx context.Context, tx ports.Tx, account domain.Account, before domain.Email, now time.Time) error {
	key := s.sealer.ActiveKey()
	notice := domain.NewMessage(s.ids.New(), domain.MessageEmailChanged, account, map[string]string{domain.DataAt: now.Format(timeLayout), domain.DataKey: key}, now)
	notice.To = before.Address
	secret, err := s.sealer.MAC(ctx, ports.PurposeOneTime, key, notice.TokenLabel())
	if err != nil {
		return err
	}
	if err := tx.OneTimeTokens().Put(ctx, domain.NewOneTimeToken(secret, domain.TokenUndoEmail, account, before, now, now)); err != nil {
		return err
	}
	return tx.Outbox().Enqueue(ctx, notice)
}

// replace writes the address, which its owner proved to read, and raises the
// generation of the account, which was kept at the version from, so that no session or
// token from before is good. Errors: ErrStale.
func (s *Emails) replace(ctx context.Context, tx ports.Tx, account domain.Account, from domain.AccountVersion, email domain.Email, reason domain.EndReason) (domain.Account, error) {
	now := domain.Instant(s.clock.Now())
	account.Email, account.EmailVerifiedAt, account.UpdatedAt = email, now, now
	account.Version.AuthGeneration++
	account.Version.Profile++
	if err := tx.Accounts().Update(ctx, account, from); err != nil {
		return domain.Account{}, err
	}
	if _, err := tx.OneTimeTokens().EndAll(ctx, account.ID, outdatedTokens()...); err != nil {
		return domain.Account{}, err
	}
	return account, s.sessions.EndEvery(ctx, tx, account.ID, reason)
}

// refuseTaken refuses an address that another account has, or can take back.
func refuseTaken(ctx context.Context, tx ports.Tx, email domain.Email, own domain.ID, now time.Time) error {
	switch other, err := tx.Accounts().ByEmail(ctx, email.Canonical); {
	case errors.Is(err, ports.ErrNotFound):
	case err != nil:
		return err
	case other.ID != own:
		return errEmailTaken
	}
	return refuseHeld(ctx, tx, email, own, now)
}

func (s *Emails) audit(ctx context.Context, tx ports.Tx, action domain.AuditAction, subject domain.ID) error {
	return tx.Audit().Append(ctx, domain.NewAuditEvent(s.ids.New(), domain.ActorFrom(ctx), action, subject, s.clock.Now(), nil))
}
