package e2e_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"authserve/bootstrap/harness"
)

const (
	pathRegister = "/api/v1/auth/register"
	pathVerify   = "/api/v1/auth/email/verify"
	pathResend   = pathVerify + "/resend"
	pathUndo     = "/api/v1/auth/email/undo"
	pathForgot   = "/api/v1/auth/password/forgot"
	pathReset    = "/api/v1/auth/password/reset"
	pathEmail    = pathMe + "/email"
	invalidToken = "invalid_one_time_token"
)

func tokenBody(token string) map[string]string { return map[string]string{"token": token} }

func emailBody(address string) map[string]string { return map[string]string{"email": address} }

func resetBody(token, password string) map[string]string {
	return map[string]string{"token": token, "new_password": password}
}

func changeBody(address, password string) map[string]string {
	return map[string]string{"new_email": address, "password": password}
}

func login(identifier, password string) map[string]string {
	return map[string]string{"identifier": identifier, "password": password}
}

// TestMailTour is the life of an account by mail: verify, change the address, take it
// back, choose a new password, see everything that is kept, and delete it.
func TestMailTour(t *testing.T) {
	t.Parallel()
	const other, fresh = "ada@example.net", "nine purple otters at noon"
	p := start(t)
	c, mail := newCaller(t, p.HTTP), newInbox(t, p)
	registration := map[string]string{"email": email, "password": harness.Password, "username": "ada"}

	c.do(http.MethodPost, pathRegister, registration, "", http.StatusCreated)
	verify := mail.link("verify_email", email)
	if verify.base != p.HTTP || verify.page != "/links/verify-email" {
		t.Errorf("the link leads to %s%s, want %s/links/verify-email", verify.base, verify.page, p.HTTP)
	}
	// Scanners open links, also often: nothing comes of it.
	for range 3 {
		page := c.do(http.MethodGet, verify.page, nil, "", http.StatusOK)
		if !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") || strings.Contains(string(page.Body), verify.token) {
			t.Errorf("the page: %v", page.Header)
		}
		if a, err := c.Do(t.Context(), http.MethodPost, verify.page, tokenBody(verify.token), ""); err != nil || a.Status != http.StatusMethodNotAllowed {
			t.Errorf("POST to the page: %d %s, %v", a.Status, a.Body, err)
		}
	}
	c.do(http.MethodPost, pathVerify, tokenBody(verify.token), "", http.StatusNoContent)
	c.refused(http.MethodPost, pathVerify, tokenBody(verify.token), "", http.StatusUnprocessableEntity, invalidToken)

	here := c.tokens(pathLogin, credentials())
	if me := c.profile(here.Access); !me.Verified || me.Email != email {
		t.Errorf("profile: %+v", me)
	}
	c.refused(http.MethodPost, pathEmail, changeBody(other, "not the password"), here.Access, http.StatusForbidden, "wrong_password")
	c.do(http.MethodPost, pathEmail, changeBody(other, harness.Password), here.Access, http.StatusAccepted)
	if me := c.profile(here.Access); me.Email != email {
		t.Errorf("before the confirmation the address is %s", me.Email)
	}
	c.do(http.MethodPost, pathVerify, tokenBody(mail.token("change_email", other)), "", http.StatusNoContent)
	undo := mail.link("email_changed", email)
	c.refused(http.MethodGet, pathMe, nil, here.Access, http.StatusUnauthorized, "session_ended")
	c.refused(http.MethodPost, pathLogin, credentials(), "", http.StatusUnauthorized, "invalid_credentials")
	moved := c.tokens(pathLogin, login(other, harness.Password))

	c.do(http.MethodGet, undo.page, nil, "", http.StatusOK)
	c.do(http.MethodPost, pathUndo, tokenBody(undo.token), "", http.StatusNoContent)
	mail.next("email_restored", email)
	c.refused(http.MethodGet, pathMe, nil, moved.Access, http.StatusUnauthorized, "session_ended")
	c.refused(http.MethodPost, pathRefresh, refreshBody(moved.Refresh), "", http.StatusUnauthorized, "invalid_refresh_token")
	c.refused(http.MethodPost, pathLogin, login(other, harness.Password), "", http.StatusUnauthorized, "invalid_credentials")

	reset := mail.link("reset_password", email)
	c.do(http.MethodGet, reset.page, nil, "", http.StatusOK)
	c.refused(http.MethodPost, pathReset, resetBody(reset.token, "short"), "", http.StatusUnprocessableEntity, "validation_failed")
	c.do(http.MethodPost, pathReset, resetBody(reset.token, fresh), "", http.StatusNoContent)
	mail.next("password_reset", email)
	c.refused(http.MethodPost, pathLogin, credentials(), "", http.StatusUnauthorized, "invalid_credentials")
	here = c.tokens(pathLogin, login(email, fresh))

	export := c.do(http.MethodGet, pathMe+"/export", nil, here.Access, http.StatusOK)
	for _, want := range []string{`"email":"` + email, `"username":"ada"`, `"end_reason":"email_changed"`, `"settings":"$argon2id$`, `"kind":"email_changed"`, `"email.restored"`, `"password.reset"`} {
		if !strings.Contains(string(export.Body), want) {
			t.Errorf("the export lacks %s:\n%s", want, export.Body)
		}
	}
	if harness.Finds(export.Body) {
		t.Error("the export holds a secret")
	}

	c.refused(http.MethodDelete, pathMe, nil, here.Access, http.StatusUnprocessableEntity, "validation_failed")
	c.refused(http.MethodPost, pathMe+"/delete", map[string]string{"password": harness.Password}, here.Access, http.StatusForbidden, "wrong_password")
	c.do(http.MethodDelete, pathMe, map[string]string{"password": fresh}, here.Access, http.StatusNoContent)
	mail.next("account_deleted", email)
	c.refused(http.MethodGet, pathMe, nil, here.Access, http.StatusUnauthorized, "session_ended")
	c.refused(http.MethodPost, pathLogin, login(email, fresh), "", http.StatusUnauthorized, "invalid_credentials")
	c.do(http.MethodPost, pathRegister, registration, "", http.StatusCreated)
}

