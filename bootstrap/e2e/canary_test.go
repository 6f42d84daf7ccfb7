package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"authserve/bootstrap/harness"
)

// TestNoSecretIsFoundAnywhere makes sure that the witness of the whole run can find
// what it looks for: everything else of it happens when all tests are over.
func TestNoSecretIsFoundAnywhere(t *testing.T) {
	t.Parallel()
	p := start(t)
	client := harness.NewClient(p.HTTP)
	if a, err := client.Register(t.Context(), "canary@example.com"); err != nil || a.Status != http.StatusCreated {
		t.Fatalf("register: %d, %v", a.Status, err)
	}
	a, tokens, err := client.Login(t.Context(), "canary@example.com")
	if err != nil || a.Status != http.StatusOK {
		t.Fatalf("log in: %d, %v", a.Status, err)
	}
	for what, secret := range map[string]string{"password": harness.Password, "access token": tokens.Access, "refresh token": tokens.Refresh} {
		for name, text := range map[string]string{
			"as it is":    "a line with " + secret + " in it",
			"in a URL":    "GET /?x=" + strings.ReplaceAll(secret, " ", "+") + " HTTP/1.1",
			"at the end":  secret,
			"with quotes": `{"msg":"` + secret + `"}`,
		} {
			if !harness.Finds([]byte(text)) {
				t.Errorf("the %s %s was not found", what, name)
			}
		}
	}
	if harness.Finds([]byte(p.Log())) {
		t.Errorf("the log holds a secret:\n%s", p.Log())
	}
}
