package delivery

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// longestDelay is the age at which a message with a link is not worth sending any more:
// whoever asked for it has asked again, or has given up. What undoes a change is.
const longestDelay = 24 * time.Hour

// errMoot tells that a message needs not be sent: nobody has the address, or what it
// speaks of is over.
var errMoot = domain.NewError(domain.KindNotFound, "message_moot", "There is nobody to tell, or nothing any more.")

// compose puts m into words. For one with a link it makes the one-time token, for the
// account that has the address now. A panic of the words is an error of m: otherwise it
// would come first in every batch, and no other would ever be sent. Errors: errMoot; of
// KindUnavailable or KindOverloaded those of the store, which say nothing of m.
func (r *Relay) compose(ctx context.Context, m domain.Message, limit time.Duration) (l domain.Letter, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			l, err = domain.Letter{}, fmt.Errorf("the letter panicked: %s", safe(p))
		}
	}()
	purpose, linked := m.Kind.Purpose()
	if !linked {
		if m.AccountID == "" && m.Kind == domain.MessageRegisteredBefore {
			owner, err := r.owner(ctx, m)
			if err != nil {
				return domain.Letter{}, err
			}
			m = addressed(m, owner)
		}
		return r.letters.Compose(m, domain.Secret{})
	}
	secret, err := r.secret(ctx, m)
	if err != nil {
		return domain.Letter{}, err
	}
	owner, err := r.ready(ctx, m, purpose, secret)
	if err != nil {
		return domain.Letter{}, err
	}
	return r.letters.Compose(addressed(m, owner), domain.NewSecret(base64.RawURLEncoding.EncodeToString(secret)))
}

// addressed is m in the language of its owner. A message that was asked for by an
// address goes to the address as its owner registered it, and not as somebody spelt it
// who need not be the owner: mail systems may take another spelling for another mailbox.
func addressed(m domain.Message, owner domain.Account) domain.Message {
	m.Locale = owner.Locale
	if m.AccountID == "" {
		m.To = owner.Email.Address
	}
	return m
}

// secret is the secret of m's token. Each attempt to send m finds the same, so that
// duplicates of one letter have one link; the database alone does not suffice to make
// it. The key is the one that a token made before was made with, or the active one.
func (r *Relay) secret(ctx context.Context, m domain.Message) ([]byte, error) {
	key := m.Data[domain.DataKey]
	if key == "" {
		key = r.sealer.ActiveKey()
	}
	return r.sealer.MAC(ctx, ports.PurposeOneTime, key, m.TokenLabel())
}

// safe is what may be told of a panic: one that is no error of the program may hold
// anything, an address too.
func safe(p any) string {
	if err, ok := p.(interface {
		error
		RuntimeError()
	}); ok {
		return err.Error()
	}
	return fmt.Sprintf("a %T", p)
}

// putAttempts is how often a token is put where another relay puts one meanwhile.
const putAttempts = 3

// ready sees to it that m's token can be spent, and returns the account that it is for.
func (r *Relay) ready(ctx context.Context, m domain.Message, purpose domain.TokenPurpose, secret []byte) (owner domain.Account, err error) {
	for range putAttempts {
		err = r.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
			account, to, err := r.recipient(ctx, tx, m, purpose)
			if err != nil {
				return err
			}
			owner = account
			if purpose == domain.TokenUndoEmail {
				return r.holds(ctx, tx, domain.OneTimeHash(purpose, secret))
			}
			err = tx.OneTimeTokens().Put(ctx, domain.NewOneTimeToken(secret, purpose, account, to, m.CreatedAt, r.clock.Now()))
			if errors.Is(err, ports.ErrStale) || errors.Is(err, ports.ErrNotFound) { // a newer one is there; the account is gone
				return errMoot.Wrap(err)
			}
			return err
		})
		if _, conflict := ports.ConflictField(err); !conflict {
			break
		}
	}
	return owner, err
}

// holds finds the token to undo a change, which was made with the change itself: until
// it is spent, ended or too old nobody else gets the address. Errors: errMoot.
func (r *Relay) holds(ctx context.Context, tx ports.Tx, hash []byte) error {
	token, err := tx.OneTimeTokens().ByHash(ctx, hash)
	if errors.Is(err, ports.ErrNotFound) || err == nil && !r.clock.Now().Before(token.ExpiresAt) {
		return errMoot.Wrap(err)
	}
	return err
}

// owner finds who has the address of m. Errors: errMoot when nobody has.
func (r *Relay) owner(ctx context.Context, m domain.Message) (owner domain.Account, err error) {
	err = r.store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		owner, err = find(ctx, tx, m)
		return err
	})
	return owner, err
}

// find returns the account that m is for. Errors: errMoot when there is none.
func find(ctx context.Context, tx ports.Tx, m domain.Message) (account domain.Account, err error) {
	if m.AccountID != "" {
		account, err = tx.Accounts().ByID(ctx, m.AccountID)
	} else {
		var email domain.Email
		if email, err = domain.ParseEmail(m.To); err == nil {
			account, err = tx.Accounts().ByEmail(ctx, email.Canonical)
		}
	}
	if errors.Is(err, ports.ErrNotFound) {
		return domain.Account{}, errMoot.Wrap(err)
	}
	return account, err
}

// recipient returns the account that m is for, and m's address, provided that m still has
// a point. A token that was spent must not come back when its message is sent once more,
// and one that was asked for before the password or the address changed must not come
// after. Errors: errMoot.
func (r *Relay) recipient(ctx context.Context, tx ports.Tx, m domain.Message, purpose domain.TokenPurpose) (account domain.Account, to domain.Email, err error) {
	if account, err = find(ctx, tx, m); err != nil {
		return account, to, err
	}
	if to, err = domain.ParseEmail(m.To); err != nil {
		return account, to, err
	}
	own := account.Email.Canonical == to.Canonical
	moot := own // it was undone, or changed back
	if purpose != domain.TokenUndoEmail {
		moot = !account.IsActive() || r.clock.Now().Sub(m.CreatedAt) > longestDelay ||
			m.Generation != 0 && m.Generation != account.Version.AuthGeneration
	}
	if !moot {
		switch purpose {
		case domain.TokenVerifyEmail:
			if moot = !own || account.EmailVerified(); !moot {
				moot, err = changedSince(ctx, tx, account.ID, m.CreatedAt)
			}
		case domain.TokenResetPassword:
			if moot = !own; !moot {
				moot, err = changedSince(ctx, tx, account.ID, m.CreatedAt)
			}
		case domain.TokenChangeEmail:
			if moot = account.Email.Address == to.Address; !moot {
				moot, err = isTaken(ctx, tx, to, account.ID)
			}
		case domain.TokenUndoEmail:
		}
	}
	if err == nil && moot {
		err = errMoot
	}
	return account, to, err
}

func isTaken(ctx context.Context, tx ports.Tx, email domain.Email, own domain.ID) (bool, error) {
	other, err := tx.Accounts().ByEmail(ctx, email.Canonical)
	if errors.Is(err, ports.ErrNotFound) {
		return false, nil
	}
	return err == nil && other.ID != own, err
}

// changedSince reports whether the account's password is younger than the instant.
func changedSince(ctx context.Context, tx ports.Tx, id domain.ID, at time.Time) (bool, error) {
	credential, err := tx.Credentials().ByAccount(ctx, id)
	if errors.Is(err, ports.ErrNotFound) {
		return false, nil
	}
	return err == nil && credential.ChangedAt.After(at), err
}
