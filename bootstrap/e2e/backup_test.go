package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"authserve/bootstrap/harness"
)

// backupFile is where backups of these tests go.
func backupFile(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "backup.db") }

// A backup is made while logins go on; a machine that has it and the master key has
// everything, and nobody is still logged in.
func TestBackupWhileLoginsGoOnAndRestoreElsewhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := newCaller(t, startIn(t, dir).HTTP)
	c.do(http.MethodPost, "/api/v1/auth/register", map[string]string{"email": email, "password": harness.Password}, "", http.StatusCreated)
	tokens := c.tokens(pathLogin, credentials())

	enough := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case <-enough:
				return
			default:
				if a, _, err := harness.NewClient(c.Base).Login(t.Context(), email); err != nil || a.Status != http.StatusOK {
					t.Errorf("login during the backup: %d, %v", a.Status, err)
					return
				}
			}
		}
	})
	path := backupFile(t)
	stdout, stderr, code := command(t, dir, "", "backup", "create", "--json", path)
	close(enough)
	group.Wait()
	var made struct {
		Path     string
		Accounts int
		Sessions int
	}
	if err := json.Unmarshal([]byte(stdout), &made); err != nil || code != 0 || made.Path != path || made.Accounts != 1 || made.Sessions < 1 {
		t.Fatalf("create: exit %d, %q, %s", code, stdout, stderr)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("the backup has mode %v, %v; want 0600", info.Mode(), err)
	}
	if _, stderr, code := command(t, dir, "", "backup", "create", path); code != 1 || !strings.Contains(stderr, path) {
		t.Errorf("create onto a file: exit %d, %q; want a refusal", code, stderr)
	}

	other := t.TempDir()
	if stdout, stderr, code := command(t, other, "", "backup", "verify", path); code != 0 || !strings.Contains(stdout, "1 accounts") {
		t.Errorf("verify: exit %d, %q %q", code, stdout, stderr)
	}
	if stdout, stderr, code := command(t, other, "", "backup", "restore", path); code != 0 || !strings.Contains(stdout, fmt.Sprintf("Ended its %d live sessions", made.Sessions)) {
		t.Fatalf("restore: exit %d, %q %q", code, stdout, stderr)
	}
	copyFile(t, filepath.Join(dir, "data", "master.key"), filepath.Join(other, "data", "master.key"))
	restored := newCaller(t, startIn(t, other).HTTP)
	if a := restored.do(http.MethodPost, pathRefresh, refreshBody(tokens.Refresh), "", http.StatusUnauthorized); a.Code() != "invalid_refresh_token" {
		t.Errorf("a refresh from before the restore = %s", a.Body)
	}
	restored.tokens(pathLogin, credentials())
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRestoreRefusesALiveDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startIn(t, dir)
	c := newCaller(t, p.HTTP)
	path := backupFile(t)
	if _, stderr, code := command(t, dir, "", "backup", "create", path); code != 0 {
		t.Fatalf("create: exit %d, %s", code, stderr)
	}
	c.do(http.MethodPost, "/api/v1/auth/register", map[string]string{"email": email, "password": harness.Password}, "", http.StatusCreated)

	// Through the data directory, and around it.
	if _, stderr, code := command(t, dir, "", "backup", "restore", "--replace", path); code != 1 || !strings.Contains(stderr, "another authserve") {
		t.Errorf("restore beside the service: exit %d, %q", code, stderr)
	}
	database := "sqlite://" + filepath.Join(dir, "data", "authserve.db")
	if stderr, code := commandOn(t, database, "backup", "restore", "--replace", path); code != 1 || !strings.Contains(stderr, "has the database open") {
		t.Errorf("restore from another data directory: exit %d, %q", code, stderr)
	}
	if names, err := filepath.Glob(filepath.Join(dir, "data", "*replaced*")); len(names) > 0 || err != nil {
		t.Errorf("%q were made, %v", names, err)
	}
	c.tokens(pathLogin, credentials())
}

func TestRestoreKeepsTheDatabaseBefore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	create := func(address string) {
		if _, stderr, code := command(t, dir, harness.Password, "user", "create", "--email", address, "--role", "user", "--password-stdin"); code != 0 {
			t.Fatalf("user create: exit %d, %s", code, stderr)
		}
	}
	create("first@example.com")
	path := backupFile(t)
	if _, stderr, code := command(t, dir, "", "backup", "create", path); code != 0 {
		t.Fatalf("create without a service: exit %d, %s", code, stderr)
	}
	// One that is killed leaves a log beside its database.
	p, err := harness.Start(t.Context(), binary, dir, harness.Environ(dir))
	if err != nil {
		t.Fatal(err)
	}
	if a, err := harness.NewClient(p.HTTP).Register(t.Context(), "second@example.com"); err != nil || a.Status != http.StatusCreated {
		t.Fatalf("register: %d, %v", a.Status, err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}

	if _, stderr, code := command(t, dir, "", "backup", "restore", path); code != 1 || !strings.Contains(stderr, "There is a database already") {
		t.Errorf("without --replace: exit %d, %q", code, stderr)
	}
	stdout, stderr, code := command(t, dir, "", "backup", "restore", "--replace", "--json", path)
	var restored struct{ Database, Kept string }
	if err := json.Unmarshal([]byte(stdout), &restored); err != nil || code != 0 {
		t.Fatalf("with --replace: exit %d, %q, %s", code, stdout, stderr)
	}
	if restored.Database != filepath.Join(dir, "data", "authserve.db") || !strings.HasPrefix(restored.Kept, restored.Database+".replaced-") {
		t.Errorf("it tells of %+v", restored)
	}
	if stdout, stderr, code := command(t, dir, "", "backup", "verify", restored.Kept); code != 0 || !strings.Contains(stdout, "2 accounts") {
		t.Errorf("the database before: exit %d, %q %q", code, stdout, stderr)
	}
	c := newCaller(t, startIn(t, dir).HTTP)
	c.tokens(pathLogin, map[string]string{"identifier": "first@example.com", "password": harness.Password})
	c.do(http.MethodPost, pathLogin, map[string]string{"identifier": "second@example.com", "password": harness.Password}, "", http.StatusUnauthorized)
}

