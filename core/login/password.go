package login

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"authserve/core/domain"
	"authserve/core/session"
	"authserve/core/throttle"
	"authserve/ports"
)

// Config says who may log in.
type Config struct {
	// RequireVerifiedEmail refuses accounts whose address nobody has proved to read.
	RequireVerifiedEmail bool
	// Privacy, where registration has it, refuses them like a wrong password: otherwise
	// who registers a stranger's address and logs in with that password would learn
	// whether the registration made an account, and so whether there had been one.
	Privacy bool
}

// Service logs accounts in.
type Service struct {
	store    ports.Store
	hasher   ports.Hasher
	sessions *session.Service
	throttle *throttle.Service
	sealer   ports.Sealer
	devices  devices
	clock    ports.Clock
	ids      ports.IDs
	cfg      Config

	mix      atomic.Pointer[mix]
	outdated atomic.Bool // a login met settings that mix lacks
	pending  chan rehash
}

// New makes a service.
func New(store ports.Store, hasher ports.Hasher, sessions *session.Service, throttles *throttle.Service, sealer ports.Sealer, clock ports.Clock, ids ports.IDs, cfg Config) *Service {
	return &Service{
		store: store, hasher: hasher, sessions: sessions, throttle: throttles, sealer: sealer, devices: devices{sealer: sealer},
		clock: clock, ids: ids, cfg: cfg,
		pending: make(chan rehash, maxPending),
	}
}

// Attempt is a claim to be the owner of an account.
type Attempt struct {
	Identifier string // e-mail address or username
	Password   domain.Secret
	Device     domain.Secret // of an earlier Granted on the same device; zero: none
}

// Granted is what a login gives.
type Granted struct {
	domain.TokenPair
	Device domain.Secret // by which this device is known at the account's next login on it
}

// methodPassword is the `amr` value of a password (RFC 8176 section 2).
const methodPassword = "pwd"

// staleAttempts is how often a login is tried whose account changed while the
// password was being checked.
const staleAttempts = 2

var (
	errInvalidCredentials = domain.NewError(domain.KindUnauthenticated, domain.CodeInvalidCredentials, "The identifier or the password is wrong.")
	errNotVerified        = domain.NewError(domain.KindForbidden, domain.CodeEmailNotVerified, "The e-mail address of the account must be verified first.")
)

// WithPassword logs in by password and grants a session. Errors:
// domain.CodeInvalidCredentials for an unknown identifier, a wrong password and a
// disabled account alike; domain.CodeTooManyAttempts after failures, likewise for all
// of them; domain.CodeEmailNotVerified for who knows the password;
// domain.CodeValidation when a field is missing.
func (s *Service) WithPassword(ctx context.Context, a Attempt) (Granted, error) {
	if err := a.check(); err != nil {
		return Granted{}, err
	}
	var err error
	for range staleAttempts {
		var granted Granted
		if granted, err = s.withPassword(ctx, a); !errors.Is(err, ports.ErrStale) {
			return granted, err
		}
	}
	return Granted{}, errInvalidCredentials.Wrap(err)
}

func (a Attempt) check() error {
	var missing []domain.FieldError
	if a.Identifier == "" {
		missing = append(missing, domain.FieldError{Field: "identifier", Code: domain.CodeRequired, Message: "An e-mail address or username is required."})
	}
	if a.Password.IsZero() {
		missing = append(missing, domain.FieldError{Field: "password", Code: domain.CodeRequired, Message: "A password is required."})
	}
	if missing != nil {
		return domain.Invalid(missing...)
	}
	return nil
}

func (s *Service) withPassword(ctx context.Context, a Attempt) (Granted, error) {
	f, err := s.find(ctx, a)
	if err != nil {
		return Granted{}, err
	}
	attempt, err := s.throttle.Begin(ctx, f.count)
	if err != nil {
		return Granted{}, err
	}
	password := domain.PresentedPassword(a.Password.Reveal())
	match, needsRehash, err := s.hasher.Verify(ctx, password, f.credential.Hash)
	if err == nil && (!match || !f.account.IsActive() || s.cfg.Privacy && !f.account.EmailVerified()) {
		return Granted{}, s.refuse(ctx, f.account.ID, attempt)
	}
	defer s.throttle.Refund(ctx, attempt) // whatever comes now, nobody guessed wrong
	switch {
	case err != nil:
		return Granted{}, err
	case s.cfg.RequireVerifiedEmail && !f.account.EmailVerified():
		return Granted{}, s.refuseUnverified(ctx, f.account.ID, attempt)
	}
	session, err := s.grant(ctx, f, attempt)
	if err != nil {
		return Granted{}, err
	}
	granted, err := s.issue(ctx, f, session)
	if err == nil && needsRehash {
		s.postpone(ctx, password, f.credential)
	}
	return granted, err
}

// found is what an identifier led to. For one that nobody has it is a zero account,
// which is not active, and a dummy hash, at the same cost.
type found struct {
	account    domain.Account
	credential domain.Credential
	device     domain.ID // empty: the account does not know it
	count      throttle.Count
}

