package e2e_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"authserve/bootstrap/harness"
)

// sameAnswer holds two answers against each other: status, header fields and body, but
// for the date, how many calls are left, and the names of the requests.
func sameAnswer(t *testing.T, one, other harness.Answer) {
	t.Helper()
	plain := func(a harness.Answer) string {
		h := a.Header.Clone()
		body := strings.ReplaceAll(string(a.Body), h.Get("X-Correlation-ID"), "")
		var problem struct {
			Trace string `json:"trace_id"`
		}
		if a.Code() != "" && a.Decode(&problem) == nil {
			body = strings.ReplaceAll(body, problem.Trace, "")
		}
		for _, name := range []string{"Date", "X-Correlation-ID", "RateLimit", "Retry-After"} {
			h.Del(name)
		}
		text := fmt.Sprintln(a.Status)
		for _, name := range slices.Sorted(maps.Keys(h)) {
			text += fmt.Sprintln(name, h[name])
		}
		return text + body
	}
	if plain(one) != plain(other) {
		t.Errorf("%s and %s can be told apart:\n%s\n%s", one.Request.URL.Path, other.Request.URL.Path, plain(one), plain(other))
	}
}

// TestAddressesCannotBeProbed: no answer tells whether anybody has an address.
func TestAddressesCannotBeProbed(t *testing.T) {
	t.Parallel()
	p := start(t, "AUTHSERVE_REGISTRATION_PRIVACY=true")
	c, mail := newCaller(t, p.HTTP), newInbox(t, p)
	register := func(address string) harness.Answer {
		return c.do(http.MethodPost, pathRegister, map[string]string{"email": address, "password": harness.Password}, "", http.StatusAccepted)
	}
	first := register(email)
	c.do(http.MethodPost, pathVerify, tokenBody(mail.token("verify_email", email)), "", http.StatusNoContent)
	sameAnswer(t, first, register("unverified@example.com"))

	sameAnswer(t, register(email), register("nobody@example.com"))
	for _, path := range []string{pathForgot, pathResend} {
		known := c.do(http.MethodPost, path, emailBody(email), "", http.StatusAccepted)
		if len(known.Body) != 0 {
			t.Errorf("%s says %s", path, known.Body)
		}
		for _, address := range []string{"stranger@example.com", "unverified@example.com"} {
			sameAnswer(t, known, c.do(http.MethodPost, path, emailBody(address), "", http.StatusAccepted))
		}
	}
	refused := func(identifier string) harness.Answer {
		return c.do(http.MethodPost, pathLogin, login(identifier, "not the password"), "", http.StatusUnauthorized)
	}
	known := refused(email)
	for _, identifier := range []string{"stranger@example.com", "unverified@example.com", "stranger"} {
		sameAnswer(t, known, refused(identifier))
	}
}

// TestOneTimeTokensAreGoodOnce: replayed, for another purpose, and after a newer one or
// a change of the account.
func TestOneTimeTokensAreGoodOnce(t *testing.T) {
	t.Parallel()
	const fresh = "nine purple otters at noon"
	p := start(t)
	c, mail := newCaller(t, p.HTTP), newInbox(t, p)
	refuse := func(path string, body map[string]string) {
		t.Helper()
		c.refused(http.MethodPost, path, body, "", http.StatusUnprocessableEntity, invalidToken)
	}
	c.do(http.MethodPost, pathRegister, map[string]string{"email": email, "password": harness.Password}, "", http.StatusCreated)
	first := mail.token("verify_email", email)
	refuse(pathUndo, tokenBody(first))
	refuse(pathReset, resetBody(first, fresh))
	c.do(http.MethodPost, pathResend, emailBody(email), "", http.StatusAccepted)
	second := mail.token("verify_email", email)
	refuse(pathVerify, tokenBody(first))
	c.do(http.MethodPost, pathVerify, tokenBody(second), "", http.StatusNoContent)
	refuse(pathVerify, tokenBody(second))

	access := c.tokens(pathLogin, credentials()).Access
	c.do(http.MethodPost, pathEmail, changeBody("ada@example.net", harness.Password), access, http.StatusAccepted)
	change := mail.token("change_email", "ada@example.net")
	c.do(http.MethodPost, pathForgot, emailBody(email), "", http.StatusAccepted)
	reset := mail.token("reset_password", email)
	refuse(pathVerify, tokenBody(reset))
	refuse(pathUndo, tokenBody(reset))
	refuse(pathUndo, tokenBody(change))
	refuse(pathReset, resetBody(change, fresh))
	c.do(http.MethodPost, pathReset, resetBody(reset, fresh), "", http.StatusNoContent)
	refuse(pathReset, resetBody(reset, fresh+"!"))
	refuse(pathVerify, tokenBody(change)) // asked for before the password changed
	c.tokens(pathLogin, login(email, fresh))
}

