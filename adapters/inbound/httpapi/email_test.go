package httpapi_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"authserve/core/account"
	"authserve/core/domain"
	"authserve/core/login"
)

const (
	pathVerify   = "/api/v1/auth/email/verify"
	pathResend   = pathVerify + "/resend"
	pathUndo     = "/api/v1/auth/email/undo"
	pathForgot   = "/api/v1/auth/password/forgot"
	pathReset    = "/api/v1/auth/password/reset"
	pathEmail    = pathMe + "/email"
	newEmail     = "ada@example.net"
	invalidToken = "invalid_one_time_token"
)

func tokenBody(t testing.TB, token string) string {
	t.Helper()
	return jsonOf(t, map[string]string{"token": token})
}

func resetBody(t testing.TB, token string) string {
	t.Helper()
	return jsonOf(t, map[string]string{"token": token, "new_password": newPassword})
}

func emailBody(t testing.TB, address string) string {
	t.Helper()
	return jsonOf(t, map[string]string{"email": address})
}

func changeBody(t testing.TB, address string) string {
	t.Helper()
	return jsonOf(t, map[string]string{"new_email": address, "password": password})
}

func (w *world) post(t testing.TB, path, body string, status int, options ...option) answer {
	t.Helper()
	got := w.call(t, http.MethodPost, path, body, options...)
	if got.status != status {
		t.Fatalf("%s: got %d %s, want %d", path, got.status, got.body, status)
	}
	return got
}

func (w *world) refuseToken(t testing.TB, path, body string) {
	t.Helper()
	if got := w.post(t, path, body, http.StatusUnprocessableEntity); got.code() != invalidToken {
		t.Errorf("%s: got %s, want %s", path, got.body, invalidToken)
	}
}

func TestEmailIsVerified(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	before := w.login(t)
	old := w.token(t, domain.MessageVerifyEmail, email)
	w.clock.Advance(time.Second)
	if got := w.post(t, pathResend, emailBody(t, strings.ToUpper(email)), http.StatusAccepted); len(got.body) != 0 {
		t.Errorf("resend says %s", got.body)
	}
	fresh := w.token(t, domain.MessageVerifyEmail, email)
	w.refuseToken(t, pathVerify, tokenBody(t, old))
	if got := w.post(t, pathVerify, tokenBody(t, fresh), http.StatusNoContent); got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", got.header)
	}
	w.refuseToken(t, pathVerify, tokenBody(t, fresh))
	if got := w.call(t, http.MethodGet, pathMe, "", bearer(before.Access)); got.code() != "session_ended" {
		t.Errorf("a session from before: got %d %s", got.status, got.body)
	}
	if got := decode[user](t, w.call(t, http.MethodGet, pathMe, "", bearer(w.login(t).Access))); !got.EmailVerified {
		t.Error("the address is not verified")
	}
}

func TestEmailIsChangedAndTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	w.post(t, pathVerify, tokenBody(t, w.token(t, domain.MessageVerifyEmail, email)), http.StatusNoContent)
	w.post(t, pathRegister, `{"email":"eve@example.org","password":"correct horse battery staple"}`, http.StatusCreated)
	pair := w.login(t)
	for name, tt := range map[string]struct {
		body, code string
		status     int
	}{
		"wrong password": {`{"new_email":"a@example.net","password":"wrong"}`, "wrong_password", 403},
		"nothing":        {`{}`, "validation_failed", 422},
		"the same":       {changeBody(t, email), "validation_failed", 422},
		"taken":          {changeBody(t, "EVE@example.org"), "email_taken", 409},
		"an extra field": {`{"new_email":"a@example.net","password":"x","email_verified":true}`, "unknown_field", 400},
	} {
		if got := w.call(t, http.MethodPost, pathEmail, tt.body, bearer(pair.Access)); got.status != tt.status || got.code() != tt.code {
			t.Errorf("%s: got %d %s, want %d %s", name, got.status, got.body, tt.status, tt.code)
		}
	}
	if got := w.call(t, http.MethodPost, pathEmail, `{}`, bearer(pair.Access)).fields(t); got["new_email"] != "required" || got["password"] != "required" {
		t.Errorf("nothing sent: got %v", got)
	}
	w.post(t, pathEmail, changeBody(t, newEmail), http.StatusUnauthorized)
	w.post(t, pathEmail, changeBody(t, newEmail), http.StatusAccepted, bearer(pair.Access))
	if got := decode[user](t, w.call(t, http.MethodGet, pathMe, "", bearer(pair.Access))); got.Email != email {
		t.Errorf("before the confirmation the address is %s", got.Email)
	}
	change := w.token(t, domain.MessageChangeEmail, newEmail)
	w.post(t, pathVerify, tokenBody(t, change), http.StatusNoContent)
	w.refuseToken(t, pathVerify, tokenBody(t, change))
	w.post(t, pathLogin, `{"identifier":"`+newEmail+`","password":"`+password+`"}`, http.StatusOK)
	undo := w.token(t, domain.MessageEmailChanged, email)
	w.post(t, pathUndo, tokenBody(t, undo), http.StatusNoContent)
	w.refuseToken(t, pathUndo, tokenBody(t, undo))
	w.post(t, pathLogin, `{"identifier":"`+newEmail+`","password":"`+password+`"}`, http.StatusUnauthorized)
	w.post(t, pathReset, resetBody(t, w.token(t, domain.MessageResetPassword, email)), http.StatusNoContent)
	w.post(t, pathLogin, `{"identifier":"`+email+`","password":"`+newPassword+`"}`, http.StatusOK)
}

func TestTokensAreGoodForOnePurpose(t *testing.T) {
	t.Parallel()
	accepts := map[string]map[domain.MessageKind]bool{
		pathVerify: {domain.MessageVerifyEmail: true, domain.MessageChangeEmail: true},
		pathUndo:   {domain.MessageEmailChanged: true},
		pathReset:  {domain.MessageResetPassword: true},
	}
	// tokenOf makes a token of the kind that is still good.
	tokenOf := func(t *testing.T, w *world, kind domain.MessageKind) string {
		t.Helper()
		w.register(t)
		if kind == domain.MessageVerifyEmail {
			return w.token(t, kind, email)
		}
		w.post(t, pathVerify, tokenBody(t, w.token(t, domain.MessageVerifyEmail, email)), http.StatusNoContent)
		if kind == domain.MessageResetPassword {
			w.clock.Advance(time.Second)
			w.post(t, pathForgot, emailBody(t, email), http.StatusAccepted)
			return w.token(t, kind, email)
		}
		w.post(t, pathEmail, changeBody(t, newEmail), http.StatusAccepted, bearer(w.login(t).Access))
		change := w.token(t, domain.MessageChangeEmail, newEmail)
		if kind == domain.MessageChangeEmail {
			return change
		}
		w.post(t, pathVerify, tokenBody(t, change), http.StatusNoContent)
		return w.token(t, kind, email)
	}
	for _, kind := range []domain.MessageKind{domain.MessageVerifyEmail, domain.MessageChangeEmail, domain.MessageEmailChanged, domain.MessageResetPassword} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			token := tokenOf(t, w, kind)
			good := ""
			for path, kinds := range accepts {
				if kinds[kind] {
					good = path
					continue
				}
				body := tokenBody(t, token)
				if path == pathReset {
					body = resetBody(t, token)
				}
				w.refuseToken(t, path, body)
			}
			// What was refused elsewhere was not spent.
			body := tokenBody(t, token)
			if good == pathReset {
				body = resetBody(t, token)
			}
			w.post(t, good, body, http.StatusNoContent)
		})
	}
}

func TestMalformedOneTimeTokensAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	good := w.token(t, domain.MessageVerifyEmail, email)
	for name, token := range map[string]string{
		"unknown": strings.Repeat("A", 43), "cut": good[:42], "longer": good + "A", "padded": good + "=",
		"spaces": " " + good, "huge": strings.Repeat("A", 60000), "nul": "\x00", "other alphabet": strings.Repeat("/", 43),
	} {
		for _, path := range []string{pathVerify, pathUndo} {
			if got := w.call(t, http.MethodPost, path, tokenBody(t, token)); got.status != 422 || got.code() != invalidToken {
				t.Errorf("%s at %s: got %d %s", name, path, got.status, got.body)
			}
		}
		if got := w.call(t, http.MethodPost, pathReset, resetBody(t, token)); got.status != 422 || got.code() != invalidToken {
			t.Errorf("%s at %s: got %d %s", name, pathReset, got.status, got.body)
		}
	}
	for _, path := range []string{pathVerify, pathUndo, pathReset} {
		if got := w.call(t, http.MethodPost, path, `{}`); got.status != 422 || got.fields(t)["token"] != "required" {
			t.Errorf("nothing at %s: got %d %s", path, got.status, got.body)
		}
		if got := w.call(t, http.MethodPost, path+"?token="+good, `{}`); got.status != 400 || got.code() != "unknown_parameter" {
			t.Errorf("in the query of %s: got %d %s", path, got.status, got.body)
		}
		if got := w.call(t, http.MethodGet, path, ""); got.status != 405 {
			t.Errorf("GET %s: got %d", path, got.status)
		}
	}
	w.post(t, pathVerify, tokenBody(t, good), http.StatusNoContent)
}

// TestAskingForMailTellsNothing: whether anybody has an address can be seen neither in
// an answer nor in when it comes to an end.
func TestAskingForMailTellsNothing(t *testing.T) {
	t.Parallel()
	for _, path := range []string{pathForgot, pathResend} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.register(t)
			w.post(t, pathRegister, `{"email":"eve@example.org","password":"correct horse battery staple"}`, http.StatusCreated)
			w.post(t, pathVerify, tokenBody(t, w.token(t, domain.MessageVerifyEmail, email)), http.StatusNoContent)
			w.clock.Advance(2 * time.Hour) // registering is a mail, too
			for range 6 {
				known := w.call(t, http.MethodPost, path, emailBody(t, email))
				w.sameAnswer(t, known, w.call(t, http.MethodPost, path, emailBody(t, "nobody@example.org")))
				w.sameAnswer(t, known, w.call(t, http.MethodPost, path, emailBody(t, "eve@example.org")))
			}
			if got := w.call(t, http.MethodPost, path, emailBody(t, email)); got.status != 429 || got.code() != "too_many_attempts" || got.header.Get("Retry-After") == "" {
				t.Errorf("the seventh in a row: got %d %s", got.status, got.body)
			}
			for body, code := range map[string]string{`{}`: "required", `{"email":"nobody"}`: "invalid_format", `{"email":"a@b.c\r\nBcc: x@y.z"}`: "invalid_format"} {
				if got := w.call(t, http.MethodPost, path, body); got.status != 422 || got.fields(t)["email"] != code {
					t.Errorf("%s: got %d %s", body, got.status, got.body)
				}
			}
		})
	}
}

// sameAnswer holds two answers against each other, but for the names of their requests.
func (w *world) sameAnswer(t testing.TB, one, other answer) {
	t.Helper()
	plain := func(a answer) string {
		h := a.header.Clone()
		correlation := h.Get("X-Correlation-ID")
		h.Del("X-Correlation-ID")
		h.Del("RateLimit") // counts the calls, whatever they are answered
		body := strings.ReplaceAll(string(a.body), correlation, "")
		if a.code() != "" {
			_, rest, _ := strings.Cut(body, `"trace_id":"`)
			if len(rest) > 32 {
				body = strings.Replace(body, rest[:32], "", 1)
			}
		}
		return jsonOf(t, []any{a.status, h, body})
	}
	if plain(one) != plain(other) {
		t.Errorf("answers differ:\n%s\n%s", plain(one), plain(other))
	}
}

func TestPrivateChangeOfEmailTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorldOf(t, account.Config{Privacy: true}, login.Config{})
	for _, address := range []string{email, "eve@example.org"} {
		w.post(t, pathRegister, jsonOf(t, map[string]string{"email": address, "password": password}), http.StatusAccepted)
	}
	access := bearer(w.login(t).Access)
	taken := w.call(t, http.MethodPost, pathEmail, changeBody(t, "eve@example.org"), access)
	free := w.call(t, http.MethodPost, pathEmail, changeBody(t, newEmail), access)
	w.sameAnswer(t, taken, free)
	for _, l := range w.mails(t) {
		if l.Kind == domain.MessageChangeEmail && l.To != newEmail {
			t.Errorf("a link went to %s, who has an account", l.To)
		}
	}
}

func TestForgottenPasswordIsReset(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(t)
	pair := w.login(t)
	w.clock.Advance(time.Second)
	w.post(t, pathForgot, emailBody(t, email), http.StatusAccepted)
	old := w.token(t, domain.MessageResetPassword, email)
	w.clock.Advance(time.Second)
	w.post(t, pathForgot, emailBody(t, email), http.StatusAccepted)
	fresh := w.token(t, domain.MessageResetPassword, email)
	w.refuseToken(t, pathReset, resetBody(t, old))
	for password, code := range map[string]string{"": "required", "short": "too_short", "passwordpassword": "too_common"} {
		got := w.post(t, pathReset, jsonOf(t, map[string]string{"token": fresh, "new_password": password}), http.StatusUnprocessableEntity)
		if got.fields(t)["new_password"] != code {
			t.Errorf("%q: got %s, want %s", password, got.body, code)
		}
	}
	w.post(t, pathReset, resetBody(t, fresh), http.StatusNoContent) // refused passwords spent nothing
	w.refuseToken(t, pathReset, resetBody(t, fresh))
	if got := w.refresh(t, pair.Refresh); got.status != 401 {
		t.Errorf("a session from before: got %d", got.status)
	}
	w.post(t, pathLogin, jsonOf(t, map[string]string{"identifier": email, "password": password}), http.StatusUnauthorized)
	a := w.post(t, pathLogin, jsonOf(t, map[string]string{"identifier": email, "password": newPassword}), http.StatusOK)
	if got := decode[user](t, w.call(t, http.MethodGet, pathMe, "", bearer(decode[tokens](t, a).Access))); !got.EmailVerified {
		t.Error("whoever read the mail is not verified")
	}
}

// TestParallelUsesOfOneToken: of sixteen contenders one succeeds.
func TestParallelUsesOfOneToken(t *testing.T) {
	t.Parallel()
	const contenders = 16
	w := newWorld(t)
	w.register(t)
	verify := w.token(t, domain.MessageVerifyEmail, email)
	w.clock.Advance(time.Second)
	race := func(path, body string) {
		t.Helper()
		statuses := make([]int, contenders)
		var group sync.WaitGroup
		for i := range contenders {
			group.Go(func() { statuses[i] = w.call(t, http.MethodPost, path, body).status })
		}
		group.Wait()
		count := map[int]int{}
		for _, status := range statuses {
			count[status]++
		}
		if count[204] != 1 || count[422] != contenders-1 {
			t.Errorf("%s: got %v, want one 204 and the rest 422", path, count)
		}
	}
	race(pathVerify, tokenBody(t, verify))
	w.post(t, pathForgot, emailBody(t, email), http.StatusAccepted)
	race(pathReset, resetBody(t, w.token(t, domain.MessageResetPassword, email)))
}
