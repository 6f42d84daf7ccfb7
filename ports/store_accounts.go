package ports

import (
	"context"
	"time"

	"authserve/core/domain"
)

// Accounts keeps accounts. E-mail addresses and usernames are unique by their
// canonical forms; accounts without a username do not collide.
type Accounts interface {
	// Create adds a. Errors: Conflict("email"), Conflict("username"),
	// Conflict("id"). When both e-mail and username are taken, either is named.
	Create(ctx context.Context, a domain.Account) error
	// ByID returns the account. Errors: ErrNotFound.
	ByID(ctx context.Context, id domain.ID) (domain.Account, error)
	// ByEmail finds by domain.Email.Canonical. Errors: ErrNotFound.
	ByEmail(ctx context.Context, canonical string) (domain.Account, error)
	// ByUsername finds by domain.Username.Canonical. Errors: ErrNotFound.
	ByUsername(ctx context.Context, canonical string) (domain.Account, error)
	// Search returns the accounts that search asks for, in its order. Pages follow
	// one another by Position.Text; its cost does not grow with the number of accounts
	// that are not returned.
	Search(ctx context.Context, search domain.AccountSearch, page domain.PageRequest) (domain.Page[domain.Account], error)
	// Update replaces the account a.ID, all but LastLoginAt, where its version is
	// still from. Errors:
	// ErrStale when the version differs or the account is gone, Conflict as Create.
	Update(ctx context.Context, a domain.Account, from domain.AccountVersion) error
	// RecordLogin sets LastLoginAt where authGeneration and credential are still
	// the account's. Since it writes the row, logins of one account come one after
	// the other until their transactions end. Errors: ErrStale.
	RecordLogin(ctx context.Context, id domain.ID, authGeneration, credential int64, at time.Time) error
}

// Credentials keeps one password per account.
type Credentials interface {
	// Create adds c. Errors: Conflict("account_id") when the account has one,
	// ErrNotFound when there is no such account.
	Create(ctx context.Context, c domain.Credential) error
	// ByAccount returns the credential. Errors: ErrNotFound.
	ByAccount(ctx context.Context, accountID domain.ID) (domain.Credential, error)
	// Replace writes c where the kept version is still from. A re-hash of the same
	// password keeps the version. Errors: ErrStale.
	Replace(ctx context.Context, c domain.Credential, from int64) error
	// CountSettings counts the credentials by the settings of their hashes
	// (domain.SettingsOf), in the order of their bytes. It takes longer the more
	// credentials there are.
	CountSettings(ctx context.Context) ([]domain.SettingsCount, error)
}