// profile reads the caller's account.
func (c caller) profile(access string) (me struct {
	Email    string
	Verified bool `json:"email_verified"`
	Locale   *string
	Roles    []string
},
) {
	c.t.Helper()
	if err := c.do(http.MethodGet, pathMe, nil, access, http.StatusOK).Decode(&me); err != nil {
		c.t.Fatal(err)
	}
	return me
}

// TestPrivateTour: where registration is private, only the reader of a mail learns what
// came of it, and an address must be verified before anybody logs in.
func TestPrivateTour(t *testing.T) {
	t.Parallel()
	p := start(t, "AUTHSERVE_REGISTRATION_PRIVACY=true")
	c, mail := newCaller(t, p.HTTP), newInbox(t, p)
	register := func(address, username string) harness.Answer {
		return c.do(http.MethodPost, pathRegister, map[string]string{"email": address, "password": harness.Password, "username": username}, "", http.StatusAccepted)
	}
	free := register(email, "ada")
	c.refused(http.MethodPost, pathLogin, credentials(), "", http.StatusUnauthorized, "invalid_credentials")
	c.refused(http.MethodPost, pathLogin, login(email, "not the password"), "", http.StatusUnauthorized, "invalid_credentials")
	c.do(http.MethodPost, pathVerify, tokenBody(mail.token("verify_email", email)), "", http.StatusNoContent)
	ada := c.tokens(pathLogin, credentials())

	sameAnswer(t, free, register(strings.ToUpper(email), "somebody"))
	if l := mail.next("registered_before", email); linkPattern.MatchString(l.Text) {
		t.Errorf("a stranger's registration mails a link that does something:\n%s", l.Text)
	}
	c.refused(http.MethodPost, pathRegister, map[string]string{"email": "x@example.org", "password": harness.Password, "username": "ADA"}, "", http.StatusConflict, "username_taken")

	register("eve@example.com", "eve")
	taken := c.do(http.MethodPost, pathEmail, changeBody("eve@example.com", harness.Password), ada.Access, http.StatusAccepted)
	sameAnswer(t, taken, c.do(http.MethodPost, pathEmail, changeBody("new@example.com", harness.Password), ada.Access, http.StatusAccepted))
	mail.next("change_email", "new@example.com") // the other one was to be sent before it
	if slices.ContainsFunc(mail.letters(), func(l letter) bool { return l.Kind == "change_email" && l.To == "eve@example.com" }) {
		t.Error("a link went to an address that another account has")
	}
}

// TestMailsSpeakTheOwnersLanguage: the locale of the profile is that of mails.
func TestMailsSpeakTheOwnersLanguage(t *testing.T) {
	t.Parallel()
	p := start(t)
	c, mail := newCaller(t, p.HTTP), newInbox(t, p)
	c.do(http.MethodPost, pathRegister, map[string]string{"email": email, "password": harness.Password}, "", http.StatusCreated)
	english := mail.next("verify_email", email)
	access := c.tokens(pathLogin, credentials()).Access
	c.do(http.MethodPatch, pathMe, map[string]any{"locale": "de-AT"}, access, http.StatusOK)
	if me := c.profile(access); me.Locale == nil || *me.Locale != "de-AT" {
		t.Errorf("profile: %+v", me)
	}
	c.do(http.MethodPost, pathResend, emailBody(email), "", http.StatusAccepted)
	if german := mail.next("verify_email", email); german.Subject == english.Subject {
		t.Errorf("both mails have the subject %q", german.Subject)
	}
}
