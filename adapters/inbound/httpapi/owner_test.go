package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"authserve/core/account"
	"authserve/core/domain"
	"authserve/core/login"
)

const (
	pathDelete = pathMe + "/delete"
	pathExport = pathMe + "/export"
)

func TestAccountIsDeleted(t *testing.T) {
	t.Parallel()
	body := jsonOf(t, map[string]string{"password": password})
	for _, tt := range []struct{ method, path string }{{http.MethodDelete, pathMe}, {http.MethodPost, pathDelete}} {
		t.Run(tt.method, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.register(t)
			w.login(t)
			access := bearer(w.login(t).Access)
			for name, tc := range map[string]struct {
				body, code string
				status     int
			}{
				"wrong password": {`{"password":"not the password"}`, "wrong_password", 403},
				"no password":    {`{}`, "validation_failed", 422},
				"another field":  {`{"password":"x","id":"0190d3b0-6f1e-7c51-9d2b-0a3f5e6d7c81"}`, "unknown_field", 400},
			} {
				if got := w.call(t, tt.method, tt.path, tc.body, access); got.status != tc.status || got.code() != tc.code {
					t.Errorf("%s: got %d %s, want %d %s", name, got.status, got.body, tc.status, tc.code)
				}
			}
			if got := w.call(t, tt.method, tt.path, body); got.status != 401 {
				t.Errorf("without a token: got %d", got.status)
			}
			if got := w.call(t, tt.method, tt.path, body, access); got.status != 204 {
				t.Fatalf("got %d %s", got.status, got.body)
			}
			if got := w.call(t, http.MethodGet, pathMe, "", access); got.status != 401 {
				t.Errorf("the token of a deleted account: got %d %s", got.status, got.body)
			}
			w.post(t, pathLogin, jsonOf(t, map[string]string{"identifier": email, "password": password}), http.StatusUnauthorized)
			if letters := w.mails(t); letters[len(letters)-1].Kind != domain.MessageAccountDeleted || letters[len(letters)-1].To != email {
				t.Errorf("the owner was told %v", letters)
			}
			w.register(t) // the address and the name are free again
		})
	}
}

func TestDeleteWithoutItsBodyNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	access := bearer(w.login(t).Access)
	for name, options := range map[string][]option{"none": {access}, "dropped by a proxy": {access, header("Content-Type", "application/json")}} {
		if got := w.call(t, http.MethodDelete, pathMe, "", options...); got.status != 422 || got.fields(t)["password"] != "required" {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
	}
	if got := w.call(t, http.MethodDelete, pathMe, ""); got.status != 401 {
		t.Errorf("without a token: got %d", got.status)
	}
	if got := w.call(t, http.MethodGet, pathMe, "", access); got.status != 200 {
		t.Errorf("the account is gone: got %d", got.status)
	}
}

type exported struct {
	Account struct {
		user
		Locale      *string
		Status      string
		LastLoginAt *time.Time `json:"last_login_at"`
	}
	Password *struct{ Settings string }
	Sessions []struct {
		ID, IP, Device string
		EndedAt        *time.Time `json:"ended_at"`
		EndReason      string     `json:"end_reason"`
		Current        bool
	}
	Tokens   []struct{ Purpose, Address string } `json:"one_time_tokens"`
	Messages []struct{ Kind, To, State string }
	Events   []struct {
		Action, Actor string
		IP            *string
	} `json:"audit_events"`
}

func TestExportShowsEverythingButSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.register(t).ID
	w.post(t, pathRegister, `{"email":"eve@example.org","password":"correct horse battery staple","username":"eve"}`, http.StatusCreated)
	w.call(t, http.MethodPost, pathLogin, `{"identifier":"ada","password":"wrong wrong wrong wrong"}`)
	ended, pair := w.login(t), w.login(t)
	w.post(t, pathLogout, "", http.StatusNoContent, bearer(ended.Access))
	w.clock.Advance(time.Second)
	w.post(t, pathEmail, changeBody(t, newEmail), http.StatusAccepted, bearer(pair.Access))
	w.call(t, http.MethodPatch, pathMe, `{"locale":"de"}`, bearer(pair.Access))
	change, verify := w.token(t, domain.MessageChangeEmail, newEmail), w.token(t, domain.MessageVerifyEmail, email)

	if got := w.call(t, http.MethodGet, pathExport, ""); got.status != 401 || got.header.Get("Content-Disposition") != "" {
		t.Errorf("without a token: got %d %v", got.status, got.header)
	}
	a := w.call(t, http.MethodGet, pathExport, "", bearer(pair.Access))
	got := decode[exported](t, a)
	if a.status != 200 || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Disposition") != `attachment; filename="authserve-account.json"` {
		t.Errorf("got %d %v", a.status, a.header)
	}
	if got.Account.ID != id || got.Account.Email != email || got.Account.Locale == nil || *got.Account.Locale != "de" || got.Account.Status != "active" || got.Account.LastLoginAt == nil {
		t.Errorf("account: %+v", got.Account)
	}
	if got.Password == nil || got.Password.Settings == "" {
		t.Errorf("password: %+v", got.Password)
	}
	if len(got.Sessions) != 2 {
		t.Fatalf("sessions: %+v", got.Sessions)
	}
	for _, s := range got.Sessions {
		if s.Current != (s.ID == pair.SessionID) || (s.EndedAt != nil) != (s.ID == ended.SessionID) || (s.EndReason == "logout") != (s.ID == ended.SessionID) || s.IP == "" {
			t.Errorf("session: %+v", s)
		}
	}
	var purposes, kinds, actions []string
	for _, token := range got.Tokens {
		purposes = append(purposes, token.Purpose+" "+token.Address)
	}
	for _, m := range got.Messages {
		kinds = append(kinds, m.Kind+" "+m.To+" "+m.State)
	}
	for _, e := range got.Events {
		actions = append(actions, e.Action)
		if e.Actor == "account" && e.IP == nil {
			t.Errorf("the owner's own event %s does not tell from where", e.Action)
		}
	}
	for name, tt := range map[string]struct{ got, want []string }{
		"tokens":   {purposes, []string{"verify_email " + email, "change_email " + newEmail}},
		"messages": {kinds, []string{"verify_email " + email + " sent", "change_email " + newEmail + " sent"}},
		"events":   {actions, []string{"account.created", "login.succeeded", "login.failed", "session.ended", "email.change_requested", "profile.changed"}},
	} {
		for _, want := range tt.want {
			if !slices.Contains(tt.got, want) {
				t.Errorf("%s: got %q, want %q among them", name, tt.got, want)
			}
		}
	}
	hash, err := w.hashOf(t, id)
	if err != nil || hash == "" {
		t.Fatalf("hash: %q, %v", hash, err)
	}
	parts := strings.Split(hash, "$")
	for name, secret := range map[string]string{
		"password": password, "digest": parts[len(parts)-1], "token to change": change, "token to verify": verify,
		"access token": pair.Access, "refresh token": pair.Refresh, "somebody else's address": "eve@example.org",
	} {
		if strings.Contains(string(a.body), secret) {
			t.Errorf("the export shows the %s", name)
		}
	}
	again := decode[exported](t, w.call(t, http.MethodGet, pathExport, "", bearer(pair.Access)))
	if again.Events[0].Action != "account.exported" {
		t.Errorf("the newest event is %s, want account.exported", again.Events[0].Action)
	}
}

func TestPrivateRegistrationTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorldOf(t, account.Config{Privacy: true}, login.Config{})
	body := func(address, username string) string {
		return jsonOf(t, map[string]string{"email": address, "password": password, "username": username})
	}
	free := w.post(t, pathRegister, body(email, "ada"), http.StatusAccepted)
	if len(free.body) != 0 || free.header.Get("Location") != "" {
		t.Errorf("got %s, %v", free.body, free.header)
	}
	hashes := w.hasher.Hashes()
	taken := w.post(t, pathRegister, body(strings.ToUpper(email), "other"), http.StatusAccepted)
	w.sameAnswer(t, free, taken)
	if w.hasher.Hashes() != hashes+1 {
		t.Error("a taken address costs no hash")
	}
	key := header("Idempotency-Key", "8e03978e-40d5-43dd-bc93-6894a57f9324")
	for range 2 {
		w.sameAnswer(t, free, w.post(t, pathRegister, body("third@example.org", "third"), http.StatusAccepted, key))
	}
	if got := w.call(t, http.MethodPost, pathRegister, body("fourth@example.org", "ADA")); got.status != 409 || got.code() != "username_taken" {
		t.Errorf("usernames are public: got %d %s", got.status, got.body)
	}
	var told []string
	for _, l := range w.mails(t) {
		told = append(told, string(l.Kind)+" "+l.To)
	}
	want := []string{"verify_email " + email, "registered_before " + email, "verify_email third@example.org"}
	slices.Sort(told)
	slices.Sort(want)
	if !slices.Equal(told, want) {
		t.Errorf("mails: got %q, want %q", told, want)
	}
}

