package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/domain"
)

// wideLimits are limits that no test reaches, each under its own name.
func wideLimits() httpkit.Limits {
	named := func(name string) httpkit.Limit {
		return httpkit.Limit{Each: domain.Rate{Name: name, Burst: 100000, Period: time.Minute}}
	}
	return httpkit.Limits{Login: named("login"), Register: named("register"), Mail: named("mail"), Token: named("token"), Session: named("session")}
}

// TestEveryRouteHasItsLimit goes through the router: a new route needs a line, or has
// none because it is read often and costs little.
func TestEveryRouteHasItsLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	limits := map[string]string{
		"POST /api/v1/auth/register":            "register",
		"POST /api/v1/auth/login":               "login",
		"POST /api/v1/auth/refresh":             "token",
		"POST /api/v1/auth/logout":              "token", // by refresh token
		"POST /api/v1/auth/email/verify":        "token",
		"POST /api/v1/auth/email/verify/resend": "mail",
		"POST /api/v1/auth/email/undo":          "token",
		"POST /api/v1/auth/password/forgot":     "mail",
		"POST /api/v1/auth/password/reset":      "token",
		"POST /api/v1/users/me/email":           "session",
		"POST /api/v1/users/me/password":        "session",
		"POST /api/v1/users/me/delete":          "session",
		"DELETE /api/v1/users/me":               "session",
		"GET /api/v1/users/me/export":           "session",
	}
	w.register(t)
	pair := w.login(t)
	seen := 0
	for _, route := range w.Routes() {
		name := route.Method + " " + route.Path
		options := []option{bearer(pair.Access)}
		if strings.HasPrefix(route.Path, "/api/v1/auth/") {
			options = nil
		}
		got := ""
		if a := w.call(t, route.Method, strings.ReplaceAll(route.Path, "{id}", "x"), `{"unknown":true}`, options...); a.header.Get("RateLimit-Policy") != "" {
			got, _, _ = strings.Cut(strings.TrimPrefix(a.header.Get("RateLimit-Policy"), `"`), `"`)
		}
		if got != limits[name] {
			t.Errorf("%s has the limit %q, want %q", name, got, limits[name])
		}
		if limits[name] != "" {
			seen++
		}
	}
	if seen != len(limits) {
		t.Errorf("%d of %d limited routes are there", seen, len(limits))
	}
	if a := w.call(t, http.MethodPost, "/api/v1/auth/logout", "", bearer(pair.Access)); a.header.Get("RateLimit") != "" {
		t.Error("logging out by access token is limited")
	}
}
