package e2e_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"authserve/bootstrap/harness"
)

// TestLockOutAndRecovery is an attack on one account, and what its owner sees of it: a
// closed door on a new device, nothing on a known one, and a way back by mail.
func TestLockOutAndRecovery(t *testing.T) {
	t.Parallel()
	const wrong, fresh, failures = "not the password of this account", "nine purple otters at noon", 10
	p := start(t, cheapHashes("AUTHSERVE_RATE_LIMIT_FREE_FAILURES=10", "AUTHSERVE_RATE_LIMIT_MAX_FAILURES=10")...)
	c, mail := newCaller(t, p.HTTP), newInbox(t, p)
	c.do(http.MethodPost, pathRegister, map[string]string{"email": email, "password": harness.Password}, "", http.StatusCreated)
	owner := c.tokens(pathLogin, credentials())

	for i := range failures + 3 {
		known := c.lookOf(login(email, wrong))
		if unknown := c.lookOf(login("nobody@example.org", wrong)); known != unknown {
			t.Fatalf("attempt %d: an account is answered\n%s\nand none\n%s", i+1, known, unknown)
		}
		if refused := strings.HasPrefix(known, "429"); refused != (i >= failures) {
			t.Fatalf("attempt %d: %s", i+1, known)
		}
	}
	c.refused(http.MethodPost, pathLogin, credentials(), "", http.StatusTooManyRequests, "too_many_attempts")

	onDevice := func(password string) map[string]string {
		body := login(email, password)
		body["device_token"] = owner.Device
		return body
	}
	again := c.tokens(pathLogin, onDevice(harness.Password))
	if again.Device == "" {
		t.Error("a login without a device token")
	}
	c.do(http.MethodGet, pathMe, nil, owner.Access, http.StatusOK)
	c.tokens(pathRefresh, refreshBody(owner.Refresh))

	c.do(http.MethodPost, pathForgot, emailBody(email), "", http.StatusAccepted)
	c.do(http.MethodPost, pathReset, resetBody(mail.token("reset_password", email), fresh), "", http.StatusNoContent)
	c.refused(http.MethodPost, pathLogin, login(email, wrong), "", http.StatusUnauthorized, "invalid_credentials")
	c.tokens(pathLogin, login(email, fresh))
	c.tokens(pathLogin, onDevice(fresh))
}

// lookOf is everything that a login's answer tells, less what differs between any two.
func (c caller) lookOf(body map[string]string) string {
	c.t.Helper()
	a, err := c.Do(c.t.Context(), http.MethodPost, pathLogin, body, "")
	if err != nil {
		c.t.Fatal(err)
	}
	c.check(a, a.Status)
	own := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|"trace_id":"[0-9a-f]+"`)
	var lines []string
	for name, values := range a.Header {
		if name != "Date" && name != "X-Correlation-Id" && !strings.HasPrefix(name, "Ratelimit") {
			lines = append(lines, fmt.Sprintf("%s: %q", name, values))
		}
	}
	slices.Sort(lines)
	return fmt.Sprintf("%d\n%s\n%s", a.Status, strings.Join(lines, "\n"), own.ReplaceAll(a.Body, []byte("ID")))
}

// TestOwnerIsToldOfANewDevice: by mail, and not of a device that shows its token.
func TestOwnerIsToldOfANewDevice(t *testing.T) {
	t.Parallel()
	p := start(t, cheapHashes()...)
	c, mail := newCaller(t, p.HTTP), newInbox(t, p)
	c.do(http.MethodPost, pathRegister, map[string]string{"email": email, "password": harness.Password}, "", http.StatusCreated)
	first := c.tokens(pathLogin, credentials())
	from := func(program, device string) {
		t.Helper()
		body := fmt.Sprintf(`{"identifier":%q,"password":%q,"device_token":%q}`, email, harness.Password, device)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.HTTP+pathLogin, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("User-Agent", program)
		a, err := c.Send(r)
		if err != nil {
			t.Fatal(err)
		}
		c.check(a, http.StatusOK)
	}
	from("Updated/2.0", first.Device)
	from("Stranger/1.0", "")
	if text := mail.next("new_device", email).Text; !strings.Contains(text, "Stranger/1") || !strings.Contains(text, "127.0.0.1") {
		t.Errorf("the notice does not tell what it is about:\n%s", text)
	}
	count := 0
	for _, l := range mail.letters() {
		if l.Kind == "new_device" {
			count++
		}
	}
	if count != 1 {
		t.Errorf("%d notices; want one", count)
	}
}

// TestVerifiedAddressesOnly: nobody logs in before the address is verified. Only who
// knows the password is told so, and in privacy mode not even they: whether the
// account is theirs is what the answer would tell.
func TestVerifiedAddressesOnly(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]struct {
		status int
		code   string
	}{
		"REQUIRE_VERIFIED_EMAIL": {http.StatusForbidden, "email_not_verified"},
		"PRIVACY":                {http.StatusUnauthorized, "invalid_credentials"},
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			p := start(t, cheapHashes("AUTHSERVE_REGISTRATION_"+setting+"=true")...)
			c, mail := newCaller(t, p.HTTP), newInbox(t, p)
			a, err := c.Do(t.Context(), http.MethodPost, pathRegister, map[string]string{"email": email, "password": harness.Password}, "")
			if err != nil || a.Status/100 != 2 {
				t.Fatalf("register: %d %s, %v", a.Status, a.Body, err)
			}
			link := mail.token("verify_email", email)
			c.refused(http.MethodPost, pathLogin, credentials(), "", want.status, want.code)
			c.refused(http.MethodPost, pathLogin, login(email, "not the password of this account"), "", http.StatusUnauthorized, "invalid_credentials")
			c.do(http.MethodPost, pathVerify, tokenBody(link), "", http.StatusNoContent)
			c.tokens(pathLogin, credentials())
		})
	}
}
