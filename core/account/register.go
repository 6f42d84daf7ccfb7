package account

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// Service creates and changes accounts.
type Service struct {
	store    ports.Store
	hasher   ports.Hasher
	breaches ports.Breaches
	sealer   ports.Sealer
	clock    ports.Clock
	ids      ports.IDs
	policy   domain.PasswordPolicy
}

// New makes a service.
func New(store ports.Store, hasher ports.Hasher, breaches ports.Breaches, sealer ports.Sealer, clock ports.Clock, ids ports.IDs, policy domain.PasswordPolicy) *Service {
	return &Service{store: store, hasher: hasher, breaches: breaches, sealer: sealer, clock: clock, ids: ids, policy: policy}
}

// Registration is what somebody gives to get an account.
type Registration struct {
	Email          string
	Password       domain.Secret
	Username       *string // nil: none
	DisplayName    string
	IdempotencyKey string // empty: none
}

var (
	errEmailTaken    = domain.NewError(domain.KindConflict, domain.CodeEmailTaken, "An account with this e-mail address exists.")
	errUsernameTaken = domain.NewError(domain.KindConflict, domain.CodeUsernameTaken, "An account with this username exists.")
	errReserved      = domain.Invalid(domain.FieldError{Field: "username", Code: domain.CodeReserved, Message: "This username is reserved."})
	errKeyReused     = domain.NewError(domain.KindInvalid, domain.CodeIdempotencyMismatch, "This Idempotency-Key was used with another body.")
	errBreached      = domain.Invalid(domain.FieldError{Field: "password", Code: domain.CodeBreached, Message: "The password became public in a breach."})
	errCallUnderWay  = domain.NewError(domain.KindConflict, domain.CodeIdempotencyInFlight, "A call with this Idempotency-Key is under way.").WithRetryAfter(time.Second)
)

// scopeRegister keeps the keys of this call apart from those of others.
const scopeRegister = "register\x00anonymous\x00"

// Register creates an account for an anonymous caller. The same IdempotencyKey
// with the same body answers with the account that the first call created, for 24
// hours. Errors: domain.CodeValidation with a field each, domain.CodeEmailTaken,
// domain.CodeUsernameTaken, domain.CodeIdempotencyMismatch,
// domain.CodeIdempotencyInFlight.
func (s *Service) Register(ctx context.Context, r Registration) (domain.Account, error) {
	draft, fields := s.check(r)
	if draft.username.IsReserved() {
		fields = append(fields, domain.FieldsOf(errReserved)...)
	}
	if r.IdempotencyKey != "" {
		fields = append(fields, domain.FieldsOf(domain.CheckIdempotencyKey(r.IdempotencyKey))...)
	}
	if len(fields) > 0 {
		return domain.Account{}, domain.Invalid(fields...)
	}
	record, err := s.record(ctx, r)
	if err != nil {
		return domain.Account{}, err
	}
	return s.create(ctx, draft, []domain.Role{domain.RoleUser}, record)
}

// Create makes an account with the given roles for an operator, who may also give
// a reserved username. Errors: as Register.
func (s *Service) Create(ctx context.Context, r Registration, roles []domain.Role) (domain.Account, error) {
	draft, fields := s.check(r)
	if len(fields) > 0 {
		return domain.Account{}, domain.Invalid(fields...)
	}
	return s.create(ctx, draft, roles, nil)
}

// draft is a registration whose every field was found legal.
type draft struct {
	email       domain.Email
	username    domain.Username
	displayName string
	password    domain.Password
}

func (s *Service) check(r Registration) (draft, []domain.FieldError) {
	var d draft
	var errs [4]error
	d.email, errs[0] = domain.ParseEmail(r.Email)
	if r.Username != nil {
		d.username, errs[2] = domain.ParseUsername(*r.Username)
	}
	if errs[3] = domain.CheckDisplayName(r.DisplayName); errs[3] == nil {
		d.displayName = r.DisplayName
	}
	// Only legal values, which are short, are held against the password.
	d.password, errs[1] = domain.NewPassword(r.Password.Reveal(), s.policy, d.email.Address, d.username.Name, d.displayName)
	var fields []domain.FieldError
	for _, err := range errs {
		fields = append(fields, domain.FieldsOf(err)...)
	}
	return d, fields
}

