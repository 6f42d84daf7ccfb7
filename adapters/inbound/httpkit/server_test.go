package httpkit_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"authserve/adapters/inbound/httpkit"
)

func serverConfig() httpkit.ServerConfig {
	return httpkit.ServerConfig{
		Addr: "127.0.0.1:0", ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
}

// started serves h and returns the address, and a function that reports how Serve
// ended.
func started(t *testing.T, h http.Handler) (*httpkit.Server, string, func() error) {
	t.Helper()
	s, err := httpkit.NewServer(serverConfig(), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	addr, err := s.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(h) }()
	return s, addr.String(), func() error { return <-done }
}

// raw sends text over a connection of its own and returns the status line and all
// that follows.
func raw(t *testing.T, addr, text string) string {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil && len(answer) == 0 {
		t.Fatal(err)
	}
	return string(answer)
}

func TestServerAnswersRawRequests(t *testing.T) {
	t.Parallel()
	s, addr, ended := started(t, routed(t).Router)
	for _, tt := range []struct{ name, request, want string }{
		{"options of the server", "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "404"},
		{"double slash", "GET //things HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "404"},
		{"absolute form", "GET http://evil.example/things HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "204"},
		{"connect", "CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "404"},
		{"huge header", "GET /things HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 32<<10) + "\r\n\r\n", "431"},
		{"two lengths", "POST /things HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"},
		{"not HTTP", "\x16\x03\x01\r\n\r\n", "400"},
	} {
		answer := raw(t, addr, tt.request)
		if !strings.HasPrefix(answer, "HTTP/1.1 "+tt.want) {
			t.Errorf("%s: got %.60q, want %s", tt.name, answer, tt.want)
		}
		if strings.Contains(answer, "text/html") {
			t.Errorf("%s: HTML in %q", tt.name, answer)
		}
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if err := ended(); err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestShutdownWaitsForRequests(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	s, addr, ended := started(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		w.WriteHeader(http.StatusNoContent)
	}))
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(context.WithoutCancel(t.Context())) }()
	if err := ended(); err != nil { // no longer accepting, while the request is under way
		t.Errorf("Serve: %v", err)
	}
	close(leave)
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "204") {
		t.Errorf("the request under way got %q, %v", line, err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func TestShutdownCutsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	s, addr, ended := started(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	}))
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: got %v, want the context's error", err)
	}
	if err := ended(); err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestShutdownOfAServerThatNeverServed(t *testing.T) {
	t.Parallel()
	s, err := httpkit.NewServer(serverConfig(), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	addr, err := s.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	var lc net.ListenConfig
	again, err := lc.Listen(t.Context(), "tcp", addr.String())
	if err != nil {
		t.Fatalf("the port is still taken: %v", err)
	}
	_ = again.Close()
}

func TestServersWithoutLimitsAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*httpkit.ServerConfig){
		"read header": func(c *httpkit.ServerConfig) { c.ReadHeaderTimeout = 0 },
		"read":        func(c *httpkit.ServerConfig) { c.ReadTimeout = 0 },
		"write":       func(c *httpkit.ServerConfig) { c.WriteTimeout = -1 },
		"idle":        func(c *httpkit.ServerConfig) { c.IdleTimeout = 0 },
		"header":      func(c *httpkit.ServerConfig) { c.MaxHeaderBytes = 0 },
	} {
		cfg := serverConfig()
		change(&cfg)
		if _, err := httpkit.NewServer(cfg, zap.NewNop()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestListenReportsTakenPorts(t *testing.T) {
	t.Parallel()
	first, err := httpkit.NewServer(serverConfig(), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	addr, err := first.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = first.Shutdown(context.Background()) })
	cfg := serverConfig()
	cfg.Addr = addr.String()
	second, err := httpkit.NewServer(cfg, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Listen(t.Context()); err == nil {
		t.Error("two servers bound one port")
	}
}
