package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"authserve/core/domain"
	"authserve/ports"
)

func TestTour(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	created := w.register(t)
	first := w.login(t)
	me := w.call(t, http.MethodGet, pathMe, "", bearer(first.Access))
	if got := decode[user](t, me); me.status != 200 || got.ID != created.ID {
		t.Fatalf("me: got %d %s", me.status, me.body)
	}
	second := decode[tokens](t, w.refresh(t, first.Refresh))
	third := decode[tokens](t, w.refresh(t, second.Refresh))
	if again := decode[tokens](t, w.refresh(t, second.Refresh)); again.Refresh != third.Refresh {
		t.Error("a retry got another successor")
	}
	if got := w.refresh(t, first.Refresh); got.status != 401 || got.code() != "invalid_refresh_token" {
		t.Errorf("reuse: got %d %s", got.status, got.body)
	}
	if got := w.call(t, http.MethodGet, pathMe, "", bearer(third.Access)); got.code() != "session_ended" {
		t.Errorf("after reuse: got %d %s", got.status, got.body)
	}
	fresh := w.login(t)
	if got := w.call(t, http.MethodPost, pathLogout, "", bearer(fresh.Access)); got.status != 204 {
		t.Errorf("logout: got %d %s", got.status, got.body)
	}
	if got := w.call(t, http.MethodGet, pathMe, "", bearer(fresh.Access)); got.code() != "session_ended" {
		t.Errorf("after logout: got %d %s", got.status, got.body)
	}
}

func TestRegistration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.call(t, http.MethodPost, pathRegister, `{"email":"Ada@Example.org","password":"correct horse battery staple","username":"Ada","display_name":"Ada L."}`)
	got := decode[struct{ User user }](t, a).User
	if a.status != 201 || got.Email != email || got.EmailVerified || got.Username == nil || *got.Username != "Ada" ||
		got.DisplayName != "Ada L." || fmt.Sprint(got.Roles) != "[user]" || !got.CreatedAt.Equal(w.clock.Now()) {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a.header.Get("Location") != pathMe || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("got headers %v", a.header)
	}
	if strings.Contains(string(a.body), "correct horse") {
		t.Error("the answer shows the password")
	}
	for body, code := range map[string]string{
		`{"email":"ADA@example.ORG","password":"correct horse battery staple"}`:                    "email_taken",
		`{"email":"other@example.org","password":"correct horse battery staple","username":"aDa"}`: "username_taken",
	} {
		if got := w.call(t, http.MethodPost, pathRegister, body); got.status != 409 || got.code() != code {
			t.Errorf("%s: got %d %s", body, got.status, got.body)
		}
	}
}

func TestRegistrationNamesEveryField(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.call(t, http.MethodPost, pathRegister, `{"email":"nobody","password":"short","username":"a b","display_name":"x\u0000"}`, header("Idempotency-Key", "a b"))
	fields := got.fields(t)
	for field, code := range map[string]string{
		"email": "invalid_format", "password": "too_short", "username": "invalid_format", "display_name": "invalid_character", "Idempotency-Key": "invalid_format",
	} {
		if fields[field] != code {
			t.Errorf("%s: got %q, want %q", field, fields[field], code)
		}
	}
	if got.status != 422 || len(fields) != 5 {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if got := w.call(t, http.MethodPost, pathRegister, `{}`).fields(t); got["email"] != "required" || got["password"] != "required" {
		t.Errorf("nothing sent: got %v", got)
	}
	if w.hasher.Hashes() != 0 {
		t.Errorf("%d hashes were spent on bad input", w.hasher.Hashes())
	}
}

func TestMassAssignmentIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, member := range []string{`"role":"admin"`, `"roles":["admin"]`, `"email_verified":true`, `"id":"0190d3b0-6f1e-7c51-9d2b-0a3f5e6d7c81"`, `"status":"active"`, `"Password":"x"`} {
		body := `{"email":"ada@example.org","password":"correct horse battery staple",` + member + `}`
		if got := w.call(t, http.MethodPost, pathRegister, body); got.status != 400 || got.code() != "unknown_field" {
			t.Errorf("%s: got %d %s", member, got.status, got.body)
		}
	}
}

func TestParallelRegistrationsOfOneAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const contenders = 64
	statuses := make([]int, contenders)
	var group sync.WaitGroup
	for i := range contenders {
		group.Go(func() {
			statuses[i] = w.call(t, http.MethodPost, pathRegister, jsonOf(t, map[string]string{"email": email, "password": password})).status
		})
	}
	group.Wait()
	count := map[int]int{}
	for _, s := range statuses {
		count[s]++
	}
	if count[201] != 1 || count[409] != contenders-1 {
		t.Errorf("got %v", count)
	}
}

