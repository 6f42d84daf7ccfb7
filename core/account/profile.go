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
	Locale      *string // nil: as it is; empty: the service's own
	// Versions are the versions of the profile that the change may be made to; nil:
	// any.
	Versions []int64
}

// profileAttempts is how often a change is tried where another write to the account
// came between reading and writing.
const profileAttempts = 3

// UpdateProfile changes the caller's own profile and returns the account as it is
// then. A change that changes nothing writes nothing. Errors: domain.CodeValidation
// with a field each, domain.CodeUsernameTaken, domain.CodeStale when the profile has
// none of the versions, domain.CodeSessionEnded when the caller's token is void by now.
func (s *Service) UpdateProfile(ctx context.Context, who domain.Identity, c ProfileChange) (domain.Account, error) {
	username, err := c.check()
	if err != nil {
		return domain.Account{}, err
	}
	held, err := s.holdOf(ctx, username)
	if err != nil {
		return domain.Account{}, err
	}
	var account domain.Account
	for range profileAttempts {
		err = s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
			account, err = s.updateProfile(ctx, tx, who, c, username, held)
			return err
		})
		if !errors.Is(err, ports.ErrStale) {
			break
		}
	}
	switch {
	case errors.Is(err, errOtherVersion):
		return domain.Account{}, ports.ErrStale
	case errors.Is(err, ports.ErrStale): // it kept losing
		return domain.Account{}, ports.ErrUnavailable.Wrap(err)
	case err != nil:
		return domain.Account{}, explain(err)
	default:
		return account, nil
	}
}

// errOtherVersion becomes ErrStale, of which the store speaks where trying again helps.
var errOtherVersion = errors.New("the profile has another version")

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
	if c.Locale != nil {
		fields = append(fields, domain.FieldsOf(domain.CheckLocale(*c.Locale))...)
	}
	if fields != nil {
		return domain.Username{}, domain.Invalid(fields...)
	}
	return username, nil
}

// updateProfile changes the account as it is now, provided that nothing happened
// since the caller was authenticated that ends the caller's token.
func (s *Service) updateProfile(ctx context.Context, tx ports.Tx, who domain.Identity, c ProfileChange, username domain.Username, held hold) (domain.Account, error) {
	account, _, err := currentOf(ctx, tx, who, s.clock.Now())
	if err != nil {
		return domain.Account{}, err
	}
	if c.Versions != nil && !slices.Contains(c.Versions, account.Version.Profile) {
		return domain.Account{}, errOtherVersion
	}
	from := account.Version
	var changed []string
	if c.DisplayName != nil && *c.DisplayName != account.DisplayName {
		account.DisplayName, changed = *c.DisplayName, append(changed, "display_name")
	}
	if c.Locale != nil && *c.Locale != account.Locale {
		account.Locale, changed = *c.Locale, append(changed, "locale")
	}
	if c.Username != nil && username != account.Username {
		if err := held.refuse(ctx, tx, s.clock.Now()); err != nil {
			return domain.Account{}, err
		}
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
