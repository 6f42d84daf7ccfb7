package account

import (
	"context"
	"encoding/base64"
	"errors"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// errOneTime is the one answer to every token that is not good: what is wrong with it
// is nobody's business but its owner's.
var errOneTime = domain.NewError(domain.KindInvalid, domain.CodeInvalidOneTimeToken, "This link is not valid, or not any more. Ask for a new one.")

// timeLayout is how messages carry an instant.
const timeLayout = time.RFC3339

// outdatedTokens are the purposes whose tokens end with a change of the password or of
// the address.
func outdatedTokens() []domain.TokenPurpose {
	return []domain.TokenPurpose{domain.TokenVerifyEmail, domain.TokenChangeEmail, domain.TokenResetPassword}
}

// oneTime is the secret of a one-time token as somebody presented it.
type oneTime []byte

// parseOneTime reads the form in which links carry a token: base64url without padding.
func parseOneTime(presented domain.Secret) (oneTime, error) {
	if presented.IsZero() {
		return nil, domain.Invalid(domain.FieldError{Field: "token", Code: domain.CodeRequired, Message: "The token of the mail is required."})
	}
	if len(presented.Reveal()) != base64.RawURLEncoding.EncodedLen(oneTimeSize) {
		return nil, errOneTime
	}
	secret, err := base64.RawURLEncoding.Strict().DecodeString(presented.Reveal())
	if err != nil || len(secret) != oneTimeSize { // the decoder overlooks line breaks
		return nil, errOneTime
	}
	return secret, nil
}

// oneTimeSize is the length of the secrets, in bytes.
const oneTimeSize = 32

// refusal is why a token was refused. It is for the audit log; the caller is answered
// errOneTime.
type refusal struct {
	subject domain.ID // empty: nobody has such a token
	purpose domain.TokenPurpose
	reason  string
}

// Error implements error.
func (r refusal) Error() string { return string(r.purpose) + ": " + r.reason }

// The reasons of refusals.
const (
	reasonUnknown  = "unknown" // spent, ended, replaced by a newer one, or never made
	reasonExpired  = "expired"
	reasonOutdated = "outdated" // by a change of the account
	reasonDisabled = "account_disabled"
)

// find returns the token for the first of the purposes that it is good for at now, and
// its account. Disabled accounts can only undo. Errors: errOneTime with a refusal.
func (o oneTime) find(ctx context.Context, tx ports.Tx, now time.Time, purposes ...domain.TokenPurpose) (domain.OneTimeToken, domain.Account, error) {
	for _, purpose := range purposes {
		token, err := tx.OneTimeTokens().ByHash(ctx, domain.OneTimeHash(purpose, o))
		if errors.Is(err, ports.ErrNotFound) {
			continue
		}
		if err != nil {
			return domain.OneTimeToken{}, domain.Account{}, err
		}
		account, err := tx.Accounts().ByID(ctx, token.AccountID)
		if errors.Is(err, ports.ErrNotFound) { // removed a moment ago
			continue
		}
		if err != nil {
			return domain.OneTimeToken{}, domain.Account{}, err
		}
		if reason := fault(token, account, now); reason != "" {
			return domain.OneTimeToken{}, domain.Account{}, errOneTime.Wrap(refusal{account.ID, purpose, reason})
		}
		return token, account, nil
	}
	return domain.OneTimeToken{}, domain.Account{}, errOneTime.Wrap(refusal{"", purposes[0], reasonUnknown})
}

// fault is why the token is not good for its account at now; empty: it is.
func fault(token domain.OneTimeToken, account domain.Account, now time.Time) string {
	switch {
	case !now.Before(token.ExpiresAt):
		return reasonExpired
	case !token.IsGoodFor(account, now):
		return reasonOutdated
	case !account.IsActive() && token.Purpose != domain.TokenUndoEmail:
		return reasonDisabled
	default:
		return ""
	}
}

// spend is find, and spends what it found.
func (o oneTime) spend(ctx context.Context, tx ports.Tx, now time.Time, purposes ...domain.TokenPurpose) (domain.OneTimeToken, domain.Account, error) {
	token, account, err := o.find(ctx, tx, now, purposes...)
	if err != nil {
		return domain.OneTimeToken{}, domain.Account{}, err
	}
	err = tx.OneTimeTokens().Spend(ctx, token.Hash)
	if errors.Is(err, ports.ErrStale) { // somebody spent or replaced it meanwhile
		err = errOneTime.Wrap(refusal{account.ID, token.Purpose, reasonUnknown})
	}
	return token, account, err
}

// redeem runs a transaction that spends a one-time token, anew where it met another
// write to the account: the token is good still, or the next run finds out that it is
// not. A refusal is audited. Errors: ErrUnavailable when it kept losing.
func (k *Keeper) redeem(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	var err error
	for range changeAttempts {
		if err = k.store.Update(ctx, fn); !errors.Is(err, ports.ErrStale) {
			break
		}
	}
	if errors.Is(err, ports.ErrStale) {
		return ports.ErrUnavailable.Wrap(err)
	}
	return k.auditRefusal(ctx, explain(err))
}

// auditRefusal writes the audit event of a refused token, if err is that, and returns
// err. What was never a token of ours by its form is no event.
func (k *Keeper) auditRefusal(ctx context.Context, err error) error {
	var why refusal
	if !errors.As(err, &why) {
		return err
	}
	failed := k.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		return tx.Audit().Append(ctx, domain.NewAuditEvent(k.ids.New(), domain.ActorFrom(ctx), domain.AuditTokenRefused, why.subject, k.clock.Now(),
			map[string]string{"purpose": string(why.purpose), "reason": why.reason}))
	})
	if failed != nil {
		return failed
	}
	return err
}
