package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
)

func TestForeignLibrariesVerifyOurTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	created := w.register(t)
	pair := w.login(t)
	a := w.call(t, http.MethodGet, "/.well-known/jwks.json", "")
	keys := decode[jose.JSONWebKeySet](t, a)
	if a.status != 200 || a.header.Get("Cache-Control") != "public, max-age=300" || len(keys.Keys) != 2 {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	for _, k := range keys.Keys {
		if !k.IsPublic() || !k.Valid() || k.Use != "sig" || k.Algorithm != "ES256" {
			t.Errorf("got key %+v", k)
		}
	}
	parsed, err := josejwt.ParseSigned(pair.Access, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var claims josejwt.Claims
	if err := parsed.Claims(keys, &claims); err != nil {
		t.Fatal(err)
	}
	if claims.Subject != created.ID || claims.Issuer != issuer || !claims.Audience.Contains(audience) {
		t.Errorf("got %+v", claims)
	}
}

func TestDiscoveryIsTruthful(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		a := w.call(t, http.MethodGet, path, "")
		got := decode[map[string]any](t, a)
		if a.status != 200 || got["issuer"] != issuer || got["jwks_uri"] != issuer+"/.well-known/jwks.json" {
			t.Errorf("%s: got %d %s", path, a.status, a.body)
		}
		for _, name := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "introspection_endpoint", "revocation_endpoint"} {
			if _, listed := got[name]; listed {
				t.Errorf("%s lists %s, which does not exist", path, name)
			}
		}
	}
}

func TestHealthIsThatOfTheDeps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for status, body := range map[int]string{http.StatusOK: `{"status":"ok"}`, http.StatusServiceUnavailable: `{"status":"unavailable"}`} {
		w.health = func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			rw.Header().Set("Retry-After", "1")
			rw.WriteHeader(status)
			_, _ = rw.Write([]byte(body))
		}
		if got := w.call(t, http.MethodGet, "/healthz", ""); got.status != status || string(got.body) != body {
			t.Errorf("got %d %s, want %d %s", got.status, got.body, status, body)
		}
	}
}
