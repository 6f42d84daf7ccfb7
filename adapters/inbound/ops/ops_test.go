package ops_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"authserve/adapters/inbound/ops"
	"authserve/ports"
)

// probe is a scripted ports.Probe.
type probe struct {
	name  string
	check func(ctx context.Context) error
	asked atomic.Int64
}

func (p *probe) Name() string { return p.name }

func (p *probe) Check(ctx context.Context) error {
	p.asked.Add(1)
	return p.check(ctx)
}

func fine(context.Context) error { return nil }

// breakers is a fixed list of circuit breakers.
type breakers []ports.BreakerStatus

func (b breakers) Breakers() []ports.BreakerStatus { return b }

func deps() ops.Deps {
	return ops.Deps{
		Probes:   []ports.Probe{&probe{name: "database", check: fine}},
		Breakers: breakers{},
		Metrics:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("metric 1\n")) }),
	}
}

// request makes a request as a server would hand it on, with header pairs.
func request(t *testing.T, method, path string, header ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	r.Host = "localhost:9090"
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func serve(handler http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func wantProblem(t *testing.T, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	if got := w.Header().Get("Content-Type"); w.Code != status || got != "application/problem+json" {
		t.Errorf("answer = %d %s, want %d application/problem+json", w.Code, got, status)
	}
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("body is not JSON: %v: %s", err, w.Body)
	}
	if body["code"] != code || body["status"] != float64(status) || body["title"] != http.StatusText(status) {
		t.Errorf("problem = %v, want code %s and status %d", body, code, status)
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	with := deps()
	with.Pprof = true
	with.Mailbox = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("mail at " + r.URL.Path)) })
	all, least := ops.New(with), ops.New(deps())
	for name, c := range map[string]struct {
		handler http.Handler
		path    string
		status  int
		body    string // is in the answer
	}{
		"livez":            {least, "/livez", http.StatusOK, "ok\n"},
		"readyz":           {least, "/readyz", http.StatusOK, "database: ok\nok\n"},
		"metrics":          {least, "/metrics", http.StatusOK, "metric 1\n"},
		"breakers":         {least, "/circuit-breakers", http.StatusOK, `{"items":[]}`},
		"root":             {least, "/", http.StatusNotFound, "not_found"},
		"unknown":          {least, "/livez/", http.StatusNotFound, "not_found"},
		"no pprof":         {least, "/debug/pprof/", http.StatusNotFound, "not_found"},
		"no profile":       {least, "/debug/pprof/profile", http.StatusNotFound, "not_found"},
		"no mailbox":       {least, "/dev/mail", http.StatusNotFound, "not_found"},
		"pprof":            {all, "/debug/pprof/", http.StatusOK, "goroutine"},
		"pprof by name":    {all, "/debug/pprof/goroutine?debug=1", http.StatusOK, "goroutine profile"},
		"no command line":  {all, "/debug/pprof/cmdline", http.StatusNotFound, ""},
		"mailbox":          {all, "/dev/mail", http.StatusOK, "mail at /dev/mail"},
		"below mailbox":    {all, "/dev/mail/3", http.StatusOK, "mail at /dev/mail/3"},
		"beside mailbox":   {all, "/dev/mailbox", http.StatusNotFound, "not_found"},
		"traversal":        {least, "/x/../metrics", http.StatusNotFound, "not_found"},
		"doubled slash":    {least, "//metrics", http.StatusNotFound, "not_found"},
		"query is ignored": {least, "/livez?x=1", http.StatusOK, "ok\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request(t, http.MethodGet, "http://localhost:9090"+c.path)
			w := serve(c.handler, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.body) {
				t.Errorf("GET %s = %d %q, want %d and %q", c.path, w.Code, w.Body, c.status, c.body)
			}
			if c.body == "not_found" {
				wantProblem(t, w, http.StatusNotFound, "not_found")
			}
			for name, want := range map[string]string{
				"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
				"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cross-Origin-Resource-Policy": "same-origin",
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s = %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	d := deps()
	d.Pprof = true
	handler := ops.New(d)
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/circuit-breakers", "/debug/pprof/", "/debug/pprof/profile", "/debug/pprof/trace"} {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
			w := serve(handler, request(t, method, path))
			wantProblem(t, w, http.StatusMethodNotAllowed, "method_not_allowed")
			if got := w.Header().Get("Allow"); got != "GET, HEAD" {
				t.Errorf("%s %s: Allow = %q, want GET, HEAD", method, path, got)
			}
		}
	}
	if w := serve(handler, request(t, http.MethodHead, "/livez")); w.Code != http.StatusOK {
		t.Errorf("HEAD /livez = %d, want 200", w.Code)
	}
}

