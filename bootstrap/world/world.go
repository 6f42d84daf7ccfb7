// Package world puts the core together over fakes, for tests of every layer: the
// true use cases, the true keyring and token codec, a store in memory (or any
// other), a clock that stands still, and a hasher that costs nothing.
package world

import (
	"context"
	"encoding/base64"
	"os"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric/noop"

	"authserve/adapters/outbound/cache"
	"authserve/adapters/outbound/jwt"
	"authserve/adapters/outbound/memlimit"
	"authserve/adapters/outbound/memstore"
	"authserve/adapters/outbound/seal"
	"authserve/core/account"
	"authserve/core/admin"
	"authserve/core/domain"
	"authserve/core/login"
	"authserve/core/session"
	"authserve/core/throttle"
	"authserve/core/token"
	"authserve/ports"
	"authserve/ports/fake"
)

// Settings of every world.
const (
	Issuer    = "https://auth.example"
	AccessTTL = 10 * time.Minute
	Leeway    = 30 * time.Second
	Grace     = 30 * time.Second
	Idle      = 14 * 24 * time.Hour
	Absolute  = 30 * 24 * time.Hour
	Sessions  = 20 // most per account
	Password  = "correct horse battery staple"
)

// World is one service without its edges.
type World struct {
	Clock     *fake.Clock
	IDs       *fake.IDs
	Random    *fake.Random
	Store     ports.Store
	Hasher    *fake.Hasher
	Breaches  *fake.Breaches
	Sealer    *seal.Keyring
	Codec     *jwt.Codec
	Tokens    *token.Service
	Sessions  *session.Service
	Logins    *login.Service
	Accounts  *account.Service
	Emails    *account.Emails
	Passwords *account.Passwords
	Owners    *account.Owners
	Throttle  *throttle.Service
	Limiter   *memlimit.Limiter
	Privacy   bool // of registration
	Verified  bool // addresses only may log in
	Admin     *admin.Service

	masterKeys []domain.Secret // active first
}

// Option changes what a world is made of.
type Option func(*World)

// WithStore replaces the store in memory.
func WithStore(s ports.Store) Option { return func(w *World) { w.Store = s } }

// WithPrivacy makes registration private.
func WithPrivacy() Option { return func(w *World) { w.Privacy = true } }

// WithVerifiedOnly makes login need a verified address.
func WithVerifiedOnly() Option { return func(w *World) { w.Verified = true } }

// New makes a world with signing keys. Every closure of its default store runs twice.
// It has the cache before it, as in the service, unless TEST_CACHE is off.
func New(t testing.TB, options ...Option) *World {
	t.Helper()
	w := &World{Limiter: memlimit.New(), Clock: fake.NewClock(fake.Epoch()), IDs: new(fake.IDs), Random: fake.NewRandom(1), Hasher: fake.NewHasher(), Breaches: fake.NewBreaches(), Codec: jwt.New()}
	for _, option := range options {
		option(w)
	}
	if w.Store == nil {
		w.Store = fake.Twice(cached(t, memstore.New(), w.Clock))
	}
	w.assemble(t)
	return w
}

func cached(t testing.TB, s ports.Store, clock ports.Clock) ports.Store {
	t.Helper()
	if os.Getenv("TEST_CACHE") == "off" {
		return s
	}
	c, err := cache.New(s, cache.Config{Entries: 100, TTL: time.Second, Stale: 30 * time.Second}, clock, noop.NewMeterProvider())
	if err != nil {
		t.Fatalf("cache: %v", err)
	}
	return c
}

// WithNewMasterKey returns the same world after somebody put a new master key above
// the old ones and started it again.
func (w *World) WithNewMasterKey(t testing.TB) *World {
	t.Helper()
	again := *w
	again.assemble(t)
	return &again
}

