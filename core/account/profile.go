package account

import (
	"context"
	"errors"
	"slices"
	"strings"

	"authserve/core/domain"
	"authserve/ports"
)

// ProfileChange is what an owner wants of the profile.
type ProfileChange struct {
	Username    *string // nil: as it is; empty: none
	DisplayName *string // nil: as it is; empty: none
	// Versions are the versions of the profile that the change may be made to; nil:
	// any.
	Versions []int64
}

// profileAttempts is how often a change is tried that is for any version, where
// another one came between reading and writing.
const profileAttempts = 3

// UpdateProfile changes the caller's own profile and returns the account as it is
// then. A change that changes nothing writes nothing. Errors: domain.CodeValidation
// with a field each, domain.CodeUsernameTaken, domain.CodeStale.
func (s *Service) UpdateProfile(ctx context.Context, who domain.Identity, c ProfileChange) (domain.Account, error) {
	username, err := c.check()
	if err != nil {
		return domain.Account{}, err
	}
	var account domain.Account
	for range profileAttempts {
		err = s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
			account, err = s.updateProfile(ctx, tx, who.Account, c, username)
			return err
		})
		if c.Versions != nil || !errors.Is(err, ports.ErrStale) {
			break
		}
	}
	return account, explain(err)
}

func (c ProfileChange) check() (domain.Username, error) {
	var username domain.Username
	var fields []domain.FieldError
	if c.Username != nil && *c.Username != "" {
		var err error
		username, err = domain.ParseUsername(*c.Username)
		fields = append(fields, domain.FieldsOf(err)...)
		if username.IsReserved() {
			fields = append(fields, domain.FieldsOf(errReserved)...)
		}
	}
	if c.DisplayName != nil {
		fields = append(fields, domain.FieldsOf(domain.CheckDisplayName(*c.DisplayName))...)
	}
	if fields != nil {
		return domain.Username{}, domain.Invalid(fields...)
	}
	return username, nil
}

// updateProfile changes the account as it is now, provided that nothing happened
// since the caller was authenticated that ends the caller's token.
func (s *Service) updateProfile(ctx context.Context, tx ports.Tx, caller domain.Account, c ProfileChange, username domain.Username) (domain.Account, error) {
	account, err := tx.Accounts().ByID(ctx, caller.ID)
	if err != nil {
		return domain.Account{}, err
	}
	if !account.IsActive() || account.Version.AuthGeneration != caller.Version.AuthGeneration ||
		c.Versions != nil && !slices.Contains(c.Versions, account.Version.Profile) {
		return domain.Account{}, ports.ErrStale
	}
	from := account.Version
	var changed []string
	if c.DisplayName != nil && *c.DisplayName != account.DisplayName {
		account.DisplayName, changed = *c.DisplayName, append(changed, "display_name")
	}
	if c.Username != nil && username != account.Username {
		account.Username, changed = username, append(changed, "username")
	}
	if changed == nil {
		return account, nil
	}
	now := s.clock.Now()
	account.Version.Profile++
	account.UpdatedAt = domain.Instant(now)
	if err := tx.Accounts().Update(ctx, account, from); err != nil {
		return domain.Account{}, err
	}
	event := domain.NewAuditEvent(s.ids.New(), domain.ActorFrom(ctx), domain.AuditProfileChanged, account.ID, now,
		map[string]string{"fields": strings.Join(changed, " ")})
	return account, tx.Audit().Append(ctx, event)
}
