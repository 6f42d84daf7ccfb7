package e2e_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"authserve/bootstrap/harness"
)

func TestSecondServeOnOneDataDirectoryRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startIn(t, dir)
	_, stderr, code, err := harness.Run(t.Context(), binary, dir, harness.Environ(dir), "", "serve")
	if err != nil || code != 1 || !strings.Contains(stderr, "another authserve") || !strings.Contains(stderr, filepath.Join(dir, "data")) {
		t.Errorf("second serve: exit %d, %v, %q; want 1 and a clear refusal", code, err, stderr)
	}
}

func TestRestartKeepsAccountsSessionsAndKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, err := harness.Start(context.Background(), binary, dir, harness.Environ(dir, "AUTHSERVE_ISSUER=http://127.0.0.1:8080"))
	if err != nil {
		t.Fatal(err)
	}
	c := newCaller(t, p.HTTP)
	c.do(http.MethodPost, "/api/v1/auth/register", map[string]string{"email": email, "password": harness.Password}, "", http.StatusCreated)
	tokens := c.tokens(pathLogin, credentials())
	if code, err := p.Terminate(); err != nil || code != 0 {
		t.Fatalf("SIGTERM: exit %d, %v; want 0\n%s", code, err, p.Log())
	}
	if !strings.Contains(p.Log(), `"msg":"stopped"`) {
		t.Errorf("the log does not tell of the stop:\n%s", p.Log())
	}

	again := newCaller(t, startIn(t, dir, "AUTHSERVE_ISSUER=http://127.0.0.1:8080").HTTP)
	again.do(http.MethodGet, pathMe, nil, tokens.Access, http.StatusOK)
	again.tokens(pathRefresh, refreshBody(tokens.Refresh))
	again.tokens(pathLogin, credentials())
}

func TestDataDirectoryIsPrivate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startIn(t, dir)
	err := filepath.WalkDir(filepath.Join(dir, "data"), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v; want nothing for group or others", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestProductionNamesEveryFaultAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := filepath.Join(dir, "master.key")
	if err := os.WriteFile(key, []byte("YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		environ []string
		want    []string
	}{
		"nothing given": {[]string{"AUTHSERVE_ENV=production"}, []string{"master_key", "issuer"}},
		"weak key, open file, plain issuer, nonsense": {
			[]string{"AUTHSERVE_ENV=production", "AUTHSERVE_MASTER_KEY_FILE=" + key, "AUTHSERVE_ISSUER=http://auth.example.com", "AUTHSERVE_TOKEN_ACCESS_TTL=soon"},
			[]string{"master_key", "0644", "issuer", "token.access_ttl"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, stderr, code, err := harness.Run(t.Context(), binary, dir, harness.Environ(dir, c.environ...), "", "serve")
			if err != nil || code != 1 {
				t.Errorf("exit %d, %v; want 1", code, err)
			}
			for _, want := range c.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("%q does not name %s", stderr, want)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "data")); !os.IsNotExist(err) {
				t.Error("a refused start left files behind")
			}
		})
	}
}

func TestOperationsListener(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := harness.NewClient(p.Ops)
	newCaller(t, p.HTTP).do(http.MethodGet, "/healthz", nil, "", http.StatusOK)
	for path, want := range map[string]string{
		"/livez": "ok", "/readyz": "database", "/metrics": "http_server_request_duration", "/circuit-breakers": "db.write", "/dev/mail": "",
	} {
		a, err := c.Do(t.Context(), http.MethodGet, path, nil, "")
		if err != nil || a.Status != http.StatusOK || !strings.Contains(string(a.Body), want) {
			t.Errorf("%s = %d, %v; want 200 with %q\n%s", path, a.Status, err, want, a.Body)
		}
	}
	if a, err := c.Do(t.Context(), http.MethodGet, "/debug/pprof/", nil, ""); err != nil || a.Status != http.StatusNotFound {
		t.Errorf("pprof without being asked for = %d, %v; want 404", a.Status, err)
	}
	main := harness.NewClient(p.HTTP)
	for _, path := range []string{"/metrics", "/debug/pprof/", "/circuit-breakers", "/livez"} {
		if a, err := main.Do(t.Context(), http.MethodGet, path, nil, ""); err != nil || a.Status != http.StatusNotFound {
			t.Errorf("%s on the public listener = %d, %v; want 404", path, a.Status, err)
		}
	}
}