func TestIdempotentRegistration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := jsonOf(t, map[string]string{"email": email, "password": password})
	key := header("Idempotency-Key", "8e03978e-40d5-43dd-bc93-6894a57f9324")
	first := w.call(t, http.MethodPost, pathRegister, body, key)
	again := w.call(t, http.MethodPost, pathRegister, body, key)
	if first.status != 201 || again.status != 201 || string(first.body) != string(again.body) {
		t.Errorf("got %d %s and %d %s", first.status, first.body, again.status, again.body)
	}
	other := w.call(t, http.MethodPost, pathRegister, jsonOf(t, map[string]string{"email": "other@example.org", "password": password}), key)
	if other.status != 422 || other.code() != "idempotency_key_reused" {
		t.Errorf("another body: got %d %s", other.status, other.body)
	}
	for name, options := range map[string][]option{
		"empty": {header("Idempotency-Key", "")},
		"two":   {header("Idempotency-Key", "a"), header("Idempotency-Key", "b")},
	} {
		if got := w.call(t, http.MethodPost, pathRegister, body, options...); got.status != 422 || got.fields(t)["Idempotency-Key"] == "" {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	got := w.login(t)
	if got.Type != "Bearer" || got.ExpiresIn != 600 || got.RefreshExpiresIn != 14*24*3600 || got.Access == "" || got.Refresh == "" || got.SessionID == "" {
		t.Errorf("got %+v", got)
	}
	if a := w.call(t, http.MethodPost, pathLogin, `{"identifier":"ADA","password":"correct horse battery staple"}`); a.status != 200 || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("by username: got %d %v", a.status, a.header)
	}
}

func TestFailedLoginsLookAlike(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	var bodies []string
	for _, body := range []string{
		`{"identifier":"Ada@Example.org","password":"wrong wrong wrong wrong"}`,
		`{"identifier":"nobody@example.org","password":"correct horse battery staple"}`,
		`{"identifier":"nobody","password":"correct horse battery staple"}`,
		`{"identifier":"' OR 1=1 --","password":"\u0000"}`,
	} {
		before := w.hasher.Verifies()
		got := w.call(t, http.MethodPost, pathLogin, body, header("X-Correlation-ID", "same"))
		if got.status != 401 || got.code() != "invalid_credentials" || got.header.Get("WWW-Authenticate") != "Bearer" || w.hasher.Verifies() != before+1 {
			t.Errorf("%s: got %d %s after %d verifications", body, got.status, got.body, w.hasher.Verifies()-before)
		}
		bodies = append(bodies, withoutTrace(t, got))
	}
	for _, b := range bodies[1:] {
		if b != bodies[0] {
			t.Errorf("answers differ: %s and %s", bodies[0], b)
		}
	}
	if got := w.call(t, http.MethodPost, pathLogin, `{}`); got.status != 422 || len(got.fields(t)) != 2 {
		t.Errorf("nothing sent: got %d %s", got.status, got.body)
	}
}

func withoutTrace(t testing.TB, a answer) string {
	t.Helper()
	document := decode[map[string]any](t, a)
	delete(document, "trace_id")
	return jsonOf(t, document)
}

func TestRefreshOutcomesAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	first := w.login(t)
	second := decode[tokens](t, w.refresh(t, first.Refresh))
	w.refresh(t, first.Refresh)  // a retry
	w.refresh(t, "as1.rubbish")  // invalid
	w.refresh(t, second.Refresh) // rotated
	w.refresh(t, first.Refresh)  // reuse
	var data metricdata.ResourceMetrics
	if err := w.reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, s := range data.ScopeMetrics {
		for _, m := range s.Metrics {
			if sum, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == "authserve.refresh" {
				for _, point := range sum.DataPoints {
					outcome, _ := point.Attributes.Value("outcome")
					got[outcome.AsString()] = point.Value
				}
			}
		}
	}
	want := map[string]int64{"rotated": 2, "replayed": 1, "invalid": 1, "reuse_detected": 1}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRefreshRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	pair := w.login(t)
	for name, tt := range map[string]struct {
		body    string
		options []option
		status  int
		code    string
	}{
		"nothing":       {`{}`, nil, 422, "validation_failed"},
		"empty":         {`{"refresh_token":""}`, nil, 422, "validation_failed"},
		"access token":  {jsonOf(t, map[string]string{"refresh_token": pair.Access}), nil, 401, "invalid_refresh_token"},
		"altered":       {jsonOf(t, map[string]string{"refresh_token": pair.Refresh + "A"}), nil, 401, "invalid_refresh_token"},
		"huge":          {jsonOf(t, map[string]string{"refresh_token": strings.Repeat("A", 60000)}), nil, 401, "invalid_refresh_token"},
		"short key":     {jsonOf(t, map[string]string{"refresh_token": pair.Refresh}), []option{header("Idempotency-Key", "short")}, 422, "validation_failed"},
		"unknown field": {`{"refresh_token":"x","grant_type":"refresh_token"}`, nil, 400, "unknown_field"},
	} {
		if got := w.call(t, http.MethodPost, pathRefresh, tt.body, tt.options...); got.status != tt.status || got.code() != tt.code {
			t.Errorf("%s: got %d %s, want %d %s", name, got.status, got.body, tt.status, tt.code)
		}
	}
	w.refresh(t, pair.Refresh)
	for range domain.MaxRefreshRetries {
		w.refresh(t, pair.Refresh)
	}
	if got := w.refresh(t, pair.Refresh); got.status != 409 || got.code() != "refresh_retry_limit" {
		t.Errorf("too many retries: got %d %s", got.status, got.body)
	}
}

