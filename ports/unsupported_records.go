package ports

import (
	"context"
	"time"

	"authserve/core/domain"
)

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

// UnsupportedOneTimeTokens implements OneTimeTokens; every method fails with
// ErrUnsupported.
type UnsupportedOneTimeTokens struct{}

var _ OneTimeTokens = UnsupportedOneTimeTokens{}

// Put implements OneTimeTokens.
func (UnsupportedOneTimeTokens) Put(context.Context, domain.OneTimeToken) error {
	return ErrUnsupported
}

// ByHash implements OneTimeTokens.
func (UnsupportedOneTimeTokens) ByHash(context.Context, []byte) (domain.OneTimeToken, error) {
	return domain.OneTimeToken{}, ErrUnsupported
}

// Spend implements OneTimeTokens.
func (UnsupportedOneTimeTokens) Spend(context.Context, []byte) error { return ErrUnsupported }

// EndAll implements OneTimeTokens.
func (UnsupportedOneTimeTokens) EndAll(context.Context, domain.ID, ...domain.TokenPurpose) (int, error) {
	return 0, ErrUnsupported
}

// ListByAccount implements OneTimeTokens.
func (UnsupportedOneTimeTokens) ListByAccount(context.Context, domain.ID) ([]domain.OneTimeToken, error) {
	return nil, ErrUnsupported
}

// Holder implements OneTimeTokens.
func (UnsupportedOneTimeTokens) Holder(context.Context, string, time.Time) (domain.ID, error) {
	return "", ErrUnsupported
}

// Purge implements OneTimeTokens.
func (UnsupportedOneTimeTokens) Purge(context.Context, time.Time, int) (int, error) {
	return 0, ErrUnsupported
}

// UnsupportedThrottles implements Throttles; every method fails with ErrUnsupported.
type UnsupportedThrottles struct{}

var _ Throttles = UnsupportedThrottles{}

// ByKey implements Throttles.
func (UnsupportedThrottles) ByKey(context.Context, []byte) (domain.Throttle, error) {
	return domain.Throttle{}, ErrUnsupported
}

// Fail implements Throttles.
func (UnsupportedThrottles) Fail(context.Context, []byte, time.Time) (domain.Throttle, error) {
	return domain.Throttle{}, ErrUnsupported
}

// Clear implements Throttles.
func (UnsupportedThrottles) Clear(context.Context, []byte) error { return ErrUnsupported }

// Purge implements Throttles.
func (UnsupportedThrottles) Purge(context.Context, time.Time, int) (int, error) {
	return 0, ErrUnsupported
}

// UnsupportedErasures implements Erasures; every method fails with ErrUnsupported.
type UnsupportedErasures struct{}

var _ Erasures = UnsupportedErasures{}

// Erase implements Erasures.
func (UnsupportedErasures) Erase(context.Context, domain.ID, domain.AccountVersion, time.Time) error {
	return ErrUnsupported
}

// ByAccount implements Erasures.
func (UnsupportedErasures) ByAccount(context.Context, domain.ID) (domain.Erasure, error) {
	return domain.Erasure{}, ErrUnsupported
}

// Pending implements Erasures.
func (UnsupportedErasures) Pending(context.Context, int) ([]domain.Erasure, error) {
	return nil, ErrUnsupported
}

// Anonymise implements Erasures.
func (UnsupportedErasures) Anonymise(context.Context, domain.ID, int) (int, error) {
	return 0, ErrUnsupported
}

// Finish implements Erasures.
func (UnsupportedErasures) Finish(context.Context, domain.ID, time.Time) error {
	return ErrUnsupported
}

// Unverified implements Erasures.
func (UnsupportedErasures) Unverified(context.Context, time.Time, int) ([]domain.Account, error) {
	return nil, ErrUnsupported
}

// UnsupportedAuditChain implements AuditChain; every method fails with ErrUnsupported.
type UnsupportedAuditChain struct{}

var _ AuditChain = UnsupportedAuditChain{}

// Head implements AuditChain.
func (UnsupportedAuditChain) Head(context.Context) (head, anchor domain.AuditHead, err error) {
	return domain.AuditHead{}, domain.AuditHead{}, ErrUnsupported
}

// Unchained implements AuditChain.
func (UnsupportedAuditChain) Unchained(context.Context, int) ([]domain.AuditEvent, error) {
	return nil, ErrUnsupported
}

// Link implements AuditChain.
func (UnsupportedAuditChain) Link(context.Context, []domain.AuditLink, domain.AuditHead, int64) error {
	return ErrUnsupported
}

// Read implements AuditChain.
func (UnsupportedAuditChain) Read(context.Context, int64, int) ([]domain.ChainedEvent, error) {
	return nil, ErrUnsupported
}

// Prune implements AuditChain.
func (UnsupportedAuditChain) Prune(context.Context, domain.AuditHead, int64) (int, error) {
	return 0, ErrUnsupported
}

// UnsupportedPersonalData implements PersonalData; every method fails with
// ErrUnsupported.
type UnsupportedPersonalData struct{}

var _ PersonalData = UnsupportedPersonalData{}

// Sessions implements PersonalData.
func (UnsupportedPersonalData) Sessions(context.Context, domain.ID, domain.PageRequest) (domain.Page[domain.Session], error) {
	return domain.Page[domain.Session]{}, ErrUnsupported
}

// Messages implements PersonalData.
func (UnsupportedPersonalData) Messages(context.Context, domain.ID, domain.PageRequest) (domain.Page[domain.Message], error) {
	return domain.Page[domain.Message]{}, ErrUnsupported
}