func TestDamagedBackupIsNotRestored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, stderr, code := command(t, dir, "", "migrate", "up"); code != 0 {
		t.Fatal(stderr)
	}
	path := backupFile(t)
	if _, stderr, code := command(t, dir, "", "backup", "create", path); code != 0 {
		t.Fatal(stderr)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(text[8192:12288])
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	for _, action := range []string{"verify", "restore"} {
		if _, stderr, code := command(t, other, "", "backup", action, path); code != 1 || !strings.Contains(stderr, "cannot be used") || !strings.Contains(strings.ToLower(stderr), "page 3") {
			t.Errorf("%s: exit %d, %q; want the damaged page named", action, code, stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(other, "data", "authserve.db")); !os.IsNotExist(err) {
		t.Errorf("there is a database: %v", err)
	}
}

// A small file system of its own is filled by a backup, or takes none.
func TestBackupTellsWhatTheDiskSaid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, stderr, code := command(t, dir, "", "migrate", "up"); code != 0 {
		t.Fatal(stderr)
	}
	for options, want := range map[string]string{"size=64k": "full", "ro": "read-only"} {
		t.Run(options, func(t *testing.T) {
			t.Parallel()
			target := t.TempDir()
			script := `mount -t tmpfs -o "$1" tmpfs "$2" || exit 77; "$3" backup create "$2/b.db"; code=$?; ls -A "$2"; exit $code`
			cmd := exec.CommandContext(t.Context(), "unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", options, target, binary)
			cmd.Dir, cmd.Env = dir, harness.Environ(dir)
			var stdout, stderr strings.Builder
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == 77 || strings.Contains(stderr.String(), "unshare") {
				t.Skipf("no file system of its own: %v, %s", err, stderr.String())
			}
			if code := cmd.ProcessState.ExitCode(); code != 1 || stdout.String() != "" || !strings.Contains(stderr.String(), want) || !strings.Contains(stderr.String(), target) {
				t.Errorf("exit %d, left %q, %q; want 1, nothing left, and a word of %q and the place", code, stdout.String(), stderr.String(), want)
			}
		})
	}
}

func TestScheduledBackups(t *testing.T) {
	t.Parallel()
	dir, backups := t.TempDir(), t.TempDir()
	p := startIn(t, dir, "AUTHSERVE_BACKUP_DIR="+backups, "AUTHSERVE_BACKUP_INTERVAL=1100ms", "AUTHSERVE_BACKUP_KEEP=2")
	taken := func() []string {
		names, err := filepath.Glob(filepath.Join(backups, "authserve-*.db"))
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	removed := func() bool { return strings.Contains(p.Log(), `"removed":1`) }
	wait(t, func() bool { return removed() })
	if names := taken(); len(names) > 3 { // the third is new before the first goes
		t.Errorf("there are %q, want two", names)
	}
	newest := taken()[len(taken())-1]
	if _, stderr, code := command(t, t.TempDir(), "", "backup", "verify", newest); code != 0 {
		t.Errorf("verify: exit %d, %s", code, stderr)
	}
	if err := os.RemoveAll(backups); err != nil {
		t.Fatal(err)
	}
	wait(t, func() bool { return strings.Contains(p.Log(), "task failed") && strings.Contains(p.Log(), backups) })
	a, err := harness.NewClient(p.Ops).Do(t.Context(), http.MethodGet, "/metrics", nil, "")
	if err != nil || !strings.Contains(string(a.Body), `outcome="failed"`) {
		t.Errorf("no failed run is counted: %v", err)
	}
}

// wait polls until done, or fails after a generous while.
func wait(t *testing.T, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for range 1200 {
		if done() {
			return
		}
		<-ticker.C
	}
	t.Fatal("it did not happen within a minute")
}

func TestBackupOfAServerIsAFault(t *testing.T) {
	t.Parallel()
	const server = "postgres://u:hunter2@127.0.0.1:1/db"
	if stderr, code := commandOn(t, server, "backup", "create", backupFile(t)); code != 1 || !strings.Contains(stderr, "pg_dump") || strings.Contains(stderr, "hunter2") {
		t.Errorf("create: exit %d, %q", code, stderr)
	}
	if stderr, code := commandOn(t, server, "config", "check", "--backup-dir="+t.TempDir()); code != 1 || !strings.Contains(stderr, "backup.dir") || strings.Contains(stderr, "hunter2") {
		t.Errorf("a schedule for it: exit %d, %q", code, stderr)
	}
}

// commandOn runs one command from a directory of its own on the database at url.
func commandOn(t *testing.T, url string, args ...string) (stderr string, code int) {
	t.Helper()
	dir := t.TempDir()
	_, stderr, code, err := harness.Run(t.Context(), binary, dir, harness.Environ(dir, "AUTHSERVE_DATABASE_URL="+url), "", args...)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return stderr, code
}
