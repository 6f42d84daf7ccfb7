package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"authserve/bootstrap/dbtest"
	"authserve/bootstrap/harness"
)

// patient is a service that was started without its database.
type patient struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	log   bytes.Buffer
}

func startPatient(t *testing.T, database string) *patient {
	t.Helper()
	dir := t.TempDir()
	p := &patient{cmd: exec.CommandContext(t.Context(), binary, "serve")}
	p.cmd.Dir, p.cmd.Env = dir, harness.Environ(dir, "AUTHSERVE_DATABASE_URL="+database)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	p.lines = bufio.NewScanner(out)
	return p
}

// await reads the log up to the next line with the message.
func (p *patient) await(t *testing.T, message string) map[string]any {
	t.Helper()
	for p.lines.Scan() {
		p.log.Write(append(p.lines.Bytes(), '\n'))
		var line map[string]any
		if err := json.Unmarshal(p.lines.Bytes(), &line); err != nil {
			t.Fatalf("%q: %v", p.lines.Text(), err)
		}
		if text, _ := line["msg"].(string); strings.HasPrefix(text, message) {
			return line
		}
	}
	t.Fatalf("the service never says %q\n%s", message, p.log.String())
	return nil
}

// terminate sends SIGTERM, reads the rest of the log and returns the exit code.
func (p *patient) terminate(t *testing.T) int {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for p.lines.Scan() {
		p.log.Write(append(p.lines.Bytes(), '\n'))
	}
	if err := p.cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

func get(t *testing.T, base, path string) harness.Answer {
	t.Helper()
	a, err := harness.NewClient(base).Do(t.Context(), http.MethodGet, path, nil, "")
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return a
}

func TestStartedBeforeItsDatabase(t *testing.T) {
	t.Parallel()
	for _, server := range servers.All() {
		t.Run(server.Name(), func(t *testing.T) {
			t.Parallel()
			proxy, through := dbtest.NewProxy(t, server.URL(t))
			proxy.Down()
			p := startPatient(t, through)
			line := p.await(t, "the database is not ready")
			api, ops := fmt.Sprint("http://", line["http_addr"]), fmt.Sprint("http://", line["ops_addr"])
			if a := get(t, ops, "/livez"); a.Status != http.StatusOK {
				t.Errorf("/livez = %d; want 200", a.Status)
			}
			if a := get(t, ops, "/readyz"); a.Status != http.StatusServiceUnavailable || !strings.Contains(string(a.Body), "database: unavailable") {
				t.Errorf("/readyz = %d %s; want 503 and the database named", a.Status, a.Body)
			}
			c := newCaller(t, api)
			for _, call := range []struct {
				method, path string
				body         any
			}{
				{http.MethodPost, "/api/v1/auth/register", map[string]string{"email": email, "password": harness.Password}},
				{http.MethodPost, pathLogin, credentials()},
				{http.MethodGet, pathMe, nil},
				{http.MethodGet, "/.well-known/jwks.json", nil},
				{http.MethodGet, "/healthz", nil},
			} {
				if a := c.do(call.method, call.path, call.body, "", http.StatusServiceUnavailable); a.Header.Get("Retry-After") == "" {
					t.Errorf("%s lacks Retry-After", call.path)
				}
			}
			p.await(t, "the database is not ready") // it goes on trying

			proxy.Heal()
			p.await(t, "the database is ready")
			p.await(t, "listening")
			c.do(http.MethodPost, "/api/v1/auth/register", map[string]string{"email": email, "password": harness.Password}, "", http.StatusCreated)
			c.tokens(pathLogin, credentials())
			// It answers what it found within the last second.
			await(t, func() bool { return get(t, ops, "/readyz").Status == http.StatusOK })
			if code := p.terminate(t); code != 0 {
				t.Errorf("exit %d; want 0\n%s", code, p.log.String())
			}
			noSecret(t, through, p.log.String())
		})
	}
}

// noSecret fails the test when the text has the password of the URL.
func noSecret(t *testing.T, database, text string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	if password, _ := u.User.Password(); strings.Contains(text, password) {
		t.Errorf("the password of the database is told:\n%s", text)
	}
}

func TestSigtermWhileTheDatabaseIsDown(t *testing.T) {
	t.Parallel()
	p := startPatient(t, "postgres://user:only-for-this@127.0.0.1:1/nowhere")
	p.await(t, "the database is not ready")
	if code := p.terminate(t); code != 0 {
		t.Errorf("exit %d; want 0: to be told to stop is no error\n%s", code, p.log.String())
	}
}

func TestStartRefusesADatabaseThatWaitingDoesNotMend(t *testing.T) {
	t.Parallel()
	refused := func(t *testing.T, database string, want ...string) {
		t.Helper()
		dir := t.TempDir()
		stdout, stderr, code, err := harness.Run(t.Context(), binary, dir, harness.Environ(dir, "AUTHSERVE_DATABASE_URL="+database), "", "serve")
		if err != nil || code != 1 || strings.Contains(stdout, "not ready") {
			t.Errorf("exit %d, %v; want 1 at once\n%s%s", code, err, stdout, stderr)
		}
		for _, w := range want {
			if !strings.Contains(stderr, w) {
				t.Errorf("%q does not name %q", stderr, w)
			}
		}
		if !strings.HasPrefix(database, "sqlite") {
			noSecret(t, database, stdout+stderr)
		}
	}
	for _, server := range servers.All() {
		t.Run(server.Name(), func(t *testing.T) {
			t.Parallel()
			password, unknown := "1045", "1049"
			if server == servers.Postgres {
				password, unknown = "28P01", "3D000"
			}
			u, err := url.Parse(server.URL(t))
			if err != nil {
				t.Fatal(err)
			}
			nowhere := *u
			nowhere.Path = "/nowhere"
			refused(t, nowhere.String(), unknown, "nowhere")
			u.User = url.UserPassword(u.User.Username(), "hunter2-hunter2")
			refused(t, u.String(), password)
		})
	}
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "notes.txt")
		if err := os.WriteFile(file, []byte(strings.Repeat("this is no database\n", 500)), 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, "sqlite://"+file, file, "not a database")
		refused(t, "sqlite:///proc/nothing/here.db", "/proc/nothing")
	})
}

