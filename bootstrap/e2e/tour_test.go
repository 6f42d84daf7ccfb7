package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"authserve/bootstrap/harness"
)

const (
	email       = "ada@example.com"
	pathLogin   = "/api/v1/auth/login"
	pathRefresh = "/api/v1/auth/refresh"
	pathMe      = "/api/v1/users/me"
)

func credentials() map[string]string {
	return map[string]string{"identifier": email, "password": harness.Password}
}

func refreshBody(token string) map[string]string { return map[string]string{"refresh_token": token} }

// TestTour is the main job from beginning to end: register, log in, profile,
// refresh twice, retry, reuse, log out, refused.
func TestTour(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := newCaller(t, p.HTTP)

	c.do(http.MethodPost, "/api/v1/auth/register", map[string]string{"email": email, "password": harness.Password, "username": "ada"}, "", http.StatusCreated)
	c.refused(http.MethodPost, "/api/v1/auth/register", map[string]string{"email": strings.ToUpper(email), "password": harness.Password}, "", http.StatusConflict, "email_taken")
	c.refused(http.MethodPost, pathLogin, map[string]string{"identifier": email, "password": "not the password"}, "", http.StatusUnauthorized, "invalid_credentials")

	first := c.tokens(pathLogin, credentials())
	var me struct{ Email, Username string }
	if err := c.do(http.MethodGet, pathMe, nil, first.Access, http.StatusOK).Decode(&me); err != nil || me.Email != email || me.Username != "ada" {
		t.Fatalf("profile = %+v, %v", me, err)
	}

	second := c.tokens(pathRefresh, refreshBody(first.Refresh))
	third := c.tokens(pathRefresh, refreshBody(second.Refresh))
	retry := c.tokens(pathRefresh, refreshBody(second.Refresh))
	if second.Refresh == first.Refresh || third.Refresh == second.Refresh || retry.Refresh != third.Refresh {
		t.Fatal("rotation must answer a new token each time, and a retry the same one")
	}

	c.refused(http.MethodPost, pathRefresh, refreshBody(first.Refresh), "", http.StatusUnauthorized, "invalid_refresh_token")
	c.refused(http.MethodPost, pathRefresh, refreshBody(third.Refresh), "", http.StatusUnauthorized, "invalid_refresh_token")
	c.refused(http.MethodGet, pathMe, nil, retry.Access, http.StatusUnauthorized, "session_ended")

	again := c.tokens(pathLogin, map[string]string{"identifier": "ADA", "password": harness.Password})
	c.do(http.MethodGet, "/api/v1/users/me/sessions", nil, again.Access, http.StatusOK)
	c.do(http.MethodPost, "/api/v1/auth/logout", nil, again.Access, http.StatusNoContent)
	c.refused(http.MethodGet, pathMe, nil, again.Access, http.StatusUnauthorized, "session_ended")
	c.refused(http.MethodPost, pathRefresh, refreshBody(again.Refresh), "", http.StatusUnauthorized, "invalid_refresh_token")
	c.refused(http.MethodGet, pathMe, nil, "", http.StatusUnauthorized, "missing_token")

	c.do(http.MethodGet, "/.well-known/jwks.json", nil, "", http.StatusOK)
	c.do(http.MethodGet, "/.well-known/openid-configuration", nil, "", http.StatusOK)
	c.do(http.MethodGet, "/healthz", nil, "", http.StatusOK)

	if n := strings.Count(p.Log(), `"outcome":"reuse_detected"`); n != 1 {
		t.Errorf("%d lines of the log tell of the theft; want 1", n)
	}
	secrets := []string{harness.Password, "not the password"}
	for _, tokens := range []harness.Tokens{first, second, third, retry, again} {
		secrets = append(secrets, tokens.Access, tokens.Refresh)
	}
	for _, secret := range secrets {
		if strings.Contains(p.Log(), secret) {
			t.Error("a password or token stands in the log")
		}
	}
}
