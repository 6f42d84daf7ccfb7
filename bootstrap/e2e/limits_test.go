package e2e_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// exchange sends text on a connection of its own and returns whatever comes back
// until the service closes it.
func exchange(t *testing.T, base, text string) string {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	// Far beyond every limit: a connection that lives so long was not cut off.
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(bufio.NewReader(conn)) // ends when the service ends it
	if errors.Is(err, os.ErrDeadlineExceeded) || err != nil && len(answer) == 0 {
		t.Fatalf("the service did not end the connection: %v", err)
	}
	return string(answer)
}

// Whoever is slow or huge is cut off: each of these returns only because its limit
// ends the connection.
func TestLimitsOfConnections(t *testing.T) {
	t.Parallel()
	p := start(t, "AUTHSERVE_HTTP_READ_HEADER_TIMEOUT=200ms", "AUTHSERVE_HTTP_READ_TIMEOUT=400ms",
		"AUTHSERVE_HTTP_IDLE_TIMEOUT=200ms", "AUTHSERVE_HTTP_MAX_HEADER_BYTES=4096")
	const post = "POST /api/v1/auth/login HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
	for name, c := range map[string]struct{ text, want string }{
		"headers that never end":  {post, ""},
		"a body that never ends":  {post + "Content-Length: 100\r\n\r\n{", "408 Request Timeout"},
		"a connection left idle":  {"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n", "200 OK"},
		"headers beyond the size": {"GET /healthz HTTP/1.1\r\nHost: test\r\nX-Padding: " + strings.Repeat("x", 16<<10) + "\r\n\r\n", "431"},
		"a body beyond the size":  {post + "Connection: close\r\nContent-Length: 65537\r\n\r\n", "413"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := exchange(t, p.HTTP, c.text)
			if status, _, _ := strings.Cut(answer, "\r\n"); !strings.Contains(status, c.want) || c.want == "" && answer != "" {
				t.Errorf("got %q, want %q and the end of the connection", answer, c.want)
			}
		})
	}
}

func TestEveryRequestHasADeadline(t *testing.T) {
	t.Parallel()
	c := newCaller(t, start(t, "AUTHSERVE_HTTP_REQUEST_TIMEOUT=1ms").HTTP)
	// A hash takes longer than that. It is overload or trouble, never a wrong password.
	a := c.do(http.MethodPost, pathLogin, credentials(), "", http.StatusServiceUnavailable)
	if a.Header.Get("Retry-After") == "" {
		t.Errorf("503 without Retry-After: %s", a.Body)
	}
}