// acknowledged are the accounts whose registration was answered with 201.
type acknowledged struct {
	mu     sync.Mutex
	emails []string
	grew   chan struct{} // one for each, as far as anybody waits
}

func (a *acknowledged) add(email string) {
	a.mu.Lock()
	a.emails = append(a.emails, email)
	a.mu.Unlock()
	select {
	case a.grew <- struct{}{}:
	default:
	}
}

// awaitMore returns when so many more were added.
func (a *acknowledged) awaitMore(ctx context.Context, n int) {
	for range n {
		select {
		case <-a.grew:
		case <-ctx.Done():
		}
	}
}

func TestDatabaseKilledUnderLoadLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	server := servers.Postgres.Alone(t)
	// The servers of tests do not wait for their log unless asked.
	p := start(t, "AUTHSERVE_DATABASE_URL="+server.URL(t)+"?synchronous_commit=on",
		"AUTHSERVE_PASSWORD_ALGORITHM=bcrypt", "AUTHSERVE_PASSWORD_BCRYPT_COST=10")
	client := harness.NewClient(p.HTTP)
	var done acknowledged
	done.grew = make(chan struct{})
	load, stop := context.WithCancel(t.Context())
	defer stop()
	var clients sync.WaitGroup
	refusals := make([]int, 8)
	for worker := range refusals {
		clients.Go(func() {
			for n := 0; load.Err() == nil; n++ {
				email := fmt.Sprintf("user-%d-%d@example.com", worker, n)
				a, err := client.Register(t.Context(), email)
				switch {
				case err != nil:
					t.Errorf("register: %v", err)
					return
				case a.Status == http.StatusCreated:
					done.add(email)
				case a.Status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") != "":
					refusals[worker]++
				default:
					t.Errorf("register = %d %s; want 201, or 503 with Retry-After", a.Status, a.Body)
					return
				}
			}
		})
	}
	done.awaitMore(t.Context(), 20)
	for range 2 {
		server.Crash(t)
		done.awaitMore(t.Context(), 20) // without a restart
	}
	stop()
	clients.Wait()

	refused := 0
	for _, n := range refusals {
		refused += n
	}
	if refused == 0 {
		t.Error("no call was refused: the database was not missed, and the test tests nothing")
	}
	t.Logf("%d registrations were acknowledged, %d refused", len(done.emails), refused)
	for _, email := range done.emails {
		if a, _, err := client.Login(t.Context(), email); err != nil || a.Status != http.StatusOK {
			t.Errorf("%s was registered and cannot log in: %d, %v", email, a.Status, err)
		}
	}
}
