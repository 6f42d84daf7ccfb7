package entstore

import (
	"context"
	"encoding/json"
	"errors"

	entsql "entgo.io/ent/dialect/sql"

	"authserve/core/domain"
	"authserve/ent"
	"authserve/ent/account"
	"authserve/ent/auditevent"
	"authserve/ent/credential"
	"authserve/ent/predicate"
	"authserve/ports"
)

type imports struct{ *tx }

var _ ports.Imports = imports{}

// Taken implements ports.Imports.
func (s imports) Taken(ctx context.Context, emails, usernames []string) (domain.TakenIdentifiers, error) {
	if max(len(emails), len(usernames)) > domain.MaxImportBatch {
		return domain.TakenIdentifiers{}, ports.ErrBatchTooLarge
	}
	taken := domain.TakenIdentifiers{Emails: map[string]domain.ID{}, Usernames: map[string]domain.ID{}}
	byEmail, err := s.owners(ctx, account.EmailCanonicalIn(emails...))
	if err != nil {
		return domain.TakenIdentifiers{}, err
	}
	for _, row := range byEmail {
		taken.Emails[row.EmailCanonical] = domain.ID(row.ID)
	}
	byUsername, err := s.owners(ctx, account.UsernameCanonicalIn(usernames...))
	if err != nil {
		return domain.TakenIdentifiers{}, err
	}
	for _, row := range byUsername {
		taken.Usernames[text(row.UsernameCanonical)] = domain.ID(row.ID)
	}
	return taken, nil
}

// owners are the accounts that have one of some unique values.
func (s imports) owners(ctx context.Context, have predicate.Account) ([]*ent.Account, error) {
	rows, err := s.client().Account.Query().Where(have).
		Select(account.FieldID, account.FieldEmailCanonical, account.FieldUsernameCanonical).
		All(ctx)
	return rows, s.fault(ctx, err)
}

// Create implements ports.Imports with one statement for each table: with Ent's own
// inserts it takes nearly twice as long.
func (s imports) Create(ctx context.Context, batch []domain.ImportedAccount) error {
	if _, err := s.write(); err != nil {
		return err
	}
	if len(batch) > domain.MaxImportBatch {
		return ports.ErrBatchTooLarge
	}
	if len(batch) == 0 {
		return nil
	}
	return s.deny(s.allOrNothing(ctx, func() error {
		if err := s.insertAccounts(ctx, batch); err != nil {
			return err
		}
		if err := s.insertCredentials(ctx, batch); err != nil {
			return err
		}
		return s.insertEvents(ctx, batch)
	}))
}

// allOrNothing takes back what fn wrote when it fails.
func (s imports) allOrNothing(ctx context.Context, fn func() error) error {
	if err := s.exec(ctx, "SAVEPOINT batch"); err != nil {
		return s.translate(ctx, err)
	}
	failure := fn()
	if failure == nil {
		return s.translate(ctx, s.exec(ctx, "RELEASE SAVEPOINT batch"))
	}
	if domain.KindOf(failure) == domain.KindUnavailable {
		return failure // and the transaction with it
	}
	if err := s.exec(ctx, "ROLLBACK TO SAVEPOINT batch"); err != nil {
		return s.translate(ctx, errors.Join(err, failure))
	}
	return failure
}

// insertAccounts has the longest of the statements: at domain.MaxImportBatch it has
// less than half of the 32,766 arguments that SQLite takes.
func (s imports) insertAccounts(ctx context.Context, batch []domain.ImportedAccount) error {
	into := s.insertInto(account.Table).Columns(
		account.FieldID, account.FieldEmail, account.FieldEmailCanonical,
		account.FieldUsername, account.FieldUsernameCanonical, account.FieldDisplayName, account.FieldLocale,
		account.FieldStatus, account.FieldRoles, account.FieldEmailVerifiedAt,
		account.FieldAuthGeneration, account.FieldCredentialVersion, account.FieldProfileVersion,
		account.FieldCreatedAt, account.FieldUpdatedAt, account.FieldLastLoginAt)
	for _, imported := range batch {
		a := imported.Account
		roles, err := json.Marshal(convert[string](a.Roles))
		if err != nil {
			return err
		}
		into.Values(
			string(a.ID), a.Email.Address, a.Email.Canonical,
			optionalText(a.Username.Name), optionalText(a.Username.Canonical), a.DisplayName, a.Locale,
			string(a.Status), json.RawMessage(roles), optional(a.EmailVerifiedAt),
			a.Version.AuthGeneration, a.Version.Credential, a.Version.Profile,
			domain.Instant(a.CreatedAt), domain.Instant(a.UpdatedAt), optional(a.LastLoginAt))
	}
	query, args := into.Query()
	return s.translate(ctx, s.exec(ctx, query, args...))
}

func (s imports) insertCredentials(ctx context.Context, batch []domain.ImportedAccount) error {
	into := s.insertInto(credential.Table).Columns(
		credential.FieldID, credential.FieldPasswordHash, credential.FieldSettings,
		credential.FieldVersion, credential.FieldChangedAt)
	rows := 0
	for _, imported := range batch {
		if c, ok := imported.Credential(); ok {
			into.Values(
				string(c.AccountID), c.Hash.Reveal(), domain.SettingsOf(c.Hash),
				c.Version, domain.Instant(c.ChangedAt))
			rows++
		}
	}
	if rows == 0 {
		return nil
	}
	query, args := into.Query()
	return s.translateKey(ctx, s.exec(ctx, query, args...), "account_id")
}

func (s imports) insertEvents(ctx context.Context, batch []domain.ImportedAccount) error {
	into := s.insertInto(auditevent.Table).Columns(
		auditevent.FieldID, auditevent.FieldAt,
		auditevent.FieldActorKind, auditevent.FieldActorID, auditevent.FieldActorSessionID,
		auditevent.FieldActorIP, auditevent.FieldActorUserAgent, auditevent.FieldCorrelationID,
		auditevent.FieldAction, auditevent.FieldSubject, auditevent.FieldDetail)
	for _, imported := range batch {
		e := imported.Event
		detail, err := json.Marshal(e.Detail)
		if err != nil {
			return err
		}
		into.Values(
			string(e.ID), domain.Instant(e.At),
			string(e.Actor.Kind), e.Actor.ID, string(e.Actor.SessionID),
			e.Actor.IP, e.Actor.UserAgent, e.Actor.CorrelationID,
			string(e.Action), string(e.Subject), json.RawMessage(detail))
	}
	query, args := into.Query()
	return s.translate(ctx, s.exec(ctx, query, args...))
}

func (s imports) insertInto(table string) *entsql.InsertBuilder {
	return entsql.Dialect(s.engine.dialect()).Insert(table)
}