// TestLinksComeFromTheConfiguration: what a client says of the host ends up in no mail.
func TestLinksComeFromTheConfiguration(t *testing.T) {
	t.Parallel()
	const evil = "evil.example"
	for name, base := range map[string]string{"the issuer": "", "a base of its own": "http://127.0.0.1:1/accounts"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var environ []string
			if base != "" {
				environ = append(environ, "AUTHSERVE_LINKS_BASE_URL="+base)
			}
			p := start(t, environ...)
			c, mail := newCaller(t, p.HTTP), newInbox(t, p)
			want := base
			if want == "" {
				want = p.HTTP
			}
			c.do(http.MethodPost, pathRegister, map[string]string{"email": email, "password": harness.Password}, "", http.StatusCreated)
			mail.next("verify_email", email)
			for path, kind := range map[string]string{pathResend: "verify_email", pathForgot: "reset_password"} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.HTTP+path, strings.NewReader(`{"email":"`+email+`"}`))
				if err != nil {
					t.Fatal(err)
				}
				r.Host = evil
				for _, header := range []string{"X-Forwarded-Host", "X-Original-Host", "X-Host", "X-Forwarded-Server", "Origin", "Referer", "X-Forwarded-Prefix"} {
					r.Header.Set(header, "http://"+evil)
				}
				r.Header.Set("Forwarded", "host="+evil+";proto=http")
				r.Header.Set("X-Forwarded-Proto", "http")
				r.Header.Set("Content-Type", "application/json")
				a, err := c.Send(r)
				if err != nil || a.Status != http.StatusAccepted || strings.Contains(fmt.Sprint(a.Header), evil) {
					t.Fatalf("%s: %d %v, %v", path, a.Status, a.Header, err)
				}
				if got := mail.link(kind, email); got.base != want {
					t.Errorf("%s: the link leads to %s, want %s", kind, got.base, want)
				}
			}
			for _, l := range mail.letters() {
				if strings.Contains(l.Text+l.HTML+l.Subject, evil) {
					t.Errorf("a mail names %s:\n%s", evil, l.Text)
				}
			}
		})
	}
}

// TestBodiesTakeNoRights: members that are not asked for are refused in every body, and
// nothing comes of them.
func TestBodiesTakeNoRights(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := newCaller(t, p.HTTP)
	c.do(http.MethodPost, pathRegister, map[string]string{"email": email, "password": harness.Password}, "", http.StatusCreated)
	access := c.tokens(pathLogin, credentials()).Access
	calls := []struct {
		method, path string
		body         map[string]any
	}{
		{http.MethodPost, pathRegister, map[string]any{"email": "x@example.com", "password": harness.Password}},
		{http.MethodPost, pathLogin, map[string]any{"identifier": email, "password": harness.Password}},
		{http.MethodPost, pathRefresh, map[string]any{"refresh_token": "x"}},
		{http.MethodPost, pathVerify, map[string]any{"token": "x"}},
		{http.MethodPost, pathResend, map[string]any{"email": email}},
		{http.MethodPost, pathUndo, map[string]any{"token": "x"}},
		{http.MethodPost, pathForgot, map[string]any{"email": email}},
		{http.MethodPost, pathReset, map[string]any{"token": "x", "new_password": harness.Password}},
		{http.MethodPatch, pathMe, map[string]any{"display_name": "x"}},
		{http.MethodPost, pathMe + "/password", map[string]any{"current_password": harness.Password, "new_password": "nine purple otters at noon"}},
		{http.MethodPost, pathEmail, map[string]any{"new_email": "x@example.com", "password": harness.Password}},
		{http.MethodPost, pathMe + "/delete", map[string]any{"password": harness.Password}},
		{http.MethodDelete, pathMe, map[string]any{"password": harness.Password}},
	}
	for _, call := range calls {
		body := maps.Clone(call.body)
		maps.Copy(body, map[string]any{"role": "admin"})
		c.refused(call.method, call.path, body, access, http.StatusBadRequest, "unknown_field")
	}
	for name, value := range map[string]any{"roles": []string{"admin"}, "email_verified": true, "id": "0190d3b0-6f1e-7c51-9d2b-0a3f5e6d7c81", "status": "active"} {
		body := maps.Clone(calls[0].body)
		body[name] = value
		c.refused(http.MethodPost, pathRegister, body, "", http.StatusBadRequest, "unknown_field")
		c.refused(http.MethodPatch, pathMe, map[string]any{name: value}, access, http.StatusBadRequest, "unknown_field")
	}
	if me := c.profile(access); me.Verified || !slices.Equal(me.Roles, []string{"user"}) {
		t.Errorf("profile: %+v", me)
	}
}

// TestCookiesAreNeitherReadNorSet: a browser brings no rights with it, so no other site
// can use them. That no answer sets a cookie is checked at every call (caller.check).
func TestCookiesAreNeitherReadNorSet(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := newCaller(t, p.HTTP)
	c.do(http.MethodPost, pathRegister, map[string]string{"email": email, "password": harness.Password}, "", http.StatusCreated)
	tokens := c.tokens(pathLogin, credentials())
	for _, call := range []struct{ method, path, body string }{
		{http.MethodGet, pathMe, ""},
		{http.MethodGet, pathMe + "/export", ""},
		{http.MethodPost, pathMe + "/delete", `{"password":"` + harness.Password + `"}`},
		{http.MethodPost, pathEmail, `{"new_email":"x@example.com","password":"` + harness.Password + `"}`},
	} {
		r, err := http.NewRequestWithContext(t.Context(), call.method, p.HTTP+call.path, strings.NewReader(call.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Cookie", "access_token="+tokens.Access+"; token="+tokens.Access+"; session_id="+tokens.Session+"; Authorization=Bearer "+tokens.Access)
		a, err := c.Send(r)
		if err != nil {
			t.Fatal(err)
		}
		c.check(a, http.StatusUnauthorized)
		if a.Code() != "missing_token" {
			t.Errorf("%s %s: %s", call.method, call.path, a.Body)
		}
	}
	c.profile(tokens.Access)
}