// class is the one that failures are counted in.
func (f found) class(id identifier) throttle.Class {
	switch {
	case f.account.ID == "":
		return throttle.OfIdentifier(id.canonical)
	case f.device != "":
		return throttle.OfDevice(f.account, f.device)
	default:
		return throttle.OfAccount(f.account.ID)
	}
}

func (s *Service) find(ctx context.Context, a Attempt) (found, error) {
	id := parseIdentifier(a.Identifier)
	dummy, err := s.dummy(ctx, id)
	if err != nil {
		return found{}, err
	}
	presented, err := s.devices.open(ctx, a.Device, s.clock.Now())
	if err != nil {
		return found{}, err
	}
	var f found
	stored := false
	err = s.store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		f = found{}
		if f.account, err = id.account(ctx, tx); errors.Is(err, ports.ErrNotFound) {
			f.account = domain.Account{}
		} else if err != nil {
			return err
		}
		if presented.account == f.account.ID {
			f.device = presented.id
		}
		f.credential, err = tx.Credentials().ByAccount(ctx, f.account.ID)
		stored = err == nil
		if errors.Is(err, ports.ErrNotFound) {
			f.credential = domain.Credential{Hash: dummy}
		} else if err != nil {
			return err
		}
		f.count, err = s.throttle.Read(ctx, tx, f.class(id))
		return err
	})
	if err == nil && stored {
		s.meet(domain.SettingsOf(f.credential.Hash))
	}
	return f, err
}

// identifier is what somebody typed to say who they are, in its canonical form.
type identifier struct {
	canonical string
	find      func(ports.Accounts, context.Context, string) (domain.Account, error) // nil: nobody can have it
}

func parseIdentifier(given string) identifier {
	if strings.Contains(given, "@") {
		if email, err := domain.ParseEmail(given); err == nil {
			return identifier{canonical: email.Canonical, find: ports.Accounts.ByEmail}
		}
	} else if username, err := domain.ParseUsername(given); err == nil {
		return identifier{canonical: username.Canonical, find: ports.Accounts.ByUsername}
	}
	return identifier{canonical: given}
}

func (i identifier) account(ctx context.Context, tx ports.Tx) (domain.Account, error) {
	if i.find == nil {
		return domain.Account{}, ports.ErrNotFound
	}
	return i.find(tx.Accounts(), ctx, i.canonical)
}

// refuse counts and audits a failure; subject is empty where nobody has the identifier.
func (s *Service) refuse(ctx context.Context, subject domain.ID, attempt throttle.Attempt) error {
	var counted domain.Throttle
	err := s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		if counted, err = s.throttle.Fail(ctx, tx, attempt); err != nil {
			return err
		}
		var detail map[string]string
		if s.throttle.Closes(counted) {
			detail = map[string]string{"reason": "last_attempt"}
		}
		return s.audit(ctx, tx, domain.AuditLoginFailed, subject, detail)
	})
	if err != nil {
		return err
	}
	return s.throttle.Refusal(counted, errInvalidCredentials)
}

// refuseUnverified answers who knows the password of an account that nobody verified.
func (s *Service) refuseUnverified(ctx context.Context, subject domain.ID, attempt throttle.Attempt) error {
	err := s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		if err := s.throttle.Succeed(ctx, tx, attempt); err != nil {
			return err
		}
		return s.audit(ctx, tx, domain.AuditLoginFailed, subject, map[string]string{"reason": string(domain.CodeEmailNotVerified)})
	})
	if err != nil {
		return err
	}
	return errNotVerified
}

// grant commits the login. Errors: ErrStale when the password or the generation
// changed since the account was read, domain.CodeTooManyAttempts.
func (s *Service) grant(ctx context.Context, f found, attempt throttle.Attempt) (domain.Session, error) {
	var granted domain.Session
	err := s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		now, version := s.clock.Now(), f.account.Version
		if err := tx.Accounts().RecordLogin(ctx, f.account.ID, version.AuthGeneration, version.Credential, now); err != nil {
			return err
		}
		if err := s.throttle.Succeed(ctx, tx, attempt); err != nil {
			return err
		}
		if err := s.tellOfDevice(ctx, tx, f, now); err != nil {
			return err
		}
		if granted, err = s.sessions.Grant(ctx, tx, f.account, []string{methodPassword}); err != nil {
			return err
		}
		return s.audit(ctx, tx, domain.AuditLoginSucceeded, f.account.ID, map[string]string{"session_id": string(granted.ID), "method": methodPassword})
	})
	return granted, err
}

// issue makes what is answered: the session's tokens, and a fresh one of the device.
func (s *Service) issue(ctx context.Context, f found, session domain.Session) (Granted, error) {
	pair, err := s.sessions.Issue(ctx, f.account, session)
	if err != nil {
		return Granted{}, err
	}
	known := device{account: f.account.ID, id: f.device}
	if known.id == "" {
		known.id = s.ids.New()
	}
	token, err := s.devices.make(ctx, known, s.clock.Now())
	return Granted{TokenPair: pair, Device: token}, err
}

func (s *Service) audit(ctx context.Context, tx ports.Tx, action domain.AuditAction, subject domain.ID, detail map[string]string) error {
	return tx.Audit().Append(ctx, domain.NewAuditEvent(s.ids.New(), domain.ActorFrom(ctx), action, subject, s.clock.Now(), detail))
}
