package account

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"time"

	"authserve/core/domain"
	"authserve/core/throttle"
	"authserve/ports"
)

// Config says what registering reveals.
type Config struct {
	// Privacy hides that an address has an account: registering answers the same either
	// way, and who has the account is told by mail.
	Privacy bool
}

// Service creates and changes accounts.
type Service struct {
	store    ports.Store
	keeper   *Keeper
	throttle *throttle.Service
	sealer   ports.Sealer
	clock    ports.Clock
	ids      ports.IDs
	cfg      Config
}

// New makes a service.
func New(store ports.Store, keeper *Keeper, throttles *throttle.Service, sealer ports.Sealer, clock ports.Clock, ids ports.IDs, cfg Config) *Service {
	return &Service{store: store, keeper: keeper, throttle: throttles, sealer: sealer, clock: clock, ids: ids, cfg: cfg}
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
	errCallUnderWay  = domain.NewError(domain.KindConflict, domain.CodeIdempotencyInFlight, "A call with this Idempotency-Key is under way.").WithRetryAfter(time.Second)
)

// scopeRegister keeps the keys of this call apart from those of others.
const scopeRegister = "register\x00anonymous\x00"

// Register creates an account for an anonymous caller, and mails a link to verify the
// address. The same IdempotencyKey with the same body answers with the account that
// the first call created, for 24 hours. Where registration is private, no account is
// returned, and an address that is taken is no error: whoever has it is told by mail.
// Errors: domain.CodeValidation with a field each, domain.CodeEmailTaken,
// domain.CodeUsernameTaken, domain.CodeIdempotencyMismatch,
// domain.CodeIdempotencyInFlight, domain.CodeTooManyAttempts.
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
	if s.cfg.Privacy {
		return domain.Account{}, s.registerPrivately(ctx, draft, record)
	}
	if earlier, found, err := s.lookBefore(ctx, draft, record); err != nil || found {
		return earlier, err
	}
	if err := s.throttle.Mail(ctx, domain.MessageVerifyEmail, draft.email.Canonical); err != nil {
		return domain.Account{}, err
	}
	hash, err := s.keeper.hash(ctx, draft.password)
	if err != nil {
		return domain.Account{}, err
	}
	return s.create(ctx, draft, []domain.Role{domain.RoleUser}, hash, record, domain.MessageVerifyEmail)
}

// Create makes an account with the given roles for an operator, who may also give a
// reserved username, and mails nothing. Errors: as Register.
func (s *Service) Create(ctx context.Context, r Registration, roles []domain.Role) (domain.Account, error) {
	draft, fields := s.check(r)
	if len(fields) > 0 {
		return domain.Account{}, domain.Invalid(fields...)
	}
	if _, _, err := s.lookBefore(ctx, draft, nil); err != nil {
		return domain.Account{}, err
	}
	hash, err := s.keeper.hash(ctx, draft.password)
	if err != nil {
		return domain.Account{}, err
	}
	return s.create(ctx, draft, roles, hash, nil)
}

// draft is a registration whose every field was found legal.
type draft struct {
	email       domain.Email
	username    domain.Username
	displayName string
	password    domain.Password
	hold        hold
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
	d.password, errs[1] = domain.NewPassword(r.Password.Reveal(), s.keeper.policy, d.email.Address, d.username.Name, d.displayName)
	var fields []domain.FieldError
	for _, err := range errs {
		fields = append(fields, domain.FieldsOf(err)...)
	}
	return d, fields
}

// create writes the account, and a message of each kind to its owner.
func (s *Service) create(ctx context.Context, d draft, roles []domain.Role, hash domain.PasswordHash, record *domain.IdempotencyRecord, tell ...domain.MessageKind) (domain.Account, error) {
	now := s.clock.Now()
	account := domain.NewAccount(s.ids.New(), d.email, d.username, d.displayName, roles, now)
	err := s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		if err := keep(ctx, tx, record, account.ID, now); err != nil {
			return err
		}
		if err := d.hold.refuse(ctx, tx, now); err != nil {
			return err
		}
		if err := tx.Accounts().Create(ctx, account); err != nil {
			return err
		}
		// After the row: one that can be taken back was given up before this one stands.
		if err := refuseHeld(ctx, tx, account.Email, account.ID, now); err != nil {
			return err
		}
		credential := domain.Credential{AccountID: account.ID, Hash: hash, Version: account.Version.Credential, ChangedAt: now}
		if err := tx.Credentials().Create(ctx, credential); err != nil {
			return err
		}
		for _, kind := range tell {
			if err := tx.Outbox().Enqueue(ctx, domain.NewMessage(s.ids.New(), kind, account, nil, now)); err != nil {
				return err
			}
		}
		event := domain.NewAuditEvent(s.ids.New(), domain.ActorFrom(ctx), domain.AuditAccountCreated, account.ID, now, nil)
		return tx.Audit().Append(ctx, event)
	})
	if err != nil {
		return domain.Account{}, explain(err)
	}
	return account, nil
}

// keep writes the record of a keyed call that created the resource; nil is none.
func keep(ctx context.Context, tx ports.Tx, record *domain.IdempotencyRecord, resource domain.ID, now time.Time) error {
	if record == nil {
		return nil
	}
	kept := *record
	kept.Resource, kept.CreatedAt, kept.ExpiresAt = resource, now, now.Add(domain.IdempotencyWindow)
	return tx.Idempotency().Create(ctx, kept)
}

// refuseHeld refuses an address that another account can take back: otherwise a thief
// who changed an account's address could keep its owner from undoing that.
func refuseHeld(ctx context.Context, tx ports.Tx, email domain.Email, own domain.ID, now time.Time) error {
	switch holder, err := tx.OneTimeTokens().Holder(ctx, email.Canonical, now); {
	case errors.Is(err, ports.ErrNotFound):
		return nil
	case err != nil:
		return err
	case holder != own:
		return errEmailTaken
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
		if err := refuseTaken(ctx, tx, d.email, "", s.clock.Now()); err != nil {
			return err
		}
		return s.refuseUsername(ctx, tx, d.username, d.hold)
	})
	return earlier, found, err
}

func (s *Service) refuseUsername(ctx context.Context, tx ports.Tx, username domain.Username, held hold) error {
	if username.IsZero() {
		return nil
	}
	if err := held.refuse(ctx, tx, s.clock.Now()); err != nil {
		return err
	}
	_, err := tx.Accounts().ByUsername(ctx, username.Canonical)
	switch {
	case errors.Is(err, ports.ErrNotFound):
		return nil
	case err != nil:
		return err
	default:
		return errUsernameTaken
	}
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
	resource, found, err := s.recorded(ctx, tx, wanted)
	if err != nil || !found {
		return domain.Account{}, false, err
	}
	account, err := tx.Accounts().ByID(ctx, resource)
	return account, true, err
}

// recorded finds what the same key created before. Errors: errKeyReused when it came
// with another body.
func (s *Service) recorded(ctx context.Context, tx ports.Tx, wanted domain.IdempotencyRecord) (domain.ID, bool, error) {
	record, err := tx.Idempotency().ByKey(ctx, wanted.Key)
	switch {
	case errors.Is(err, ports.ErrNotFound) || err == nil && !s.clock.Now().Before(record.ExpiresAt):
		return "", false, nil
	case err != nil:
		return "", false, err
	case subtle.ConstantTimeCompare(record.Body, wanted.Body) != 1:
		return "", false, errKeyReused
	default:
		return record.Resource, true, nil
	}
}
