package httpapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"authserve/adapters/inbound/httpapi"
	"authserve/adapters/inbound/httpkit"
	"authserve/adapters/outbound/jwt"
	"authserve/adapters/outbound/memlimit"
	"authserve/adapters/outbound/memstore"
	"authserve/adapters/outbound/seal"
	"authserve/core/account"
	"authserve/core/delivery"
	"authserve/core/domain"
	"authserve/core/login"
	"authserve/core/session"
	"authserve/core/throttle"
	"authserve/core/token"
	"authserve/ports"
	"authserve/ports/fake"
)

const (
	issuer   = "https://auth.example"
	audience = "https://api.example"
	email    = "Ada@Example.org"
	password = "correct horse battery staple"
)

func tokenConfig() token.Config {
	return token.Config{Issuer: issuer, Audience: audience, AccessTTL: 10 * time.Minute, Leeway: 30 * time.Second, Algorithm: domain.ES256}
}

// world is the API over the true services in memory.
type world struct {
	*httpkit.Router
	store  *fake.BrokenStore
	hasher *fake.Hasher
	clock  *fake.Clock
	ring   *seal.Keyring
	tokens *token.Service
	reader *metric.ManualReader
	logs   *observer.ObservedLogs
	health http.HandlerFunc
	relay  *delivery.Relay
	mailer *fake.Mailer
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOf(t, account.Config{}, login.Config{})
}

func newWorldOf(t testing.TB, accounts account.Config, logins login.Config) *world {
	t.Helper()
	random, ids := fake.NewRandom(1), &fake.IDs{}
	keyring, err := seal.New(random, domain.NewSecret(base64.StdEncoding.EncodeToString(random.Bytes(32))))
	if err != nil {
		t.Fatalf("seal.New: %v", err)
	}
	core, logs := observer.New(zap.DebugLevel)
	w := &world{
		store: fake.Broken(fake.Twice(memstore.New())), hasher: fake.NewHasher(), clock: fake.NewClock(fake.Epoch()),
		ring: keyring, reader: metric.NewManualReader(), logs: logs,
		mailer: new(fake.Mailer),
	}
	w.relay = delivery.New(w.store, w.mailer, fake.Letters{}, keyring, w.clock, random, delivery.Config{
		Batch: 100, Lease: time.Minute, Attempts: 3, FirstPause: time.Second, LongestPause: time.Minute,
	})
	w.tokens = token.New(w.store, jwt.New(), keyring, w.clock, ids, tokenConfig())
	if err := w.tokens.EnsureKeys(t.Context()); err != nil {
		t.Fatalf("EnsureKeys: %v", err)
	}
	sessions := session.New(w.store, w.tokens, keyring, w.clock, ids, random, session.Config{
		Limits:        domain.SessionLimits{Idle: 14 * 24 * time.Hour, Absolute: 30 * 24 * time.Hour, Grace: 30 * time.Second},
		MaxPerAccount: 20,
	})
	meters := metric.NewMeterProvider(metric.WithReader(w.reader))
	w.Router, err = httpkit.New(httpkit.Config{Issuer: issuer, RequestTimeout: time.Minute}, httpkit.Deps{
		Logger: zap.New(core), Tracers: trace.NewTracerProvider(), Meters: meters, Clock: w.clock, IDs: ids, Limiter: memlimit.New(),
	})
	if err != nil {
		t.Fatalf("httpkit.New: %v", err)
	}
	throttles := throttle.New(memlimit.New(), keyring, w.clock, throttle.Config{
		Policy:         domain.ThrottlePolicy{Free: 5, Max: domain.MaxFailures, Longest: 15 * time.Minute},
		Account:        domain.Rate{Name: "account", Burst: 90, Period: time.Minute},
		AccountNetwork: domain.Rate{Name: "account-network", Burst: 70, Period: time.Minute},
		Mail:           domain.Rate{Name: "mail", Burst: 20, Period: time.Hour},
		MailNetwork:    domain.Rate{Name: "mail-network", Burst: 5, Period: time.Hour},
	})
	keeper := account.NewKeeper(w.store, w.hasher, fake.NewBreaches(), throttles, w.clock, ids, domain.PasswordPolicy{MinLength: domain.DefaultPasswordMinimum})
	err = httpapi.Mount(w.Router, httpapi.Services{
		Accounts:  account.New(w.store, keeper, throttles, keyring, w.clock, ids, accounts),
		Emails:    account.NewEmails(w.store, keeper, sessions, keyring, w.clock, ids, accounts),
		Passwords: account.NewPasswords(w.store, keeper, sessions, throttles, w.clock, ids),
		Owners:    account.NewOwners(w.store, keeper, w.clock, ids),
		Logins:    login.New(w.store, w.hasher, sessions, throttles, keyring, w.clock, ids, logins),
		Sessions:  sessions,
		Tokens:    w.tokens,
	}, httpapi.Config{Issuer: issuer, PrivateRegistration: accounts.Privacy}, httpapi.Deps{
		Sealer: keyring, Meters: meters, Limits: wideLimits(),
		Health: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.health(rw, r) }),
	})
	if err != nil {
		t.Fatalf("Mount: %v", err)
	}
	return w
}

