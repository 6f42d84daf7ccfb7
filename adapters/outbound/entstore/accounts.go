package entstore

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"entgo.io/ent/dialect/sql"

	"authserve/core/domain"
	"authserve/ent"
	"authserve/ent/account"
	"authserve/ports"
)

type accounts struct{ *tx }

var _ ports.Accounts = accounts{}

// Create implements ports.Accounts.
func (s accounts) Create(ctx context.Context, a domain.Account) error {
	w, err := s.write()
	if err != nil {
		return err
	}
	create := w.Account.Create().
		SetID(string(a.ID)).
		SetEmail(a.Email.Address).
		SetEmailCanonical(a.Email.Canonical).
		SetNillableUsername(optionalText(a.Username.Name)).
		SetNillableUsernameCanonical(optionalText(a.Username.Canonical)).
		SetDisplayName(a.DisplayName).
		SetLocale(a.Locale).
		SetStatus(string(a.Status)).
		SetRoles(convert[string](a.Roles)).
		SetNillableEmailVerifiedAt(optional(a.EmailVerifiedAt)).
		SetAuthGeneration(a.Version.AuthGeneration).
		SetCredentialVersion(a.Version.Credential).
		SetProfileVersion(a.Version.Profile).
		SetCreatedAt(domain.Instant(a.CreatedAt)).
		SetUpdatedAt(domain.Instant(a.UpdatedAt)).
		SetNillableLastLoginAt(optional(a.LastLoginAt))
	return s.attempt(ctx, primaryKey, func() error { return create.Exec(ctx) })
}

// ByID implements ports.Accounts.
func (s accounts) ByID(ctx context.Context, id domain.ID) (domain.Account, error) {
	return s.by(ctx, s.statements.accountByID, string(id))
}

// ByEmail implements ports.Accounts.
func (s accounts) ByEmail(ctx context.Context, canonical string) (domain.Account, error) {
	return s.by(ctx, s.statements.accountByEmail, canonical)
}

// ByUsername implements ports.Accounts.
func (s accounts) ByUsername(ctx context.Context, canonical string) (domain.Account, error) {
	return s.by(ctx, s.statements.accountByName, canonical)
}

func (s accounts) by(ctx context.Context, query, key string) (domain.Account, error) {
	row, err := s.account(ctx, query, key)
	if err != nil {
		return domain.Account{}, s.fault(ctx, err)
	}
	return accountOf(row), nil
}

// Search implements ports.Accounts. The columns compare byte by byte on every database
// (exactColumn in ent/schema), so what begins with a prefix is one range of an index.
func (s accounts) Search(ctx context.Context, search domain.AccountSearch, req domain.PageRequest) (domain.Page[domain.Account], error) {
	if !utf8.ValidString(search.Prefix) || strings.ContainsRune(search.Prefix, 0) {
		return domain.Page[domain.Account]{}, nil // no text begins like this, and PostgreSQL would refuse the question
	}
	column := account.FieldEmailCanonical
	if search.Order == domain.AccountsByUsername {
		column = account.FieldUsernameCanonical
	}
	// One lower bound: of two SQLite would begin at one of them and read on to the other.
	within := []*sql.Predicate{sql.GTE(column, search.Prefix)}
	if req.After != nil && req.After.Text >= search.Prefix {
		within[0] = sql.GT(column, req.After.Text)
	}
	if end := afterPrefix(search.Prefix); end != "" {
		within = append(within, sql.LT(column, end))
	}
	rows, err := s.client().Account.Query().
		Where(func(s *sql.Selector) { s.Where(sql.And(within...)).OrderBy(column) }).
		Limit(req.Limit + 1).
		All(ctx)
	if err != nil {
		return domain.Page[domain.Account]{}, s.fault(ctx, err)
	}
	return page(rows, req.Limit, accountOf, search.Order.Position), nil
}

// afterPrefix is the lowest text above all that begin with prefix, in the order of
// bytes; empty: there is none. It is valid UTF-8, since PostgreSQL takes nothing else.
func afterPrefix(prefix string) string {
	runes := []rune(prefix)
	for n := len(runes); n > 0; n-- {
		switch last := runes[n-1]; last {
		case utf8.MaxRune: // nothing above it: the one before it decides
			continue
		case surrogates - 1:
			return string(runes[:n-1]) + string(afterSurrogates)
		default:
			return string(runes[:n-1]) + string(last+1)
		}
	}
	return ""
}

// Between these there are no characters (RFC 3629 section 3).
const (
	surrogates      rune = 0xd800
	afterSurrogates rune = 0xe000
)

// Update implements ports.Accounts.
func (s accounts) Update(ctx context.Context, a domain.Account, from domain.AccountVersion) error {
	w, err := s.write()
	if err != nil {
		return err
	}
	update := w.Account.Update().
		Where(
			account.ID(string(a.ID)),
			account.AuthGeneration(from.AuthGeneration),
			account.CredentialVersion(from.Credential),
			account.ProfileVersion(from.Profile)).
		SetEmail(a.Email.Address).
		SetEmailCanonical(a.Email.Canonical).
		SetDisplayName(a.DisplayName).
		SetLocale(a.Locale).
		SetStatus(string(a.Status)).
		SetRoles(convert[string](a.Roles)).
		SetAuthGeneration(a.Version.AuthGeneration).
		SetCredentialVersion(a.Version.Credential).
		SetProfileVersion(a.Version.Profile).
		SetCreatedAt(domain.Instant(a.CreatedAt)).
		SetUpdatedAt(domain.Instant(a.UpdatedAt))
	if a.Username.IsZero() {
		update.ClearUsername().ClearUsernameCanonical()
	} else {
		update.SetUsername(a.Username.Name).SetUsernameCanonical(a.Username.Canonical)
	}
	if a.EmailVerifiedAt.IsZero() {
		update.ClearEmailVerifiedAt()
	} else {
		update.SetEmailVerifiedAt(domain.Instant(a.EmailVerifiedAt))
	}
	var changed int
	err = s.attempt(ctx, primaryKey, func() (err error) { changed, err = update.Save(ctx); return err })
	if err != nil {
		return err
	}
	return one(changed)
}

// RecordLogin implements ports.Accounts.
func (s accounts) RecordLogin(ctx context.Context, id domain.ID, authGeneration, credential int64, at time.Time) error {
	w, err := s.write()
	if err != nil {
		return err
	}
	changed, err := w.Account.Update().
		Where(
			account.ID(string(id)),
			account.AuthGeneration(authGeneration),
			account.CredentialVersion(credential)).
		SetLastLoginAt(domain.Instant(at)).
		Save(ctx)
	if err != nil {
		return s.fault(ctx, err)
	}
	return one(changed)
}

func accountOf(row *ent.Account) domain.Account {
	return domain.Account{
		ID:              domain.ID(row.ID),
		Email:           domain.Email{Address: row.Email, Canonical: row.EmailCanonical},
		Username:        domain.Username{Name: text(row.Username), Canonical: text(row.UsernameCanonical)},
		DisplayName:     row.DisplayName,
		Locale:          row.Locale,
		Status:          domain.AccountStatus(row.Status),
		Roles:           convert[domain.Role](row.Roles),
		EmailVerifiedAt: instant(row.EmailVerifiedAt),
		Version: domain.AccountVersion{
			AuthGeneration: row.AuthGeneration,
			Credential:     row.CredentialVersion,
			Profile:        row.ProfileVersion,
		},
		CreatedAt:   row.CreatedAt.UTC(),
		UpdatedAt:   row.UpdatedAt.UTC(),
		LastLoginAt: instant(row.LastLoginAt),
	}
}
