package httpkit_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/domain"
	"authserve/ports/fake"
)

// guarded is a kit whose GET /guarded takes the token "good" and reports what
// token it was asked about.
func guarded(t testing.TB, seen *[]string, actor *domain.Actor) *kit {
	t.Helper()
	account := fake.Account(1)
	authenticate := func(_ context.Context, token string) (domain.Identity, error) {
		*seen = append(*seen, token)
		if token != "good" {
			return domain.Identity{}, domain.NewError(domain.KindUnauthenticated, domain.CodeInvalidToken, "No.")
		}
		return domain.Identity{Account: account, Session: fake.Session(1, account)}, nil
	}
	k := newKit(t)
	k.Handle(http.MethodGet, "/guarded", httpkit.Handler(k.Router, httpkit.Endpoint{Operation: "guarded", Authenticate: authenticate, Query: []string{"q"}},
		func(ctx context.Context, _ *httpkit.Request[httpkit.None]) (httpkit.Response[httpkit.None], error) {
			*actor = domain.ActorFrom(ctx)
			return httpkit.Response[httpkit.None]{}, nil
		}))
	return k
}

func TestAuthorizationHeader(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		values []string
		status int
		code   string
	}{
		{"good", []string{"Bearer good"}, 204, ""},
		{"other case", []string{"bEARER good"}, 204, ""},
		{"several spaces", []string{"Bearer   good"}, 204, ""},
		{"none", nil, 401, "missing_token"},
		{"empty", []string{""}, 401, "missing_token"},
		{"scheme alone", []string{"Bearer"}, 401, "missing_token"},
		{"other scheme", []string{"Basic Z29vZDpnb29k"}, 401, "missing_token"},
		{"no scheme", []string{"good"}, 401, "missing_token"},
		{"two headers", []string{"Bearer good", "Bearer good"}, 401, "invalid_token"},
		{"two tokens", []string{"Bearer good good"}, 401, "invalid_token"},
		{"list", []string{"Bearer good, Bearer good"}, 401, "invalid_token"},
		{"control character", []string{"Bearer go\x00od"}, 401, "invalid_token"},
		{"wrong", []string{"Bearer bad"}, 401, "invalid_token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var seen []string
			var actor domain.Actor
			r := get("/guarded")
			r.Header["Authorization"] = tt.values
			got := guarded(t, &seen, &actor).do(t, r)
			if got.status != tt.status || got.problem.Code != tt.code {
				t.Errorf("got %d %q, want %d %q", got.status, got.problem.Code, tt.status, tt.code)
			}
		})
	}
}

func TestAuthenticationComesFirst(t *testing.T) {
	t.Parallel()
	var seen []string
	var actor domain.Actor
	k := guarded(t, &seen, &actor)
	for _, path := range []string{"/guarded?access_token=good", "/guarded?unknown=1", "/guarded?%zz"} {
		if got := k.do(t, get(path)); got.problem.Code != "missing_token" {
			t.Errorf("%s: got %d %q", path, got.status, got.problem.Code)
		}
	}
	if len(seen) != 0 {
		t.Errorf("tokens %q were taken from elsewhere", seen)
	}
}

func TestActorOfAuthenticatedCalls(t *testing.T) {
	t.Parallel()
	var seen []string
	var actor domain.Actor
	r := get("/guarded")
	r.Header.Set("Authorization", "Bearer good")
	r.Header.Set("User-Agent", "curl/8")
	r.Header.Set("X-Correlation-ID", "c-9")
	guarded(t, &seen, &actor).do(t, r)
	account := fake.Account(1)
	want := domain.Actor{
		Kind: domain.ActorAccount, ID: string(account.ID), SessionID: fake.Session(1, account).ID,
		IP: "192.0.2.1", Network: "192.0.2.1", UserAgent: "curl/8", CorrelationID: "c-9",
	}
	if actor != want {
		t.Errorf("got %+v, want %+v", actor, want)
	}
}

func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{"Bearer good", "bearer  good", "Bearer", "Basic x", "Bearer a b", "Bearer \x00", "Bearer =", "Bearer a=b", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		var seen []string
		var actor domain.Actor
		r := get("/guarded")
		r.Header["Authorization"] = []string{value}
		got := guarded(t, &seen, &actor).do(t, r)
		for _, token := range seen {
			if token == "" || strings.ContainsAny(token, " \t\r\n,;\"\x00") {
				t.Errorf("%q: token %q came through", value, token)
			}
		}
		if good := len(seen) == 1 && seen[0] == "good"; good != (got.status == 204) || got.status != 204 && got.status != 401 {
			t.Errorf("%q: got %d with tokens %q", value, got.status, seen)
		}
	})
}