// assemble makes the keyring, with one new master key as the active one, and
// everything that depends on it.
func (w *World) assemble(t testing.TB) {
	t.Helper()
	fresh := domain.NewSecret(base64.StdEncoding.EncodeToString(w.Random.Bytes(32)))
	w.masterKeys = append([]domain.Secret{fresh}, w.masterKeys...)
	var err error
	if w.Sealer, err = seal.New(w.Random, w.masterKeys...); err != nil {
		t.Fatalf("keyring: %v", err)
	}
	w.Tokens = token.New(w.Store, w.Codec, w.Sealer, w.Clock, w.IDs, token.Config{
		Issuer: Issuer, Audience: Issuer, AccessTTL: AccessTTL, Leeway: Leeway, Algorithm: domain.EdDSA,
	})
	w.Sessions = session.New(w.Store, w.Tokens, w.Sealer, w.Clock, w.IDs, w.Random, session.Config{
		Limits: domain.SessionLimits{Idle: Idle, Absolute: Absolute, Grace: Grace}, MaxPerAccount: Sessions,
	})
	w.Throttle = throttle.New(w.Limiter, w.Sealer, w.Clock, throttle.Config{
		Policy:         domain.ThrottlePolicy{Free: 5, Max: domain.MaxFailures, Longest: 15 * time.Minute},
		Account:        domain.Rate{Name: "account", Burst: 90, Period: time.Minute},
		AccountNetwork: domain.Rate{Name: "account-network", Burst: 70, Period: time.Minute},
		Mail:           domain.Rate{Name: "mail", Burst: 20, Period: time.Hour},
		MailNetwork:    domain.Rate{Name: "mail-network", Burst: 5, Period: time.Hour},
	})
	w.Logins = login.New(w.Store, w.Hasher, w.Sessions, w.Throttle, w.Sealer, w.Clock, w.IDs, login.Config{RequireVerifiedEmail: w.Verified || w.Privacy, Privacy: w.Privacy})
	keeper := account.NewKeeper(w.Store, w.Hasher, w.Breaches, w.Throttle, w.Clock, w.IDs, domain.PasswordPolicy{MinLength: domain.DefaultPasswordMinimum})
	cfg := account.Config{Privacy: w.Privacy}
	w.Accounts = account.New(w.Store, keeper, w.Throttle, w.Sealer, w.Clock, w.IDs, cfg)
	w.Emails = account.NewEmails(w.Store, keeper, w.Sessions, w.Sealer, w.Clock, w.IDs, cfg)
	w.Passwords = account.NewPasswords(w.Store, keeper, w.Sessions, w.Throttle, w.Clock, w.IDs)
	w.Owners = account.NewOwners(w.Store, keeper, w.Clock, w.IDs)
	w.Admin = admin.New(w.Accounts)
	if err := w.Tokens.EnsureKeys(t.Context()); err != nil {
		t.Fatalf("signing keys: %v", err)
	}
}

// Register creates an account with Password.
func (w *World) Register(t testing.TB, email string) domain.Account {
	t.Helper()
	a, err := w.Accounts.Register(t.Context(), account.Registration{Email: email, Password: domain.NewSecret(Password)})
	if err != nil {
		t.Fatalf("register %s: %v", email, err)
	}
	return a
}

// Login logs an account of Register in.
func (w *World) Login(t testing.TB, email string) domain.TokenPair {
	t.Helper()
	granted, err := w.Logins.WithPassword(t.Context(), login.Attempt{Identifier: email, Password: domain.NewSecret(Password)})
	if err != nil {
		t.Fatalf("log in %s: %v", email, err)
	}
	return granted.TokenPair
}

// Audit returns the audited actions about the account, oldest first.
func (w *World) Audit(t testing.TB, subject domain.ID) []domain.AuditEvent {
	t.Helper()
	var events []domain.AuditEvent
	err := w.Store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		page, err := tx.Audit().List(ctx, domain.AuditFilter{Subject: subject}, domain.PageRequest{Limit: domain.MaxPageLimit})
		events = page.Items
		return err
	})
	if err != nil {
		t.Fatalf("read the audit log: %v", err)
	}
	for i, j := 0, len(events)-1; i < j; i, j = i+1, j-1 {
		events[i], events[j] = events[j], events[i]
	}
	return events
}