func TestHostHeader(t *testing.T) {
	t.Parallel()
	d := deps()
	d.Hosts = []string{"Ops.Internal", "192.0.2.7"}
	handler := ops.New(d)
	for host, allowed := range map[string]bool{
		"localhost":               true,
		"localhost:9090":          true,
		"LocalHost.:9090":         true,
		"auth.localhost:9090":     true,
		"127.0.0.1":               true,
		"127.0.0.1:9090":          true,
		"127.1.2.3:1":             true,
		"[::1]":                   true,
		"[::1]:9090":              true,
		"[::ffff:127.0.0.1]:9090": true,
		"10.0.0.5:9090":           true, // the address that the connection came in on
		"[::ffff:10.0.0.5]:9090":  true,
		"ops.internal:9090":       true,
		"OPS.INTERNAL.":           true,
		"192.0.2.7:9090":          true,
		"":                        false,
		"evil.example":            false,
		"evil.example:9090":       false,
		"localhost.evil.example":  false,
		"notlocalhost":            false,
		".localhost.example":      false,
		"10.0.0.6:9090":           false,
		"0.0.0.0:9090":            false,
		"[::]:9090":               false,
		"127.0.0.1.evil.example":  false,
		"0x7f.1":                  false,
		"localhost:9090:9090":     false,
		"localhost\x00":           false,
		"sub.ops.internal":        false,
	} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			r := request(t, http.MethodGet, "/metrics")
			r.Host = host
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 5), Port: 9090}))
			w := serve(handler, r)
			if !allowed {
				wantProblem(t, w, http.StatusMisdirectedRequest, "host_not_allowed")
			} else if w.Code != http.StatusOK {
				t.Errorf("Host %q = %d, want 200", host, w.Code)
			}
		})
	}
}

// Whatever the header says: what is let through names loopback, and nothing panics.
func FuzzHostHeader(f *testing.F) {
	for _, seed := range []string{"localhost:9090", "[::1]:9090", "[", "]", "[]", "[::1", "::1", ":", "a:b:c", "[fe80::1%25lo]:1", "evil.example", "127.0.0.1:evil.example"} {
		f.Add(seed)
	}
	handler := ops.New(deps())
	f.Fuzz(func(t *testing.T, host string) {
		r := request(t, http.MethodGet, "/livez")
		r.Host = host
		w := serve(handler, r)
		switch lower := strings.ToLower(host); {
		case w.Code == http.StatusMisdirectedRequest:
		case w.Code != http.StatusOK:
			t.Errorf("Host %q = %d, want 200 or 421", host, w.Code)
		case !strings.Contains(lower, "localhost") && !strings.Contains(lower, "127.") && !strings.Contains(lower, ":"):
			t.Errorf("Host %q was let through", host)
		}
	})
}

func TestCircuitBreakers(t *testing.T) {
	t.Parallel()
	d := deps()
	d.Breakers = breakers{
		{Name: "db.read", State: ports.BreakerClosed},
		{
			Name: "mail", State: ports.BreakerHalfOpen, Since: time.Date(2026, 1, 2, 3, 4, 5, 600000, time.UTC), InFlight: 2,
			Counts:   ports.BreakerCounts{Success: 1, Failure: 2, Timeout: 3, Refused: 4, Rejected: 5, Canceled: 6},
			Settings: ports.BreakerSettings{Timeout: 1500 * time.Millisecond, MaxConcurrent: 7, RequestVolume: 8, ErrorPercent: 9, SleepWindow: 10 * time.Second},
		},
	}
	w := serve(ops.New(d), request(t, http.MethodGet, "/circuit-breakers"))
	want := `{"items":[` +
		`{"name":"db.read","state":"closed","since":null,"in_flight":0,` +
		`"counts":{"success":0,"failure":0,"timeout":0,"refused":0,"rejected":0,"canceled":0},` +
		`"settings":{"timeout_ms":0,"max_concurrent":0,"request_volume":0,"error_percent":0,"sleep_window_ms":0}},` +
		`{"name":"mail","state":"half-open","since":"2026-01-02T03:04:05.0006Z","in_flight":2,` +
		`"counts":{"success":1,"failure":2,"timeout":3,"refused":4,"rejected":5,"canceled":6},` +
		`"settings":{"timeout_ms":1500,"max_concurrent":7,"request_volume":8,"error_percent":9,"sleep_window_ms":10000}}]}` + "\n"
	if got := w.Body.String(); w.Code != http.StatusOK || got != want {
		t.Errorf("circuit breakers = %d %s\nwant %s", w.Code, got, want)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type = %q, want application/json", got)
	}
}

var errDown = errors.New("dial tcp: refused\nforged: ok")