func TestQueryParameters(t *testing.T) {
	t.Parallel()
	tests := []struct {
		query, code string
	}{
		{"", ""},
		{"?q=1", ""},
		{"?q=", ""},
		{"?q=1&q=2", "malformed_query"},
		{"?q=1;x=2", "malformed_query"},
		{"?q=%zz", "malformed_query"},
		{"?Q=1", "unknown_parameter"},
		{"?x", "unknown_parameter"},
		{"?access_token=good", "unknown_parameter"},
		{"?%ff=1", "unknown_parameter"},
	}
	for _, tt := range tests {
		var seen []string
		var actor domain.Actor
		r := get("/guarded" + tt.query)
		r.Header.Set("Authorization", "Bearer good")
		got := guarded(t, &seen, &actor).do(t, r)
		if got.problem.Code != tt.code || (tt.code != "") != (got.status == 400) {
			t.Errorf("%s: got %d %q, want %q", tt.query, got.status, got.problem.Code, tt.code)
		}
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{"": "false", "?f=false": "false", "?f=true": "true", "?f=1": "validation_failed", "?f=": "validation_failed", "?f=TRUE": "validation_failed"} {
		k := newKit(t)
		k.Handle(http.MethodGet, "/flag", httpkit.Handler(k.Router, httpkit.Endpoint{Operation: "flag", Query: []string{"f"}},
			func(_ context.Context, r *httpkit.Request[httpkit.None]) (httpkit.Response[bool], error) {
				f, err := r.Flag("f")
				return httpkit.Response[bool]{Body: f}, err
			}))
		got := k.do(t, get("/flag"+query))
		if got.body != want+"\n" && got.problem.Code != want {
			t.Errorf("%q: got %s, want %s", query, got.body, want)
		}
	}
}

func TestBodiesOfBodylessCallsAreIgnored(t *testing.T) {
	t.Parallel()
	k := routed(t)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/things/1", strings.NewReader("{broken"))
	if got := k.do(t, r); got.status != 204 {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestConditionalGet(t *testing.T) {
	t.Parallel()
	tests := []struct {
		header []string
		status int
	}{
		{nil, 200},
		{[]string{`"7"`}, 304},
		{[]string{`W/"7"`}, 304},
		{[]string{`"1", "7"`}, 304},
		{[]string{`"1"`, `"7"`}, 304},
		{[]string{`*`}, 304},
		{[]string{`"8"`}, 200},
		{[]string{`7`}, 200},
		{[]string{``}, 200},
	}
	for _, tt := range tests {
		k := newKit(t)
		k.Handle(http.MethodGet, "/tagged", httpkit.Handler(k.Router, httpkit.Endpoint{Operation: "tagged"},
			func(context.Context, *httpkit.Request[httpkit.None]) (httpkit.Response[string], error) {
				return httpkit.Response[string]{Body: "x", ETag: `"7"`}, nil
			}))
		r := get("/tagged")
		r.Header["If-None-Match"] = tt.header
		got := k.do(t, r)
		if got.status != tt.status || got.header.Get("ETag") != `"7"` || (got.status == 304) != (got.body == "") {
			t.Errorf("%q: got %d %q, ETag %q", tt.header, got.status, got.body, got.header.Get("ETag"))
		}
	}
}

func TestGoodAnswers(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.Handle(http.MethodPost, "/made", httpkit.Handler(k.Router, httpkit.Endpoint{Operation: "made", CacheControl: "public, max-age=60"},
		func(context.Context, *httpkit.Request[httpkit.None]) (httpkit.Response[map[string]string], error) {
			return httpkit.Response[map[string]string]{Status: 201, Body: map[string]string{"a": "<\xff>"}, Location: "/made/1"}, nil
		}))
	got := k.do(t, post("/made", ""))
	if got.status != 201 || got.body != "{\"a\":\"<\ufffd>\"}\n" || got.header.Get("Location") != "/made/1" ||
		got.header.Get("Cache-Control") != "public, max-age=60" || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("got %d %q %v", got.status, got.body, got.header)
	}
}