func (s *Service) create(ctx context.Context, d draft, roles []domain.Role, record *domain.IdempotencyRecord) (domain.Account, error) {
	if earlier, found, err := s.lookBefore(ctx, d, record); err != nil || found {
		return earlier, err
	}
	if err := refuseBreached(ctx, s.breaches, d.password); err != nil {
		return domain.Account{}, err
	}
	hash, err := s.hasher.Hash(ctx, d.password)
	if err != nil {
		return domain.Account{}, err
	}
	now := s.clock.Now()
	account := domain.NewAccount(s.ids.New(), d.email, d.username, d.displayName, roles, now)
	err = s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		if record != nil {
			kept := *record
			kept.Resource, kept.CreatedAt, kept.ExpiresAt = account.ID, now, now.Add(domain.IdempotencyWindow)
			if err := tx.Idempotency().Create(ctx, kept); err != nil {
				return err
			}
		}
		if err := tx.Accounts().Create(ctx, account); err != nil {
			return err
		}
		credential := domain.Credential{AccountID: account.ID, Hash: hash, Version: account.Version.Credential, ChangedAt: now}
		if err := tx.Credentials().Create(ctx, credential); err != nil {
			return err
		}
		event := domain.NewAuditEvent(s.ids.New(), domain.ActorFrom(ctx), domain.AuditAccountCreated, account.ID, now, nil)
		return tx.Audit().Append(ctx, event)
	})
	return account, explain(err)
}

// refuseBreached asks whether the password became public in a breach. It comes after
// everything that this service can decide alone, a taken e-mail address and the
// answer to a repeated call included: the question tells the other side a few bits
// of the password, and most refusals do not need it. Nobody learns more by the order,
// since a taken address is answered as such. Where it cannot be told, registration
// goes on: that check must not be needed to register, and whoever guards the port
// counts the failure.
func refuseBreached(ctx context.Context, breaches ports.Breaches, p domain.Password) error {
	switch breached, err := breaches.Contains(ctx, p); {
	case breached:
		return errBreached
	case err != nil && ctx.Err() != nil: // the caller left, or has no time left
		return err
	default:
		return nil
	}
}

// lookBefore finds the account that a call with the same Idempotency-Key created,
// or spares the cost of a hash where the answer is a conflict already. It is one
// View, so that a call which commits meanwhile is seen with its key or not at all.
// The race is decided by the unique indexes.
func (s *Service) lookBefore(ctx context.Context, d draft, record *domain.IdempotencyRecord) (earlier domain.Account, found bool, err error) {
	err = s.store.View(ctx, func(ctx context.Context, tx ports.Tx) error {
		if record != nil {
			if earlier, found, err = s.earlier(ctx, tx, *record); err != nil || found {
				return err
			}
		}
		if _, err := tx.Accounts().ByEmail(ctx, d.email.Canonical); !errors.Is(err, ports.ErrNotFound) {
			return taken(err, errEmailTaken)
		}
		if d.username.IsZero() {
			return nil
		}
		if _, err := tx.Accounts().ByUsername(ctx, d.username.Canonical); !errors.Is(err, ports.ErrNotFound) {
			return taken(err, errUsernameTaken)
		}
		return nil
	})
	return earlier, found, err
}

func taken(err error, conflict *domain.Error) error {
	if err != nil {
		return err
	}
	return conflict
}

// explain turns the store's word for a conflict into the caller's.
func explain(err error) error {
	switch field, conflict := ports.ConflictField(err); {
	case !conflict:
		return err
	case field == "email":
		return errEmailTaken.Wrap(err)
	case field == "username":
		return errUsernameTaken.Wrap(err)
	case field == "key":
		return errCallUnderWay.Wrap(err)
	default:
		return err
	}
}

// record is what will be kept of the caller's Idempotency-Key; nil without one.
func (s *Service) record(ctx context.Context, r Registration) (*domain.IdempotencyRecord, error) {
	if r.IdempotencyKey == "" {
		return nil, nil
	}
	keyID := s.sealer.ActiveKey()
	key, err := s.sealer.MAC(ctx, ports.PurposeIdempotency, keyID, []byte(scopeRegister+r.IdempotencyKey))
	if err != nil {
		return nil, err
	}
	body, err := s.sealer.MAC(ctx, ports.PurposeIdempotency, keyID, r.canonical())
	if err != nil {
		return nil, err
	}
	return &domain.IdempotencyRecord{Key: key, Body: body}, nil
}

// canonical writes the registration so that two different ones never look alike:
// each field with its length before it.
func (r Registration) canonical() []byte {
	username, present := "", "0"
	if r.Username != nil {
		username, present = *r.Username, "1"
	}
	var out []byte
	for _, field := range []string{"body", r.Email, r.Password.Reveal(), present, username, r.DisplayName} {
		out = binary.BigEndian.AppendUint64(out, uint64(len(field)))
		out = append(out, field...)
	}
	return out
}

// earlier finds the account that the same key created before.
func (s *Service) earlier(ctx context.Context, tx ports.Tx, wanted domain.IdempotencyRecord) (domain.Account, bool, error) {
	record, err := tx.Idempotency().ByKey(ctx, wanted.Key)
	if errors.Is(err, ports.ErrNotFound) || err == nil && !s.clock.Now().Before(record.ExpiresAt) {
		return domain.Account{}, false, nil
	}
	if err != nil {
		return domain.Account{}, false, err
	}
	if subtle.ConstantTimeCompare(record.Body, wanted.Body) != 1 {
		return domain.Account{}, false, errKeyReused
	}
	account, err := tx.Accounts().ByID(ctx, record.Resource)
	return account, true, err
}