// TestNoBodyTakesWhatIsNotAskedFor: rights and facts cannot be set by whoever adds them
// to a body (OWASP ASVS 5.0 15.3.3).
func TestNoBodyTakesWhatIsNotAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	access := bearer(w.login(t).Access)
	for call, members := range map[string]string{
		"POST " + pathRegister: `"email":"x@example.org","password":"correct horse battery staple"`,
		"POST " + pathLogin:    `"identifier":"ada","password":"correct horse battery staple"`,
		"POST " + pathRefresh:  `"refresh_token":"x"`,
		"POST " + pathVerify:   `"token":"x"`,
		"POST " + pathResend:   `"email":"x@example.org"`,
		"POST " + pathUndo:     `"token":"x"`,
		"POST " + pathForgot:   `"email":"x@example.org"`,
		"POST " + pathReset:    `"token":"x","new_password":"nine purple otters at noon"`,
		"PATCH " + pathMe:      `"display_name":"x"`,
		"POST " + pathPassword: `"current_password":"correct horse battery staple","new_password":"nine purple otters at noon"`,
		"POST " + pathEmail:    `"new_email":"x@example.org","password":"correct horse battery staple"`,
		"POST " + pathDelete:   `"password":"correct horse battery staple"`,
		"DELETE " + pathMe:     `"password":"correct horse battery staple"`,
	} {
		method, path, _ := strings.Cut(call, " ")
		for _, extra := range []string{`"role":"admin"`, `"roles":["admin"]`, `"email_verified":true`, `"email_verified_at":"2026-01-01T00:00:00Z"`, `"id":"0190d3b0-6f1e-7c51-9d2b-0a3f5e6d7c81"`, `"status":"active"`, `"version":1`} {
			if got := w.call(t, method, path, "{"+members+","+extra+"}", access); got.status != 400 || got.code() != "unknown_field" {
				t.Errorf("%s with %s: got %d %s", call, extra, got.status, got.body)
			}
		}
	}
	if letters := w.mails(t); len(letters) != 1 {
		t.Errorf("refused calls sent mail: %v", letters)
	}
}

// TestCookiesMeanNothing: there are no ambient credentials, so no other site can make
// a browser act for its user.
func TestCookiesMeanNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	pair := w.login(t)
	cookie := header("Cookie", "access_token="+pair.Access+"; Authorization=Bearer "+pair.Access+"; session="+pair.SessionID)
	for _, tt := range []struct{ method, path, body string }{
		{http.MethodGet, pathMe, ""},
		{http.MethodGet, pathExport, ""},
		{http.MethodGet, pathSessions, ""},
		{http.MethodPatch, pathMe, `{"display_name":"x"}`},
		{http.MethodPost, pathEmail, changeBody(t, newEmail)},
		{http.MethodPost, pathDelete, jsonOf(t, map[string]string{"password": password})},
		{http.MethodPost, pathLogout, ""},
	} {
		got := w.call(t, tt.method, tt.path, tt.body, cookie, header("Origin", issuer), header("Sec-Fetch-Site", "same-origin"))
		if got.status != 401 || got.code() != "missing_token" {
			t.Errorf("%s %s: got %d %s", tt.method, tt.path, got.status, got.body)
		}
	}
}

func TestLocaleIsChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	access := bearer(w.login(t).Access)
	for _, tt := range []struct {
		body   string
		status int
		want   string // of the answer
	}{
		{`{}`, 200, `"locale":null`},
		{`{"locale":"pt-BR"}`, 200, `"locale":"pt-BR"`},
		{`{"locale":"pt-br"}`, 422, `"field":"locale","code":"invalid_format"`},
		{`{"locale":"not a tag"}`, 422, `"field":"locale","code":"invalid_format"`},
		{`{"locale":"en-` + strings.Repeat("a", 8000) + `"}`, 422, `"field":"locale","code":"too_long"`},
		{`{"locale":"","username":""}`, 422, `"field":"locale","code":"required"`},
		{`{"locale":7}`, 400, `"field":"locale","code":"wrong_type"`},
		{`{"display_name":"x"}`, 200, `"locale":"pt-BR"`},
		{`{"locale":null}`, 200, `"locale":null`},
	} {
		if got := w.call(t, http.MethodPatch, pathMe, tt.body, access); got.status != tt.status || !strings.Contains(string(got.body), tt.want) {
			t.Errorf("%.60s: got %d %s, want %d %s", tt.body, got.status, got.body, tt.status, tt.want)
		}
	}
}
