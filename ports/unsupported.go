package ports

import (
	"context"
	"time"

	"authserve/core/domain"
)

// Unsupported implements Tx with stores whose every method fails with
// ErrUnsupported. A third-party store embeds it in its own Tx, so that it still
// compiles when Tx grows, and declares the gap to the conformance suite. The
// stores can be embedded one by one too, for an aggregate that grows.
type Unsupported struct{}

var _ Tx = Unsupported{}

// Accounts implements Tx.
func (Unsupported) Accounts() Accounts { return UnsupportedAccounts{} }

// Credentials implements Tx.
func (Unsupported) Credentials() Credentials { return UnsupportedCredentials{} }

// Sessions implements Tx.
func (Unsupported) Sessions() Sessions { return UnsupportedSessions{} }

// Keys implements Tx.
func (Unsupported) Keys() Keys { return UnsupportedKeys{} }

// Outbox implements Tx.
func (Unsupported) Outbox() Outbox { return UnsupportedOutbox{} }

// Audit implements Tx.
func (Unsupported) Audit() Audit { return UnsupportedAudit{} }

// Idempotency implements Tx.
func (Unsupported) Idempotency() Idempotency { return UnsupportedIdempotency{} }

// Guards implements Tx.
func (Unsupported) Guards() Guards { return UnsupportedGuards{} }

// Imports implements Tx.
func (Unsupported) Imports() Imports { return UnsupportedImports{} }

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

// UnsupportedAudit implements Audit; every method fails with ErrUnsupported.
type UnsupportedAudit struct{}

var _ Audit = UnsupportedAudit{}

// Append implements Audit.
func (UnsupportedAudit) Append(context.Context, domain.AuditEvent) error { return ErrUnsupported }

// List implements Audit.
func (UnsupportedAudit) List(context.Context, domain.AuditFilter, domain.PageRequest) (domain.Page[domain.AuditEvent], error) {
	return domain.Page[domain.AuditEvent]{}, ErrUnsupported
}

// UnsupportedIdempotency implements Idempotency; every method fails with
// ErrUnsupported.
type UnsupportedIdempotency struct{}

var _ Idempotency = UnsupportedIdempotency{}

// ByKey implements Idempotency.
func (UnsupportedIdempotency) ByKey(context.Context, []byte) (domain.IdempotencyRecord, error) {
	return domain.IdempotencyRecord{}, ErrUnsupported
}

// Create implements Idempotency.
func (UnsupportedIdempotency) Create(context.Context, domain.IdempotencyRecord) error {
	return ErrUnsupported
}

// Purge implements Idempotency.
func (UnsupportedIdempotency) Purge(context.Context, time.Time, int) (int, error) {
	return 0, ErrUnsupported
}

// UnsupportedGuards implements Guards; every method fails with ErrUnsupported.
type UnsupportedGuards struct{}

var _ Guards = UnsupportedGuards{}

// Read implements Guards.
func (UnsupportedGuards) Read(context.Context, string) (int64, error) { return 0, ErrUnsupported }

// Advance implements Guards.
func (UnsupportedGuards) Advance(context.Context, string, int64) error { return ErrUnsupported }

// UnsupportedImports implements Imports; every method fails with ErrUnsupported.
type UnsupportedImports struct{}

var _ Imports = UnsupportedImports{}

// Taken implements Imports.
func (UnsupportedImports) Taken(context.Context, []string, []string) (domain.TakenIdentifiers, error) {
	return domain.TakenIdentifiers{}, ErrUnsupported
}

// Create implements Imports.
func (UnsupportedImports) Create(context.Context, []domain.ImportedAccount) error {
	return ErrUnsupported
}
