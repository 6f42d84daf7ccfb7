package login

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"authserve/core/domain"
	"authserve/core/session"
	"authserve/ports"
)

// Service logs accounts in.
type Service struct {
	store    ports.Store
	hasher   ports.Hasher
	sessions *session.Service
	sealer   ports.Sealer
	clock    ports.Clock
	ids      ports.IDs

	mix      atomic.Pointer[mix]
	outdated atomic.Bool // a login met settings that mix lacks
	pending  chan rehash
}

// New makes a service.
func New(store ports.Store, hasher ports.Hasher, sessions *session.Service, sealer ports.Sealer, clock ports.Clock, ids ports.IDs) *Service {
	return &Service{
		store: store, hasher: hasher, sessions: sessions, sealer: sealer, clock: clock, ids: ids,
		pending: make(chan rehash, maxPending),
	}
}

// Attempt is a claim to be the owner of an account.
type Attempt struct {
	Identifier string // e-mail address or username
	Password   domain.Secret
}

// methodPassword is the `amr` value of a password (RFC 8176 section 2).
const methodPassword = "pwd"

// staleAttempts is how often a login is tried whose account changed while the
// password was being checked.
const staleAttempts = 2

var errInvalidCredentials = domain.NewError(domain.KindUnauthenticated, domain.CodeInvalidCredentials, "The identifier or the password is wrong.")

// WithPassword logs in by password and grants a session. Errors:
// domain.CodeInvalidCredentials for an unknown identifier, a wrong password and a
// disabled account alike; domain.CodeValidation when a field is missing.
func (s *Service) WithPassword(ctx context.Context, a Attempt) (domain.TokenPair, error) {
	if err := a.check(); err != nil {
		return domain.TokenPair{}, err
	}
	var err error
	for range staleAttempts {
		var pair domain.TokenPair
		if pair, err = s.withPassword(ctx, a); !errors.Is(err, ports.ErrStale) {
			return pair, err
		}
	}
	return domain.TokenPair{}, errInvalidCredentials.Wrap(err)
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

func (s *Service) withPassword(ctx context.Context, a Attempt) (domain.TokenPair, error) {
	account, credential, err := s.find(ctx, a.Identifier)
	if err != nil {
		return domain.TokenPair{}, err
	}
	password := domain.PresentedPassword(a.Password.Reveal())
	match, needsRehash, err := s.hasher.Verify(ctx, password, credential.Hash)
	if err != nil {
		return domain.TokenPair{}, err
	}
	if !match || !account.IsActive() {
		if err := s.recordFailure(ctx, account.ID); err != nil {
			return domain.TokenPair{}, err
		}
		return domain.TokenPair{}, errInvalidCredentials
	}
	granted, err := s.grant(ctx, account)
	if err != nil {
		return domain.TokenPair{}, err
	}
	pair, err := s.sessions.Issue(ctx, account, granted)
	if err == nil && needsRehash {
		s.postpone(ctx, password, credential)
	}
	return pair, err
}

// find returns the account and its credential. For an identifier that nobody has
// it returns a zero account, which is not active, and a dummy hash, at the same
// cost.
func (s *Service) find(ctx context.Context, given string) (domain.Account, domain.Credential, error) {
	id := parseIdentifier(given)
	dummy, err := s.dummy(ctx, id)
	if err != nil {
		return domain.Account{}, domain.Credential{}, err
	}
	var account domain.Account
	var credential domain.Credential
	found := false
	err = s.store.View(ctx, func(ctx context.Context, tx ports.Tx) error {
		var err error
		account, err = id.account(ctx, tx)
		if errors.Is(err, ports.ErrNotFound) {
			account = domain.Account{}
		} else if err != nil {
			return err
		}
		credential, err = tx.Credentials().ByAccount(ctx, account.ID)
		found = err == nil
		if errors.Is(err, ports.ErrNotFound) {
			credential = domain.Credential{Hash: dummy}
			return nil
		}
		return err
	})
	if err == nil && found {
		s.meet(domain.SettingsOf(credential.Hash))
	}
	return account, credential, err
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

func (s *Service) recordFailure(ctx context.Context, subject domain.ID) error {
	return s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		event := domain.NewAuditEvent(s.ids.New(), domain.ActorFrom(ctx), domain.AuditLoginFailed, subject, s.clock.Now(), nil)
		return tx.Audit().Append(ctx, event)
	})
}

// grant commits the login. Errors: ErrStale when the password or the generation
// changed since the account was read.
func (s *Service) grant(ctx context.Context, account domain.Account) (domain.Session, error) {
	var granted domain.Session
	err := s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		now := s.clock.Now()
		if err := tx.Accounts().RecordLogin(ctx, account.ID, account.Version.AuthGeneration, account.Version.Credential, now); err != nil {
			return err
		}
		if granted, err = s.sessions.Grant(ctx, tx, account, []string{methodPassword}); err != nil {
			return err
		}
		event := domain.NewAuditEvent(s.ids.New(), domain.ActorFrom(ctx), domain.AuditLoginSucceeded, account.ID, now,
			map[string]string{"session_id": string(granted.ID), "method": methodPassword})
		return tx.Audit().Append(ctx, event)
	})
	return granted, err
}
