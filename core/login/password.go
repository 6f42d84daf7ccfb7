package login

import (
	"context"
	"errors"
	"strings"

	"authserve/core/domain"
	"authserve/core/session"
	"authserve/ports"
)

// Service logs accounts in.
type Service struct {
	store    ports.Store
	hasher   ports.Hasher
	sessions *session.Service
	clock    ports.Clock
	ids      ports.IDs
}

// New makes a service.
func New(store ports.Store, hasher ports.Hasher, sessions *session.Service, clock ports.Clock, ids ports.IDs) *Service {
	return &Service{store: store, hasher: hasher, sessions: sessions, clock: clock, ids: ids}
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
	password, possible := domain.PresentedPassword(a.Password.Reveal())
	match, needsRehash, err := s.hasher.Verify(ctx, password, credential.Hash)
	if err != nil {
		return domain.TokenPair{}, err
	}
	if !match || !possible || !account.IsActive() {
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
		s.rehash(ctx, password, credential)
	}
	return pair, err
}

// find returns the account and its credential. For an identifier that nobody has
// it returns a zero account, which is not active, and a dummy hash, at the same
// cost.
func (s *Service) find(ctx context.Context, identifier string) (domain.Account, domain.Credential, error) {
	var account domain.Account
	var credential domain.Credential
	err := s.store.View(ctx, func(ctx context.Context, tx ports.Tx) error {
		var err error
		account, err = byIdentifier(ctx, tx, identifier)
		if errors.Is(err, ports.ErrNotFound) {
			account = domain.Account{}
		} else if err != nil {
			return err
		}
		credential, err = tx.Credentials().ByAccount(ctx, account.ID)
		if errors.Is(err, ports.ErrNotFound) {
			credential = domain.Credential{Hash: s.hasher.Dummy()}
			return nil
		}
		return err
	})
	return account, credential, err
}

func byIdentifier(ctx context.Context, tx ports.Tx, identifier string) (domain.Account, error) {
	if strings.Contains(identifier, "@") {
		email, err := domain.ParseEmail(identifier)
		if err != nil {
			return domain.Account{}, ports.ErrNotFound
		}
		return tx.Accounts().ByEmail(ctx, email.Canonical)
	}
	username, err := domain.ParseUsername(identifier)
	if err != nil {
		return domain.Account{}, ports.ErrNotFound
	}
	return tx.Accounts().ByUsername(ctx, username.Canonical)
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

// rehash stores the password anew under the present settings. The login has
// succeeded already, so a failure changes nothing: the next login tries again.
// The write is conditional, so it never undoes a password change.
func (s *Service) rehash(ctx context.Context, password domain.Password, credential domain.Credential) {
	hash, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return
	}
	_ = s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		fresh := credential
		fresh.Hash = hash
		if err := tx.Credentials().Replace(ctx, fresh, credential.Version); err != nil {
			return err
		}
		event := domain.NewAuditEvent(s.ids.New(), domain.ActorFrom(ctx), domain.AuditPasswordRehashed, credential.AccountID, s.clock.Now(), nil)
		return tx.Audit().Append(ctx, event)
	})
}
