package login

import (
	"context"
	"errors"

	"authserve/core/domain"
	"authserve/ports"
)

// IsBehind reports that Rehash or RefreshMix has something to do.
func (s *Service) IsBehind() bool { return len(s.pending) > 0 || s.outdated.Load() }

// maxPending bounds the passwords that wait in memory to be hashed anew.
const maxPending = 64

// rehash is a password that was right, and the credential to replace.
type rehash struct {
	actor      domain.Actor
	password   domain.Password
	credential domain.Credential
	refusals   int // how often the hasher had no room for it
}

// mostRefusals is after how many an entry is dropped: some thing about it may be why
// there is no room.
const mostRefusals = 60

// postpone leaves a re-hash to Rehash, outside of the login's own latency. Where
// too many wait it is dropped: the account's next login offers it again. So is one
// whose password this service would not hash.
func (s *Service) postpone(ctx context.Context, password domain.Password, credential domain.Credential) {
	if !password.IsValid() {
		return
	}
	select {
	case s.pending <- rehash{actor: domain.ActorFrom(ctx), password: password, credential: credential}:
	default:
	}
}

// Rehash hashes what earlier logins left behind under the present settings, and
// returns how many hashes it replaced. Where the hasher has no room it stops, and
// what is left waits for the next call. Other failures drop the one that failed:
// its login succeeded already, and the next one offers it again.
func (s *Service) Rehash(ctx context.Context) (replaced int, err error) {
	var errs []error
	for range len(s.pending) {
		var r rehash
		select {
		case r = <-s.pending:
		default:
			return replaced, errors.Join(errs...)
		}
		switch err := s.rehash(domain.WithActor(ctx, r.actor), r); {
		case err == nil:
			replaced++
		case errors.Is(err, ports.ErrOverloaded) && r.refusals < mostRefusals:
			r.refusals++
			select {
			case s.pending <- r:
			default:
			}
			return replaced, errors.Join(errs...)
		case errors.Is(err, ports.ErrStale): // changed, or replaced by a parallel login
		case domain.KindOf(err) == domain.KindInvalid: // longer than the present algorithm reads: it stays as it is
		default:
			errs = append(errs, err)
		}
	}
	return replaced, errors.Join(errs...)
}

// isStored is ErrStale unless the account still has the hash that was checked.
func (r rehash) isStored(ctx context.Context, tx ports.Tx) error {
	stored, err := tx.Credentials().ByAccount(ctx, r.credential.AccountID)
	if errors.Is(err, ports.ErrNotFound) || err == nil && stored.Hash.Reveal() != r.credential.Hash.Reveal() {
		return ports.ErrStale
	}
	return err
}

// rehash replaces one hash on condition that it is still the one that was checked,
// so it never undoes a password change.
func (s *Service) rehash(ctx context.Context, r rehash) error {
	err := s.store.View(ctx, r.isStored) // logins of one second leave the same one
	if err != nil {
		return err
	}
	hash, err := s.hasher.Rehash(ctx, r.password)
	if err != nil {
		return err
	}
	return s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		if err := r.isStored(ctx, tx); err != nil {
			return err
		}
		fresh := r.credential
		fresh.Hash = hash
		if err := tx.Credentials().Replace(ctx, fresh, r.credential.Version); err != nil {
			return err
		}
		event := domain.NewAuditEvent(s.ids.New(), domain.ActorFrom(ctx), domain.AuditPasswordRehashed, fresh.AccountID, s.clock.Now(),
			map[string]string{"from": domain.SettingsOf(r.credential.Hash), "to": domain.SettingsOf(hash)})
		return tx.Audit().Append(ctx, event)
	})
}
