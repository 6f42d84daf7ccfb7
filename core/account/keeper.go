package account

import (
	"context"
	"errors"
	"time"

	"authserve/core/domain"
	"authserve/core/throttle"
	"authserve/ports"
)

// Keeper judges, hashes and checks the passwords of accounts for the use cases of this
// package.
type Keeper struct {
	store    ports.Store
	hasher   ports.Hasher
	breaches ports.Breaches
	throttle *throttle.Service
	clock    ports.Clock
	ids      ports.IDs
	policy   domain.PasswordPolicy
}

// NewKeeper makes a Keeper.
func NewKeeper(store ports.Store, hasher ports.Hasher, breaches ports.Breaches, throttles *throttle.Service, clock ports.Clock, ids ports.IDs, policy domain.PasswordPolicy) *Keeper {
	return &Keeper{store: store, hasher: hasher, breaches: breaches, throttle: throttles, clock: clock, ids: ids, policy: policy}
}

var (
	errWrongPassword = domain.NewError(domain.KindForbidden, domain.CodeWrongPassword, "The current password is wrong.")
	errBreached      = domain.Invalid(domain.FieldError{Field: "password", Code: domain.CodeBreached, Message: "The password became public in a breach."})
)

// hash hashes a new password, unless it became public in a breach. That is asked after
// everything that this service can decide alone: the question tells the other side a
// few bits of the password, and most refusals do not need it.
func (k *Keeper) hash(ctx context.Context, p domain.Password) (domain.PasswordHash, error) {
	if err := k.refuseBreached(ctx, p); err != nil {
		return domain.PasswordHash{}, err
	}
	return k.hasher.Hash(ctx, p)
}

// refuseBreached goes on where it cannot be told: the check must not be needed to
// register, and whoever guards the port counts the failure.
func (k *Keeper) refuseBreached(ctx context.Context, p domain.Password) error {
	switch breached, err := k.breaches.Contains(ctx, p); {
	case breached:
		return errBreached
	case err != nil && ctx.Err() != nil: // the caller left, or has no time left
		return err
	default:
		return nil
	}
}

// confirmation is a password that was asked for again, and was right.
type confirmation struct {
	credential domain.Credential
	attempt    throttle.Attempt
}

// confirm asks the caller for the current password again (OWASP ASVS 5.0 7.5.1), for
// the wanted action. Refusals are audited, and failures counted by session. Errors:
// domain.CodeWrongPassword, domain.CodeTooManyAttempts.
func (k *Keeper) confirm(ctx context.Context, who domain.Identity, current domain.Secret, wanted domain.AuditAction) (confirmation, error) {
	var credential domain.Credential
	var count throttle.Count
	err := k.store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		if count, err = k.throttle.Read(ctx, tx, throttle.OfSession(who.Session.ID)); err != nil {
			return err
		}
		credential, err = tx.Credentials().ByAccount(ctx, who.Account.ID)
		if errors.Is(err, ports.ErrNotFound) { // imported without a password: nothing can be the current one
			credential, err = domain.Credential{Hash: k.hasher.Dummy("")}, nil
		}
		return err
	})
	if err != nil {
		return confirmation{}, err
	}
	attempt, err := k.throttle.Begin(ctx, count)
	if domain.CodeOf(err) == domain.CodeTooManyAttempts {
		return confirmation{}, k.refuse(ctx, who, wanted, err, nil)
	}
	if err != nil {
		return confirmation{}, err
	}
	match, _, err := k.hasher.Verify(ctx, domain.PresentedPassword(current.Reveal()), credential.Hash)
	switch {
	case err != nil: // nobody judged it
		k.throttle.Refund(ctx, attempt)
		return confirmation{}, err
	case match:
		return confirmation{credential, attempt}, nil
	default:
		return confirmation{}, k.refuse(ctx, who, wanted, errWrongPassword, &attempt)
	}
}

// refuse audits that the password was refused that the wanted action needs, counts the
// attempt if there was one, and returns the refusal.
func (k *Keeper) refuse(ctx context.Context, who domain.Identity, wanted domain.AuditAction, refusal error, attempt *throttle.Attempt) error {
	var counted domain.Throttle
	err := k.store.Update(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		if attempt != nil {
			if counted, err = k.throttle.Fail(ctx, tx, *attempt); err != nil {
				return err
			}
		}
		return tx.Audit().Append(ctx, domain.NewAuditEvent(k.ids.New(), domain.ActorFrom(ctx), domain.AuditPasswordRefused, who.Account.ID, k.clock.Now(),
			map[string]string{"for": string(wanted), "reason": string(domain.CodeOf(refusal))}))
	})
	if err != nil {
		return err
	}
	return k.throttle.Refusal(counted, refusal)
}

// setPassword writes the hash that belongs to the account as it is now, in the place
// of that of the version before. Errors: ErrStale.
func (k *Keeper) setPassword(ctx context.Context, tx ports.Tx, account domain.Account, hash domain.PasswordHash, before int64, now time.Time) error {
	next := domain.Credential{AccountID: account.ID, Hash: hash, Version: account.Version.Credential, ChangedAt: now}
	switch _, err := tx.Credentials().ByAccount(ctx, account.ID); {
	case errors.Is(err, ports.ErrNotFound): // imported without a password
		return tx.Credentials().Create(ctx, next)
	case err != nil:
		return err
	default:
		return tx.Credentials().Replace(ctx, next, before)
	}
}

// current reads the caller's account and session inside the transaction that changes it, provided
// that nothing happened since the caller was authenticated and c was given that makes
// either void. Errors: domain.CodeSessionEnded.
func (k *Keeper) current(ctx context.Context, tx ports.Tx, who domain.Identity, c confirmation) (domain.Account, domain.Session, error) {
	account, session, err := currentOf(ctx, tx, who, k.clock.Now())
	if err == nil && account.Version.Credential != c.credential.Version {
		err = errSessionEnded
	}
	if err == nil {
		err = k.throttle.Succeed(ctx, tx, c.attempt)
	}
	return account, session, err
}

// currentOf reads the caller's account and session as they are now. Errors:
// domain.CodeSessionEnded where the caller's token is void by now.
func currentOf(ctx context.Context, tx ports.Tx, who domain.Identity, now time.Time) (account domain.Account, session domain.Session, err error) {
	if account, err = tx.Accounts().ByID(ctx, who.Account.ID); err == nil {
		session, err = tx.Sessions().ByID(ctx, who.Session.ID)
	}
	switch {
	case errors.Is(err, ports.ErrNotFound):
		err = errSessionEnded.Wrap(err)
	case err != nil:
	case !account.IsActive(), account.Version.AuthGeneration != who.Account.Version.AuthGeneration, !session.IsActive(now):
		err = errSessionEnded
	}
	return account, session, err
}

var errSessionEnded = domain.NewError(domain.KindUnauthenticated, domain.CodeSessionEnded, "The session has ended.")

// again runs a transaction that met a login, a refresh or a change of the profile anew,
// a few times. Errors: ErrUnavailable when it kept losing: nothing of the caller's is
// outdated, and it may try again.
func (k *Keeper) again(ctx context.Context, c confirmation, fn func(ctx context.Context, tx ports.Tx) error) error {
	var err error
	for range changeAttempts {
		if err = k.store.Update(ctx, fn); !errors.Is(err, ports.ErrStale) {
			break
		}
	}
	switch {
	case errors.Is(err, ports.ErrStale):
		return ports.ErrUnavailable.Wrap(err)
	case err == nil:
		k.throttle.Refund(ctx, c.attempt)
	}
	return err
}

// changeAttempts is how often a change is tried.
const changeAttempts = 3
