package e2e_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"authserve/bootstrap/harness"
)

// A service moves with its accounts, its sessions and its keys: who was logged in is
// logged in.
func TestServiceMovesToAnotherDatabase(t *testing.T) {
	t.Parallel()
	old, file := t.TempDir(), filepath.Join(t.TempDir(), "all.jsonl")
	before, err := harness.Start(t.Context(), binary, old, harness.Environ(old))
	if err != nil {
		t.Fatal(err)
	}
	client := harness.NewClient(before.HTTP)
	if a, err := client.Register(t.Context(), "ada@example.com"); err != nil || a.Status != http.StatusCreated {
		t.Fatalf("register: %d, %v", a.Status, err)
	}
	a, tokens, err := client.Login(t.Context(), "ada@example.com")
	if err != nil || a.Status != http.StatusOK {
		t.Fatalf("login: %d, %v", a.Status, err)
	}
	// While the service runs, as for a rehearsal.
	stdout, stderr, code := command(t, old, "", "export", "--output", file, "--json")
	if code != 0 {
		t.Fatalf("export: exit %d, %s", code, stderr)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the export is %v, %v; want mode 0600", info, err)
	}
	if _, stderr, code := command(t, old, "", "export", "--output", file); code != 1 || !strings.Contains(stderr, "exists") {
		t.Errorf("a second export into the file: exit %d, %s", code, stderr)
	}
	if _, stderr, code := command(t, old, "", "import", file); code != 1 || !strings.Contains(stderr, "another") {
		t.Errorf("import beside a running service: exit %d, %s", code, stderr)
	}
	if code, err := before.Terminate(); err != nil || code != 0 {
		t.Fatalf("the old service ended with %d, %v", code, err)
	}
	key, err := os.ReadFile(filepath.Join(old, "data", "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	issuer := "AUTHSERVE_ISSUER=" + before.HTTP // the tokens of the old one name it
	for _, server := range servers.All() {
		t.Run(server.Name(), func(t *testing.T) {
			t.Parallel()
			moved(t, file, stdout, key, tokens, issuer, "AUTHSERVE_DATABASE_URL="+server.URL(t))
		})
	}
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		moved(t, file, stdout, key, tokens, issuer)
	})
}

func moved(t *testing.T, file, exported string, key []byte, tokens harness.Tokens, extra ...string) {
	t.Helper()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "master.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (stdout, stderr string, code int) {
		stdout, stderr, code, err := harness.Run(t.Context(), binary, dir, harness.Environ(dir, extra...), "", args...)
		if err != nil {
			t.Fatal(err)
		}
		return stdout, stderr, code
	}
	imported, stderr, code := run("import", "--json", file)
	if code != 0 {
		t.Fatalf("import: exit %d, %s", code, stderr)
	}
	var got, want []map[string]any
	if err := json.Unmarshal([]byte(imported), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(exported), &want); err != nil {
		t.Fatal(err)
	}
	if imported != exported {
		t.Errorf("imported %v; want %v", got, want)
	}
	for _, table := range got {
		switch table["table"] {
		case "accounts", "credentials", "sessions", "signing_keys", "messages", "audit_events", "audit_heads":
			if table["rows"] == 0.0 {
				t.Errorf("nothing of %v was moved", table["table"])
			}
		}
	}
	if _, stderr, code := run("import", file); code != 1 || !strings.Contains(stderr, "not empty") {
		t.Errorf("a second import: exit %d, %s", code, stderr)
	}
	client := harness.NewClient(startIn(t, dir, extra...).HTTP)
	if a, err := client.Do(t.Context(), http.MethodGet, "/api/v1/users/me", nil, tokens.Access); err != nil || a.Status != http.StatusOK {
		t.Errorf("the access token: %d, %s, %v", a.Status, a.Body, err)
	}
	if a, _, err := client.Refresh(t.Context(), tokens.Refresh); err != nil || a.Status != http.StatusOK {
		t.Errorf("the refresh token: %d, %s, %v", a.Status, a.Body, err)
	}
	if a, _, err := client.Login(t.Context(), "ada@example.com"); err != nil || a.Status != http.StatusOK {
		t.Errorf("the password: %d, %s, %v", a.Status, a.Body, err)
	}
}
