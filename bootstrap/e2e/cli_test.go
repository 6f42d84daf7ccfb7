package e2e_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"authserve/bootstrap/harness"
)

// command runs one command of the program beside whatever runs in dir.
func command(t *testing.T, dir, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	stdout, stderr, code, err := harness.Run(t.Context(), binary, dir, harness.Environ(dir), stdin, args...)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return stdout, stderr, code
}

func TestFirstAdministrator(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	create := []string{"user", "create", "--email", "root@example.com", "--username", "admin", "--role", "admin", "--password-stdin", "--json"}
	stdout, stderr, code := command(t, dir, harness.Password+"\n", create...)
	if code != 0 {
		t.Fatalf("before the first start: exit %d, %s", code, stderr)
	}
	var created struct {
		ID    string   `json:"id"`
		Roles []string `json:"roles"`
	}
	if err := json.Unmarshal([]byte(stdout), &created); err != nil || created.ID == "" {
		t.Fatalf("output %q: %v", stdout, err)
	}

	p := startIn(t, dir)
	c := newCaller(t, p.HTTP)
	tokens := c.tokens(pathLogin, map[string]string{"identifier": "admin", "password": harness.Password})
	var me struct{ Roles []string }
	if err := c.do(http.MethodGet, pathMe, nil, tokens.Access, http.StatusOK).Decode(&me); err != nil || !strings.Contains(strings.Join(me.Roles, " "), "admin") {
		t.Errorf("roles = %v, %v; want admin", me.Roles, err)
	}

	// Beside the running service.
	if _, stderr, code := command(t, dir, harness.Password, "user", "create", "--email", "second@example.com", "--role", "admin", "--password-stdin"); code != 0 {
		t.Errorf("beside the running service: exit %d, %s", code, stderr)
	}
	c.tokens(pathLogin, map[string]string{"identifier": "second@example.com", "password": harness.Password})
	if strings.Contains(p.Log()+stdout+stderr, harness.Password) {
		t.Error("the password was printed")
	}
}

func TestWrongUsageIsToldApart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, c := range []struct {
		name  string
		stdin string
		args  []string
		code  int
		want  string
	}{
		{"unknown command", "", []string{"sevre"}, 2, "serve"},
		{"unknown flag", "", []string{"serve", "--prot", "1"}, 2, "prot"},
		{"no e-mail", "", []string{"user", "create", "--role", "admin"}, 2, "email"},
		{"unknown role", harness.Password, []string{"user", "create", "--email", "a@b.c", "--role", "king", "--password-stdin"}, 2, "role"},
		{"short password", "short", []string{"user", "create", "--email", "a@b.c", "--role", "user", "--password-stdin"}, 1, "password"},
		{"bad e-mail", harness.Password, []string{"user", "create", "--email", "nobody", "--role", "user", "--password-stdin"}, 1, "email"},
		{"unknown configuration file", "", []string{"config", "check", "--config", "absent.yaml"}, 1, "absent.yaml"},
		{"bad setting", "", []string{"config", "check", "--token-access-ttl", "soon"}, 1, "token.access_ttl"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, stderr, code := command(t, dir, c.stdin, c.args...)
			if code != c.code || !strings.Contains(stderr, c.want) {
				t.Errorf("exit %d, %q; want %d and a word about %q", code, stderr, c.code, c.want)
			}
		})
	}
}

func TestMigrateCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, step := range []struct {
		args []string
		want string
	}{
		{[]string{"migrate", "status"}, "pending"},
		{[]string{"migrate", "up"}, "initial"},
		{[]string{"migrate", "down"}, "initial"},
		{[]string{"migrate", "up"}, "initial"},
	} {
		stdout, stderr, code := command(t, dir, "", step.args...)
		if code != 0 || !strings.Contains(stdout, step.want) {
			t.Errorf("%v: exit %d, %q %q; want %q", step.args, code, stdout, stderr, step.want)
		}
	}
}

func TestHealthcheckTellsByItsExitCode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startIn(t, dir)
	address := strings.TrimPrefix(p.HTTP, "http://")
	if _, stderr, code := command(t, dir, "", "healthcheck", "--http-addr", address); code != 0 {
		t.Errorf("a healthy service: exit %d, %s", code, stderr)
	}
	if _, _, code := command(t, dir, "", "healthcheck", "--http-addr", "127.0.0.1:1"); code != 1 {
		t.Errorf("nobody there: exit %d; want 1", code)
	}
}

func TestConfigPrintShowsSourcesAndNoSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldCE="
	stdout, _, _, err := harness.Run(t.Context(), binary, dir, harness.Environ(dir, "AUTHSERVE_MASTER_KEY="+secret), "", "config", "print", "--log-level", "debug")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(stdout, secret) || !strings.Contains(stdout, "AUTHSERVE_MASTER_KEY") || !strings.Contains(stdout, "--log-level") {
		t.Errorf("output:\n%s", stdout)
	}
}
