package ports

import (
	"context"
	"time"

	"authserve/core/domain"
)

// UnsupportedAccounts implements Accounts; every method fails with ErrUnsupported.
type UnsupportedAccounts struct{}

var _ Accounts = UnsupportedAccounts{}

// Create implements Accounts.
func (UnsupportedAccounts) Create(context.Context, domain.Account) error { return ErrUnsupported }

// ByID implements Accounts.
func (UnsupportedAccounts) ByID(context.Context, domain.ID) (domain.Account, error) {
	return domain.Account{}, ErrUnsupported
}

// ByEmail implements Accounts.
func (UnsupportedAccounts) ByEmail(context.Context, string) (domain.Account, error) {
	return domain.Account{}, ErrUnsupported
}

// ByUsername implements Accounts.
func (UnsupportedAccounts) ByUsername(context.Context, string) (domain.Account, error) {
	return domain.Account{}, ErrUnsupported
}

// Search implements Accounts.
func (UnsupportedAccounts) Search(context.Context, domain.AccountSearch, domain.PageRequest) (domain.Page[domain.Account], error) {
	return domain.Page[domain.Account]{}, ErrUnsupported
}

// Update implements Accounts.
func (UnsupportedAccounts) Update(context.Context, domain.Account, domain.AccountVersion) error {
	return ErrUnsupported
}

// RecordLogin implements Accounts.
func (UnsupportedAccounts) RecordLogin(context.Context, domain.ID, int64, int64, time.Time) error {
	return ErrUnsupported
}

// UnsupportedCredentials implements Credentials; every method fails with
// ErrUnsupported.
type UnsupportedCredentials struct{}

var _ Credentials = UnsupportedCredentials{}

// Create implements Credentials.
func (UnsupportedCredentials) Create(context.Context, domain.Credential) error {
	return ErrUnsupported
}

// ByAccount implements Credentials.
func (UnsupportedCredentials) ByAccount(context.Context, domain.ID) (domain.Credential, error) {
	return domain.Credential{}, ErrUnsupported
}

// Replace implements Credentials.
func (UnsupportedCredentials) Replace(context.Context, domain.Credential, int64) error {
	return ErrUnsupported
}

// CountSettings implements Credentials.
func (UnsupportedCredentials) CountSettings(context.Context) ([]domain.SettingsCount, error) {
	return nil, ErrUnsupported
}

// UnsupportedSessions implements Sessions; every method fails with ErrUnsupported.
type UnsupportedSessions struct{}

var _ Sessions = UnsupportedSessions{}

// Create implements Sessions.
func (UnsupportedSessions) Create(context.Context, domain.Session) error { return ErrUnsupported }

// ByID implements Sessions.
func (UnsupportedSessions) ByID(context.Context, domain.ID) (domain.Session, error) {
	return domain.Session{}, ErrUnsupported
}

// ListActive implements Sessions.
func (UnsupportedSessions) ListActive(context.Context, domain.ID, time.Time, int, domain.PageRequest) (domain.Page[domain.Session], error) {
	return domain.Page[domain.Session]{}, ErrUnsupported
}

// SeenFrom implements Sessions.
func (UnsupportedSessions) SeenFrom(context.Context, domain.ID, string, string) (bool, error) {
	return false, ErrUnsupported
}

// Advance implements Sessions.
func (UnsupportedSessions) Advance(context.Context, domain.Session, domain.RefreshPosition) error {
	return ErrUnsupported
}

// End implements Sessions.
func (UnsupportedSessions) End(context.Context, domain.ID, domain.EndReason, time.Time) (bool, error) {
	return false, ErrUnsupported
}

// EndAll implements Sessions.
func (UnsupportedSessions) EndAll(context.Context, domain.ID, domain.ID, domain.EndReason, time.Time) (int, error) {
	return 0, ErrUnsupported
}

// Purge implements Sessions.
func (UnsupportedSessions) Purge(context.Context, time.Time, int) (int, error) {
	return 0, ErrUnsupported
}

// UnsupportedKeys implements Keys; every method fails with ErrUnsupported.
type UnsupportedKeys struct{}

var _ Keys = UnsupportedKeys{}

// List implements Keys.
func (UnsupportedKeys) List(context.Context) ([]domain.SigningKey, error) {
	return nil, ErrUnsupported
}

// Create implements Keys.
func (UnsupportedKeys) Create(context.Context, domain.SigningKey) error { return ErrUnsupported }

// SetState implements Keys.
func (UnsupportedKeys) SetState(context.Context, domain.ID, domain.KeyState, domain.KeyState, time.Time) error {
	return ErrUnsupported
}

// Delete implements Keys.
func (UnsupportedKeys) Delete(context.Context, domain.ID) error { return ErrUnsupported }

// UnsupportedOutbox implements Outbox; every method fails with ErrUnsupported.
type UnsupportedOutbox struct{}

var _ Outbox = UnsupportedOutbox{}

// Enqueue implements Outbox.
func (UnsupportedOutbox) Enqueue(context.Context, domain.Message) error { return ErrUnsupported }

// Claim implements Outbox.
func (UnsupportedOutbox) Claim(context.Context, time.Time, time.Time, int) ([]domain.Message, error) {
	return nil, ErrUnsupported
}

// Sent implements Outbox.
func (UnsupportedOutbox) Sent(context.Context, domain.ID, int, time.Time) error {
	return ErrUnsupported
}

// Retry implements Outbox.
func (UnsupportedOutbox) Retry(context.Context, domain.ID, int, time.Time, string) error {
	return ErrUnsupported
}

// Return implements Outbox.
func (UnsupportedOutbox) Return(context.Context, domain.ID, int, time.Time) error {
	return ErrUnsupported
}

// Abandon implements Outbox.
func (UnsupportedOutbox) Abandon(context.Context, domain.ID, int, time.Time, string) error {
	return ErrUnsupported
}

// Purge implements Outbox.
func (UnsupportedOutbox) Purge(context.Context, time.Time, int) (int, error) {
	return 0, ErrUnsupported
}
