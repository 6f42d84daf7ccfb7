package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"authserve/bootstrap/harness"
)

// TestOwnersTour is what an owner does with an account: change the profile and the
// password, and read what the service says of it by mail.
func TestOwnersTour(t *testing.T) {
	t.Parallel()
	const fresh = "nine purple otters at noon"
	p := start(t)
	c := newCaller(t, p.HTTP)
	c.do(http.MethodPost, "/api/v1/auth/register", map[string]string{"email": email, "password": harness.Password}, "", http.StatusCreated)
	elsewhere, here := c.tokens(pathLogin, credentials()), c.tokens(pathLogin, credentials())

	c.do(http.MethodPatch, pathMe, map[string]any{"username": "ada", "display_name": "Ada Lovelace"}, here.Access, http.StatusOK)
	c.refused(http.MethodPatch, pathMe, map[string]any{"roles": []string{"admin"}}, here.Access, http.StatusBadRequest, "unknown_field")
	var me struct {
		Username string
		Name     string `json:"display_name"`
	}
	if err := c.do(http.MethodGet, pathMe, nil, elsewhere.Access, http.StatusOK).Decode(&me); err != nil || me.Username != "ada" || me.Name != "Ada Lovelace" {
		t.Errorf("profile = %+v, %v", me, err)
	}

	const path = pathMe + "/password"
	change := func(current string) map[string]string {
		return map[string]string{"current_password": current, "new_password": fresh}
	}
	c.refused(http.MethodPost, path, change(fresh+"?"), here.Access, http.StatusForbidden, "wrong_password")
	var pair harness.Tokens
	if err := c.do(http.MethodPost, path, change(harness.Password), here.Access, http.StatusOK).Decode(&pair); err != nil {
		t.Fatal(err)
	}
	for _, old := range []harness.Tokens{elsewhere, here} {
		c.refused(http.MethodPost, pathRefresh, refreshBody(old.Refresh), "", http.StatusUnauthorized, "invalid_refresh_token")
	}
	c.refused(http.MethodGet, pathMe, nil, here.Access, http.StatusUnauthorized, "invalid_token")
	c.refused(http.MethodGet, pathMe, nil, elsewhere.Access, http.StatusUnauthorized, "session_ended")
	c.refused(http.MethodPost, pathLogin, credentials(), "", http.StatusUnauthorized, "invalid_credentials")
	c.do(http.MethodGet, pathMe, nil, pair.Access, http.StatusOK)
	c.tokens(pathLogin, map[string]string{"identifier": "ada", "password": fresh})

	newInbox(t, p).next("password_changed", email)
	for _, secret := range []string{harness.Password, fresh, pair.Access, pair.Refresh} {
		if strings.Contains(p.Log(), secret) {
			t.Error("a password or token stands in the log")
		}
	}
}