// mails delivers what is due and returns every letter so far. Their texts are the
// tokens of their links.
func (w *world) mails(t testing.TB) []domain.Letter {
	t.Helper()
	if _, err := w.relay.Deliver(t.Context()); err != nil {
		t.Fatalf("deliver: %v", err)
	}
	return w.mailer.Sent()
}

// token is that of the newest letter of the kind to the address.
func (w *world) token(t testing.TB, kind domain.MessageKind, to string) string {
	t.Helper()
	letters := w.mails(t)
	for i := len(letters) - 1; i >= 0; i-- {
		if letters[i].Kind == kind && letters[i].To == to {
			return letters[i].Text
		}
	}
	t.Fatalf("no letter %s to %s among %v", kind, to, letters)
	return ""
}

// answer is a response as tests look at it.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// code is the code of a problem document, else empty.
func (a answer) code() string {
	var p struct {
		Code string `json:"code"`
	}
	if a.header.Get("Content-Type") != "application/problem+json" || json.Unmarshal(a.body, &p) != nil {
		return ""
	}
	return p.Code
}

func (a answer) fields(t testing.TB) map[string]string {
	t.Helper()
	var p struct {
		Errors []struct{ Field, Code string }
	}
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	fields := map[string]string{}
	for _, e := range p.Errors {
		fields[e.Field] = e.Code
	}
	return fields
}

func decode[T any](t testing.TB, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return v
}

// option changes a request.
type option func(*http.Request)

func bearer(token string) option { return header("Authorization", "Bearer "+token) }

func header(name, value string) option {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

// call sends a request; every answer is held to the contract.
func (w *world) call(t testing.TB, method, target, body string, options ...option) answer {
	t.Helper()
	r := httptest.NewRequestWithContext(context.Background(), method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, o := range options {
		o(r)
	}
	return w.send(t, r)
}

func (w *world) send(t testing.TB, r *http.Request) answer {
	t.Helper()
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	res := rec.Result()
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	a := answer{status: res.StatusCode, header: res.Header, body: bytes.Clone(body)}
	checkContract(t, r, a)
	if cookies := res.Cookies(); len(cookies) != 0 {
		t.Errorf("%s %s sets %v", r.Method, r.URL.Path, cookies)
	}
	return a
}

// hashOf is the stored hash of an account's password.
func (w *world) hashOf(t testing.TB, id string) (hash string, err error) {
	t.Helper()
	err = w.store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		credential, err := tx.Credentials().ByAccount(ctx, domain.ID(id))
		hash = credential.Hash.Reveal()
		return err
	})
	return hash, err
}

type user struct {
	ID            string    `json:"id"`
	Email         string    `json:"email"`
	EmailVerified bool      `json:"email_verified"`
	Username      *string   `json:"username"`
	DisplayName   string    `json:"display_name"`
	Roles         []string  `json:"roles"`
	CreatedAt     time.Time `json:"created_at"`
}

type tokens struct {
	Access           string `json:"access_token"`
	Type             string `json:"token_type"`
	ExpiresIn        int    `json:"expires_in"`
	Refresh          string `json:"refresh_token"`
	RefreshExpiresIn int    `json:"refresh_expires_in"`
	SessionID        string `json:"session_id"`
}

func jsonOf(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const (
	pathRegister = "/api/v1/auth/register"
	pathLogin    = "/api/v1/auth/login"
	pathRefresh  = "/api/v1/auth/refresh"
	pathLogout   = "/api/v1/auth/logout"
	pathMe       = "/api/v1/users/me"
	pathSessions = "/api/v1/users/me/sessions"
)

func (w *world) register(t testing.TB) user {
	t.Helper()
	a := w.call(t, http.MethodPost, pathRegister, jsonOf(t, map[string]string{"email": email, "password": password, "username": "ada"}))
	if a.status != http.StatusCreated {
		t.Fatalf("register: got %d %s", a.status, a.body)
	}
	return decode[struct{ User user }](t, a).User
}

func (w *world) login(t testing.TB, options ...option) tokens {
	t.Helper()
	a := w.call(t, http.MethodPost, pathLogin, jsonOf(t, map[string]string{"identifier": email, "password": password}), options...)
	if a.status != http.StatusOK {
		t.Fatalf("login: got %d %s", a.status, a.body)
	}
	return decode[tokens](t, a)
}

func (w *world) refresh(t testing.TB, refresh string, options ...option) answer {
	t.Helper()
	return w.call(t, http.MethodPost, pathRefresh, jsonOf(t, map[string]string{"refresh_token": refresh}), options...)
}
