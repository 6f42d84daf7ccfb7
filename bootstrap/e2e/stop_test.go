package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"authserve/bootstrap/harness"
)

// half is a registration whose headers the service has read and whose body it is
// waiting for.
type half struct {
	conn net.Conn
	in   *bufio.Reader
	rest []byte
}

func beginRegistration(t *testing.T, base string) *half {
	t.Helper()
	body, err := json.Marshal(map[string]string{"email": email, "password": harness.Password})
	if err != nil {
		t.Fatal(err)
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /api/v1/auth/register HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(body))
	if err != nil {
		t.Fatal(err)
	}
	h := &half{conn: conn, in: bufio.NewReader(conn), rest: body}
	// The service asks for the body: so it is in the handler.
	if line, err := h.in.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("got %q, %v; want 100 Continue", line, err)
	}
	if _, err := h.in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *half) finish(t *testing.T) int {
	t.Helper()
	if _, err := h.conn.Write(h.rest); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(h.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

func TestSigtermFinishesRequestsUnderWay(t *testing.T) {
	t.Parallel()
	p := begin(t, t.TempDir())
	request := beginRegistration(t, p.HTTP)
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ops := harness.NewClient(p.Ops)
	for { // readiness is asked for anew once a second
		a, err := ops.Do(t.Context(), http.MethodGet, "/readyz", nil, "")
		if err != nil {
			t.Fatalf("the operations listener must outlast the drain: %v", err)
		}
		if a.Status == http.StatusServiceUnavailable {
			break
		}
	}
	if status := request.finish(t); status != http.StatusCreated {
		t.Errorf("the request under way was answered with %d; want 201", status)
	}
	if code := p.Wait(); code != 0 || !strings.Contains(p.Log(), `"msg":"stopped"`) {
		t.Errorf("exit %d; want 0 and the word that it stopped\n%s", code, p.Log())
	}
}

func TestDrainThatTakesTooLongStillStopsInOrder(t *testing.T) {
	t.Parallel()
	p := begin(t, t.TempDir(), "AUTHSERVE_HTTP_SHUTDOWN_TIMEOUT=50ms")
	beginRegistration(t, p.HTTP)
	code, err := p.Terminate()
	if err != nil || code != 1 {
		t.Errorf("exit %d, %v; want 1: a request was cut off", code, err)
	}
	for _, want := range []string{"not everything finished in time", `"msg":"stopped"`} {
		if !strings.Contains(p.Log(), want) {
			t.Errorf("the log lacks %s\n%s", want, p.Log())
		}
	}
}

func TestSigtermWhileStarting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	// Somebody migrates, so the start waits.
	migration, err := os.Create(filepath.Join(data, "authserve.db.migrate.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer migration.Close() //nolint:errcheck // releases the lock
	if err := syscall.Flock(int(migration.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "serve")
	cmd.Dir, cmd.Env = dir, harness.Environ(dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The lock on the data directory is taken after signals are listened to.
	for held := []byte(nil); len(held) == 0; held, _ = os.ReadFile(filepath.Join(data, "authserve.lock")) {
		if t.Context().Err() != nil {
			t.Fatal("the service never took its data directory")
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("SIGTERM while the start waits: %v; want exit 0", err)
	}
}

func TestSigtermRightAfterTheStart(t *testing.T) {
	t.Parallel()
	for range 5 {
		if code, err := begin(t, t.TempDir()).Terminate(); err != nil || code != 0 {
			t.Errorf("exit %d, %v; want 0", code, err)
		}
	}
}

// begin starts a service that the test ends by itself; a test that fails before
// that leaves nothing running.
func begin(t *testing.T, dir string, extra ...string) *harness.Process {
	t.Helper()
	p, err := harness.Start(context.Background(), binary, dir, harness.Environ(dir, extra...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Kill() })
	return p
}