func TestRefreshWithKeyOutlivesTheGraceWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	first := w.login(t)
	key := header("Idempotency-Key", strings.Repeat("k", domain.MinIdempotencyKey))
	second := decode[tokens](t, w.refresh(t, first.Refresh, key))
	w.clock.Advance(time.Hour)
	if again := w.refresh(t, first.Refresh, key); again.status != 200 || decode[tokens](t, again).Refresh != second.Refresh {
		t.Errorf("got %d %s", again.status, again.body)
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	byRefresh := func(p tokens) string { return `{"refresh_token":"` + p.Refresh + `"}` }
	tests := []struct {
		name   string
		body   func(tokens) string
		bearer bool
		status int
		code   string
		ends   bool
	}{
		{"access token", func(tokens) string { return "" }, true, 204, "", true},
		{"access token and rubbish", func(tokens) string { return "{rubbish" }, true, 204, "", true},
		{"both", byRefresh, true, 204, "", true},
		{"refresh token", byRefresh, false, 204, "", true},
		{"nothing", func(tokens) string { return "" }, false, 401, "missing_token", false},
		{"empty object", func(tokens) string { return "{}" }, false, 401, "missing_token", false},
		{"forged refresh token", func(p tokens) string { return `{"refresh_token":"` + p.Refresh[:len(p.Refresh)-1] + `"}` }, false, 401, "invalid_refresh_token", false},
		{"broken body", func(tokens) string { return "{" }, false, 400, "malformed_json", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.register(t)
			pair := w.login(t)
			var options []option
			if tt.bearer {
				options = append(options, bearer(pair.Access))
			}
			if got := w.call(t, http.MethodPost, pathLogout, tt.body(pair), options...); got.status != tt.status || got.code() != tt.code {
				t.Errorf("got %d %s, want %d %s", got.status, got.body, tt.status, tt.code)
			}
			ended := w.call(t, http.MethodGet, pathMe, "", bearer(pair.Access)).code() == "session_ended"
			if ended != tt.ends {
				t.Errorf("ended: got %v, want %v", ended, tt.ends)
			}
		})
	}
}

func TestTroubleIsNeverTheClientsFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	pair := w.login(t)
	login := jsonOf(t, map[string]string{"identifier": email, "password": password})
	other := jsonOf(t, map[string]string{"email": "b@example.org", "password": password})
	calls := map[string]func() answer{
		"profile":  func() answer { return w.call(t, http.MethodGet, pathMe, "", bearer(pair.Access)) },
		"sessions": func() answer { return w.call(t, http.MethodGet, pathSessions, "", bearer(pair.Access)) },
		"login":    func() answer { return w.call(t, http.MethodPost, pathLogin, login) },
		"register": func() answer { return w.call(t, http.MethodPost, pathRegister, other) },
		"export":   func() answer { return w.call(t, http.MethodGet, pathExport, "", bearer(pair.Access)) },
		"change": func() answer {
			return w.call(t, http.MethodPost, pathEmail, changeBody(t, newEmail), bearer(pair.Access))
		},
		"delete": func() answer { return w.call(t, http.MethodDelete, pathMe, `{"password":"x"}`, bearer(pair.Access)) },
		"reset":  func() answer { return w.call(t, http.MethodPost, pathReset, resetBody(t, strings.Repeat("A", 43))) },
	}
	for name, call := range calls {
		w.store.FailView(ports.ErrUnavailable)
		if got := call(); got.status != 503 || got.code() != "dependency_unavailable" || got.header.Get("Retry-After") == "" {
			t.Errorf("%s without a database: got %d %s", name, got.status, got.body)
		}
	}
	w.store.FailUpdate(ports.ErrUnavailable)
	if got := w.refresh(t, pair.Refresh); got.status != 503 || got.code() != "dependency_unavailable" {
		t.Errorf("refresh without a database: got %d %s", got.status, got.body)
	}
	for path, body := range map[string]string{
		pathForgot: emailBody(t, email), pathResend: emailBody(t, email),
		pathVerify: tokenBody(t, strings.Repeat("A", 43)), pathUndo: tokenBody(t, strings.Repeat("A", 43)),
	} {
		w.store.FailUpdate(ports.ErrUnavailable)
		if got := w.call(t, http.MethodPost, path, body); got.status != 503 || got.code() != "dependency_unavailable" {
			t.Errorf("%s without a database: got %d %s", path, got.status, got.body)
		}
	}
	w.hasher.Fail(ports.ErrOverloaded)
	if got := calls["login"](); got.status != 503 || got.code() != "overloaded" {
		t.Errorf("login without a hasher: got %d %s", got.status, got.body)
	}
}
