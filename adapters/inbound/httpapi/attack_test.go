package httpapi_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"authserve/adapters/outbound/jwt"
	"authserve/core/domain"
	"authserve/core/token"
	"authserve/ports"
	"authserve/ports/fake"
)

// parts returns header and claims of a token.
func parts(t testing.TB, token string) (header, claims map[string]any) {
	t.Helper()
	for i, target := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, target); err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

func forge(t testing.TB, method gojwt.SigningMethod, key any, header, claims map[string]any) string {
	t.Helper()
	token := gojwt.NewWithClaims(method, gojwt.MapClaims(claims))
	maps.Copy(token.Header, header)
	token.Header["alg"] = method.Alg()
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func with(m map[string]any, key string, value any) map[string]any {
	m = maps.Clone(m)
	m[key] = value
	return m
}

func TestForgedTokensAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	pair := w.login(t)
	head, claims := parts(t, pair.Access)
	keys, err := w.tokens.PublicKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var public []byte
	for _, k := range keys {
		if string(k.ID) == head["kid"] {
			public = k.Public
		}
	}
	own, err := ecdsa.GenerateKey(elliptic.P256(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ownPublic, err := x509.MarshalPKIXPublicKey(&own.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	pemOf := func(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}) }
	segments := strings.Split(pair.Access, ".")
	rewritten := base64.RawURLEncoding.EncodeToString([]byte(jsonOf(t, with(claims, "roles", []string{"admin"}))))
	for name, token := range map[string]string{
		"none":                       forge(t, gojwt.SigningMethodNone, gojwt.UnsafeAllowNoneSignatureType, head, claims),
		"no signature":               segments[0] + "." + segments[1] + ".",
		"claims rewritten":           segments[0] + "." + rewritten + "." + segments[2],
		"HS256 with the DER key":     forge(t, gojwt.SigningMethodHS256, public, head, claims),
		"HS256 with the PEM key":     forge(t, gojwt.SigningMethodHS256, pemOf(public), head, claims),
		"key of the attacker":        forge(t, gojwt.SigningMethodES256, own, head, claims),
		"unknown kid":                forge(t, gojwt.SigningMethodES256, own, with(head, "kid", "0190d3b0-6f1e-7c51-9d2b-0a3f5e6d7c81"), claims),
		"kid as path":                forge(t, gojwt.SigningMethodES256, own, with(head, "kid", "../../dev/null"), claims),
		"no kid":                     forge(t, gojwt.SigningMethodES256, own, with(head, "kid", nil), claims),
		"jwk in the header":          forge(t, gojwt.SigningMethodES256, own, with(head, "jwk", map[string]any{"kty": "EC", "x5c": ownPublic}), claims),
		"jku in the header":          forge(t, gojwt.SigningMethodES256, own, with(head, "jku", "https://evil.example/jwks.json"), claims),
		"critical header":            forge(t, gojwt.SigningMethodES256, own, with(head, "crit", []string{"exp"}), claims),
		"another typ":                forge(t, gojwt.SigningMethodES256, own, with(head, "typ", "JWT"), claims),
		"four parts":                 pair.Access + ".x",
		"huge":                       strings.Repeat("a", 9<<10),
		"refresh token":              pair.Refresh,
		"not a token":                "x",
		"dots":                       "..",
		"null header":                "bnVsbA." + segments[1] + "." + segments[2],
		"signature of other padding": segments[0] + "." + segments[1] + "." + segments[2] + "A",
	} {
		got := w.call(t, http.MethodGet, pathMe, "", bearer(token))
		if got.status != 401 || got.code() != "invalid_token" || got.header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
	}
}

// Tokens signed with the service's own keys, under other settings.
func TestGenuineTokensForOthersAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	pair := w.login(t)
	_, claims := parts(t, pair.Access)
	var account domain.Account
	var session domain.Session
	err := w.store.View(t.Context(), func(ctx context.Context, tx ports.Tx) (err error) {
		if account, err = tx.Accounts().ByID(ctx, domain.ID(fmt.Sprint(claims["sub"]))); err != nil {
			return err
		}
		session, err = tx.Sessions().ByID(ctx, domain.ID(pair.SessionID))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(*token.Config, *domain.Account, *domain.Session)
		code   string
	}{
		"unchanged":          {func(*token.Config, *domain.Account, *domain.Session) {}, ""},
		"another issuer":     {func(c *token.Config, _ *domain.Account, _ *domain.Session) { c.Issuer = "https://auth.example/" }, "invalid_token"},
		"another audience":   {func(c *token.Config, _ *domain.Account, _ *domain.Session) { c.Audience = "https://other.example" }, "invalid_token"},
		"another generation": {func(_ *token.Config, a *domain.Account, _ *domain.Session) { a.Version.AuthGeneration++ }, "invalid_token"},
		"no such session": {func(_ *token.Config, _ *domain.Account, s *domain.Session) {
			s.ID = fake.Session(9, fake.Account(9)).ID
		}, "session_ended"},
		"no such account": {func(_ *token.Config, a *domain.Account, _ *domain.Session) { a.ID = fake.Account(9).ID }, "session_ended"},
	} {
		cfg, owner, granted := tokenConfig(), account, session
		tt.change(&cfg, &owner, &granted)
		minted, _, err := token.New(w.store, jwt.New(), w.ring, w.clock, &fake.IDs{}, cfg).Mint(t.Context(), owner, granted)
		if err != nil {
			t.Fatal(err)
		}
		got := w.call(t, http.MethodGet, pathMe, "", bearer(minted.Reveal()))
		if got.code() != tt.code || (tt.code == "") != (got.status == 200) {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
	}
}

func TestTokensOutsideOfTheirTime(t *testing.T) {
	t.Parallel()
	const ttl, leeway = 10 * time.Minute, 30 * time.Second
	for _, tt := range []struct {
		name string
		move time.Duration
		code string
	}{
		{"in time", ttl - time.Second, ""},
		{"inside the leeway", ttl + leeway - time.Second, ""},
		{"outside the leeway", ttl + leeway + time.Second, "token_expired"},
		{"our clock is behind, inside the leeway", -leeway + time.Second, ""},
		{"our clock is behind, outside the leeway", -leeway - 2*time.Second, "invalid_token"},
	} {
		w := newWorld(t)
		w.register(t)
		pair := w.login(t)
		w.clock.Advance(tt.move)
		got := w.call(t, http.MethodGet, pathMe, "", bearer(pair.Access))
		if got.code() != tt.code || (tt.code == "") != (got.status == 200) {
			t.Errorf("%s: got %d %s", tt.name, got.status, got.body)
		}
	}
}

func TestTokensAreReadFromOnePlaceOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	pair := w.login(t)
	for name, request := range map[string]func() answer{
		"query": func() answer { return w.call(t, http.MethodGet, pathMe+"?access_token="+pair.Access, "") },
		"cookie": func() answer {
			return w.call(t, http.MethodGet, pathMe, "", header("Cookie", "access_token="+pair.Access))
		},
		"body": func() answer {
			return w.call(t, http.MethodGet, pathMe, jsonOf(t, map[string]string{"access_token": pair.Access}))
		},
		"basic": func() answer {
			return w.call(t, http.MethodGet, pathMe, "", header("Authorization", "Basic "+pair.Access))
		},
	} {
		if got := request(); got.status != 401 || got.code() != "missing_token" || got.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
	}
	if got := w.call(t, http.MethodGet, pathMe, "", bearer(pair.Access), bearer(pair.Access)); got.status != 401 {
		t.Errorf("two headers: got %d", got.status)
	}
	if got := w.call(t, http.MethodGet, pathMe, "", header("Authorization", "bEaReR "+pair.Access)); got.status != 200 {
		t.Errorf("scheme in another case: got %d", got.status)
	}
}

func TestOtherMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct{ method, path, allow string }{
		{http.MethodTrace, pathMe, "GET, HEAD, PATCH, DELETE"},
		{http.MethodGet, pathLogin, "POST"},
		{http.MethodOptions, pathLogin, "POST"},
		{http.MethodPut, pathSessions, "GET, HEAD, DELETE"},
	} {
		got := w.call(t, tt.method, tt.path, "")
		if got.status != 405 || got.code() != "method_not_allowed" || got.header.Get("Allow") != tt.allow {
			t.Errorf("%s %s: got %d %s, Allow %q", tt.method, tt.path, got.status, got.body, got.header.Get("Allow"))
		}
	}
	for _, path := range []string{"/", "/api/v1/users/me/", "//api/v1/users/me", "/api%2Fv1/users/me", "/api/v1/users/../users/me", "/metrics", "/debug/pprof/", "/api/v2/users/me"} {
		if got := w.call(t, http.MethodGet, path, ""); got.status != 404 || got.code() != "unknown_route" {
			t.Errorf("%s: got %d %s", path, got.status, got.body)
		}
	}
}

func TestSecretsNeverReachTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	pair := w.login(t)
	w.refresh(t, pair.Refresh)
	w.call(t, http.MethodGet, pathMe+"?access_token="+pair.Access, "", bearer(pair.Access))
	w.call(t, http.MethodPost, pathLogin, `{"identifier":"`+email+`","password":["`+password+`"]}`)
	w.store.FailView(domain.NewError(domain.KindInternal, "x", "boom"))
	w.call(t, http.MethodPost, pathLogin, jsonOf(t, map[string]string{"identifier": email, "password": password}))
	lines := w.logs.All()
	if len(lines) < 6 {
		t.Fatalf("got %d lines", len(lines))
	}
	for _, line := range lines {
		text := jsonOf(t, line.ContextMap()) + line.Message
		for _, secret := range []string{password, pair.Access, pair.Refresh, email} {
			if strings.Contains(text, secret) {
				t.Errorf("the log shows %.12s...: %s", secret, text)
			}
		}
	}
}

// FuzzRequests sends arbitrary bodies and credentials to every operation that
// reads them: nothing panics, nothing is our fault, and every answer keeps the
// contract.
func FuzzRequests(f *testing.F) {
	w := newWorld(f)
	w.register(f)
	pair := w.login(f)
	paths := []string{pathRegister, pathLogin, pathRefresh, pathLogout, pathVerify, pathResend, pathUndo, pathForgot, pathReset, pathEmail, pathDelete}
	for i, body := range []string{
		`{"email":"a@example.org","password":"correct horse battery staple","username":"x.y","display_name":""}`,
		`{"identifier":"ada","password":"correct horse battery staple"}`,
		jsonOf(f, map[string]string{"refresh_token": pair.Refresh}), `{"refresh_token":"as1.a.b.c.d"}`,
		`{"token":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`, `{"email":"a@example.org"}`, `{"token":""}`, `{"email":"ada@example.org"}`,
		`{"token":"x","new_password":"nine purple otters at noon"}`, `{"new_email":"a@example.net","password":"x"}`, `{"password":"x"}`,
	} {
		f.Add(uint8(i), body, "")
	}
	f.Add(uint8(3), "", "Bearer "+pair.Access)
	f.Add(uint8(1), `{"identifier":"\u202e@","password":"\ud83d\ude00"}`, "Bearer a.b.c")
	f.Fuzz(func(t *testing.T, operation uint8, body, authorization string) {
		w.logs.TakeAll()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, paths[int(operation)%len(paths)], strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if authorization != "" {
			r.Header["Authorization"] = []string{authorization}
		}
		if got := w.send(t, r); got.status >= 500 {
			t.Errorf("%s %q: got %d %s", r.URL.Path, body, got.status, got.body)
		}
	})
}
