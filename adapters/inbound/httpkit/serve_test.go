package httpkit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"authserve/adapters/inbound/httpkit"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// actorOf serves r and returns the actor that the use case saw.
func actorOf(t testing.TB, k *kit, r *http.Request) domain.Actor {
	t.Helper()
	var actor domain.Actor
	k.handle(http.MethodGet, "/actor", httpkit.Endpoint{Operation: "actor"}, func(ctx context.Context) error {
		actor = domain.ActorFrom(ctx)
		return nil
	})
	k.do(t, r)
	return actor
}

func TestPanicsAreAnswered(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.handle(http.MethodGet, "/panics", httpkit.Endpoint{Operation: "panics"}, func(context.Context) error { panic("boom") })
	k.handle(http.MethodGet, "/works", httpkit.Endpoint{Operation: "works"}, func(context.Context) error { return nil })
	got := k.do(t, get("/panics"))
	if got.status != 500 || got.problem.Code != "internal" || strings.Contains(got.body, "boom") {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if after := k.do(t, get("/works")); after.status != 204 {
		t.Errorf("the next request: got %d", after.status)
	}
	lines := k.logs.FilterMessage("panic").All()
	if len(lines) != 1 || !strings.Contains(fmt.Sprint(lines[0].ContextMap()["stack"]), "serve_test.go") {
		t.Errorf("want one line with a stack, got %v", lines)
	}
	if counted, _ := k.metric(t, "authserve.http.panics").(metricdata.Sum[int64]); len(counted.DataPoints) != 1 || counted.DataPoints[0].Value != 1 {
		t.Errorf("counted %+v", counted)
	}
	requests, _ := k.metric(t, "http.server.request.duration").(metricdata.Histogram[float64])
	statuses := map[int64]bool{}
	for _, point := range requests.DataPoints {
		status, _ := point.Attributes.Value("http.response.status_code")
		statuses[status.AsInt64()] = true
	}
	if !statuses[500] || !statuses[204] {
		t.Errorf("metrics saw the statuses %v", statuses)
	}
}

func TestPanicAfterTheAnswerBeganCutsTheConnection(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.Handle(http.MethodGet, "/half", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		panic("boom")
	}))
	server := httptest.NewServer(k.Router)
	t.Cleanup(server.Close)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/half", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := server.Client().Do(r)
	if err == nil {
		_ = res.Body.Close()
		t.Errorf("got the answer %v, want a cut connection", res.Status)
	}
	if n := k.logs.FilterMessage("request").Len(); n != 1 {
		t.Errorf("got %d lines in the access log", n)
	}
}

func TestAbortGoesOn(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.Handle(http.MethodGet, "/abort", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer func() {
		if err, ok := recover().(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("got %v", err)
		}
		if k.logs.FilterMessage("panic").Len() != 0 || k.logs.FilterMessage("request").Len() != 1 {
			t.Errorf("the log says %v", k.logs.All())
		}
	}()
	k.do(t, get("/abort"))
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.Handle(http.MethodGet, "/things/{id}", httpkit.Handler(k.Router, httpkit.Endpoint{Operation: "x", Query: []string{"token"}},
		func(context.Context, *httpkit.Request[httpkit.None]) (httpkit.Response[string], error) {
			k.clock.Advance(1500 * time.Microsecond)
			return httpkit.Response[string]{Body: "four"}, nil
		}))
	r := get("/things/secret-id?token=secret-token")
	r.Header.Set("X-Correlation-ID", "c-1")
	r.Header.Set("Authorization", "Bearer secret-bearer")
	k.do(t, r)
	lines := k.logs.All()
	if len(lines) != 1 || lines[0].Message != "request" {
		t.Fatalf("got %d lines, want one", len(lines))
	}
	got := lines[0].ContextMap()
	want := map[string]any{
		"method": "GET", "route": "/things/{id}", "status": int64(200), "duration_ms": 1.5, "bytes": int64(7),
		"client_ip": "192.0.2.1", "correlation_id": "c-1",
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s: got %v, want %v", key, got[key], value)
		}
	}
	for _, key := range []string{"trace_id", "span_id"} {
		if s, _ := got[key].(string); !regexp.MustCompile(`^[0-9a-f]+$`).MatchString(s) {
			t.Errorf("%s: got %q", key, s)
		}
	}
	for key, value := range got {
		if s, ok := value.(string); ok && strings.Contains(s, "secret") {
			t.Errorf("the log shows %s=%q", key, s)
		}
	}
}

func TestUnknownMethodsDoNotReachTheLog(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.do(t, httptest.NewRequestWithContext(t.Context(), "EVIL", "/", http.NoBody))
	if got := k.accessLog(t)["method"]; got != "_OTHER" {
		t.Errorf("got %v", got)
	}
}

func TestHandlersThatWriteNothingAnswer200(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.Handle(http.MethodGet, "/silent", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	if got := k.do(t, get("/silent")); got.status != 200 || k.accessLog(t)["status"] != int64(200) {
		t.Errorf("got %d, the log says %v", got.status, k.accessLog(t)["status"])
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	for issuer, hsts := range map[string]bool{"http://127.0.0.1:1": false, "https://auth.example": true} {
		k := newKit(t, func(c *httpkit.Config) { c.Issuer = issuer })
		h := k.do(t, get("/nothing")).header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cache-Control": "no-store",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: got %q, want %q", name, h.Get(name), want)
			}
		}
		if (h.Get("Strict-Transport-Security") != "") != hsts {
			t.Errorf("%s: HSTS %q", issuer, h.Get("Strict-Transport-Security"))
		}
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	const app = "https://app.example"
	configured := func(c *httpkit.Config) { c.CORSOrigins = []string{app} }
	from := func(method, origin string) *http.Request {
		r := httptest.NewRequestWithContext(t.Context(), method, "/things", http.NoBody)
		r.Header.Set("Origin", origin)
		if method == http.MethodOptions {
			r.Header.Set("Access-Control-Request-Method", "POST")
		}
		return r
	}
	if got := routed(t).do(t, from(http.MethodGet, app)); got.header.Get("Access-Control-Allow-Origin") != "" || got.header.Get("Vary") != "" {
		t.Errorf("off: got %v", got.header)
	}
	if got := routed(t, configured).do(t, from(http.MethodGet, app)); got.header.Get("Access-Control-Allow-Origin") != app || got.header.Get("Vary") != "Origin" ||
		!strings.Contains(got.header.Get("Access-Control-Expose-Headers"), "RateLimit, RateLimit-Policy, Retry-After") {
		t.Errorf("configured: got %v", got.header)
	}
	for _, origin := range []string{"https://app.example.evil", "http://app.example", "https://APP.example", "null", "https://app.example:8443"} {
		got := routed(t, configured).do(t, from(http.MethodGet, origin))
		if got.header.Get("Access-Control-Allow-Origin") != "" || got.header.Get("Vary") != "Origin" {
			t.Errorf("%s: got %v", origin, got.header)
		}
		if got := routed(t, configured).do(t, from(http.MethodOptions, origin)); got.status != 405 {
			t.Errorf("preflight of %s: got %d", origin, got.status)
		}
	}
	got := routed(t, configured).do(t, from(http.MethodOptions, app))
	if got.status != 204 || got.header.Get("Access-Control-Allow-Methods") != "GET, HEAD, POST" ||
		!strings.Contains(got.header.Get("Access-Control-Allow-Headers"), "Authorization") || got.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight: got %d %v", got.status, got.header)
	}
}

func TestCorrelationID(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		sent []string
		kept bool
	}{
		{[]string{"a"}, true},
		{[]string{"A-z_0.9"}, true},
		{[]string{strings.Repeat("a", 128)}, true},
		{[]string{strings.Repeat("a", 129)}, false},
		{[]string{""}, false},
		{[]string{"a b"}, false},
		{[]string{"a\r\nSet-Cookie: x=1"}, false},
		{[]string{"ä"}, false},
		{[]string{`"}{"`}, false},
		{[]string{"a", "b"}, false},
		{nil, false},
	} {
		k := newKit(t)
		r := get("/actor")
		r.Header["X-Correlation-Id"] = tt.sent
		actor := actorOf(t, k, r)
		if kept := len(tt.sent) == 1 && actor.CorrelationID == tt.sent[0]; kept != tt.kept {
			t.Errorf("%q: got %q", tt.sent, actor.CorrelationID)
		}
		if actor.CorrelationID == "" || k.accessLog(t)["correlation_id"] != actor.CorrelationID {
			t.Errorf("%q: log and actor differ: %q", tt.sent, actor.CorrelationID)
		}
	}
}

func FuzzCorrelationID(f *testing.F) {
	for _, seed := range []string{"a", "a-b_c.D9", "", "a b", "a\r\nX: 1", strings.Repeat("x", 129), "\x00", "\u202e"} {
		f.Add(seed)
	}
	form := regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)
	k := newKit(f)
	f.Fuzz(func(t *testing.T, id string) {
		k.forget()
		r := get("/nothing")
		r.Header["X-Correlation-Id"] = []string{id}
		got := k.do(t, r).header.Values("X-Correlation-ID")
		if len(got) != 1 || !form.MatchString(got[0]) || form.MatchString(id) != (got[0] == id) {
			t.Errorf("%q: got %q", id, got)
		}
	})
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	proxies := trusting("10.0.0.0/8", "fd00::/8")
	tests := []struct {
		name, peer string
		forwarded  []string
		want       string
		network    string // * : the address
	}{
		{"direct", "203.0.113.9:1234", nil, "203.0.113.9", "*"},
		{"forged by a stranger", "203.0.113.9:1234", []string{"198.51.100.1"}, "203.0.113.9", "*"},
		{"forged by a stranger in the name of a proxy", "203.0.113.9:1234", []string{"198.51.100.1, 10.0.0.1"}, "203.0.113.9", "*"},
		{"by a proxy", "10.0.0.1:1234", []string{"198.51.100.1"}, "198.51.100.1", "*"},
		{"forged in front of a proxy", "10.0.0.1:1234", []string{"1.2.3.4, 198.51.100.1"}, "198.51.100.1", "*"},
		{"forged as a line in front of a proxy", "10.0.0.1:1234", []string{"1.2.3.4", "198.51.100.1"}, "198.51.100.1", "*"},
		{"a proxy forged in front of a proxy", "10.0.0.1:1234", []string{"10.0.0.7, 198.51.100.1"}, "198.51.100.1", "*"},
		{"rubbish forged in front of a proxy", "10.0.0.1:1234", []string{"\x00, unknown,,", "198.51.100.1"}, "198.51.100.1", "*"},
		{"two proxies", "10.0.0.1:1234", []string{"1.2.3.4, 198.51.100.1, 10.0.0.2"}, "198.51.100.1", "*"},
		{"two lines", "10.0.0.1:1234", []string{"1.2.3.4", "198.51.100.1, 10.0.0.2"}, "198.51.100.1", "*"},
		{"only proxies", "10.0.0.1:1234", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3", ""},
		{"no header", "10.0.0.1:1234", nil, "10.0.0.1", ""},
		{"empty header", "10.0.0.1:1234", []string{""}, "10.0.0.1", ""},
		{"rubbish", "10.0.0.1:1234", []string{"198.51.100.1, rubbish"}, "10.0.0.1", ""},
		{"a proxy that does not know", "10.0.0.1:1234", []string{"198.51.100.1, unknown"}, "10.0.0.1", ""},
		{"rubbish behind a proxy", "10.0.0.1:1234", []string{"rubbish, 10.0.0.2"}, "10.0.0.2", ""},
		{"with port", "10.0.0.1:1234", []string{"198.51.100.1:5555"}, "198.51.100.1", "*"},
		{"IPv6", "[fd00::1]:1234", []string{"2001:DB8::1"}, "2001:db8::1", "2001:db8::/64"},
		{"IPv6 direct", "[2001:db8:1:2:3:4:5:6]:1", nil, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"IPv6 with brackets and port", "[fd00::1]:1234", []string{"[2001:db8::1]:99"}, "2001:db8::1", "2001:db8::/64"},
		{"IPv6 with brackets", "[fd00::1]:1234", []string{"[2001:db8::1]"}, "2001:db8::1", "2001:db8::/64"},
		{"IPv4 in IPv6 peer", "[::ffff:10.0.0.1]:1234", []string{"198.51.100.1"}, "198.51.100.1", "*"},
		{"IPv4 in IPv6 stranger", "[::ffff:203.0.113.9]:1234", []string{"198.51.100.1"}, "203.0.113.9", "*"},
		{"IPv4 in IPv6 client", "10.0.0.1:1", []string{"::ffff:203.0.113.9"}, "203.0.113.9", "*"},
		{"zone", "[fe80::1%eth0]:1234", nil, "fe80::1", "fe80::/64"},
		{"no peer address", "@", []string{"198.51.100.1"}, "", ""},
		{"many hops", "10.0.0.1:1", []string{strings.Repeat("10.0.0.9,", 1000) + "10.0.0.2"}, "10.0.0.9", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t, proxies)
			r := get("/actor")
			r.RemoteAddr = tt.peer
			r.Header["X-Forwarded-For"] = tt.forwarded
			if tt.network == "*" {
				tt.network = tt.want
			}
			if got := actorOf(t, k, r); got.IP != tt.want || got.Network != tt.network {
				t.Errorf("got %q of %q, want %q of %q", got.IP, got.Network, tt.want, tt.network)
			}
		})
	}
}

func FuzzForwardedFor(f *testing.F) {
	f.Add("203.0.113.9:1", "198.51.100.1")
	f.Add("10.0.0.1:1", "198.51.100.1, 10.0.0.2")
	f.Add("10.0.0.1:1", ",,, ,")
	f.Add("[fd00::1]:1", "[::1%zone]:80, [")
	f.Add("", "x")
	k := newKit(f, trusting("10.0.0.0/8", "fd00::/8"))
	f.Fuzz(func(t *testing.T, peer, forwarded string) {
		r := get("/nothing")
		r.RemoteAddr = peer
		r.Header["X-Forwarded-For"] = []string{forwarded}
		k.forget()
		k.do(t, r)
		got, _ := k.accessLog(t)["client_ip"].(string)
		direct, err := netip.ParseAddrPort(peer)
		address, parseErr := netip.ParseAddr(got)
		switch {
		case got == "":
			if err == nil {
				t.Errorf("%q: no address", peer)
			}
		case parseErr != nil || address.Zone() != "" || address.Is4In6():
			t.Errorf("%q %q: got %q", peer, forwarded, got)
		case err == nil && !netip.MustParsePrefix("10.0.0.0/8").Contains(direct.Addr().Unmap()) && !netip.MustParsePrefix("fd00::/8").Contains(direct.Addr().WithZone("")):
			if address != direct.Addr().Unmap().WithZone("") {
				t.Errorf("a stranger %q forged %q", peer, got)
			}
		}
	})
}

func TestUserAgentIsFitForStoring(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ sent, want string }{
		"plain":          {"curl/8.5", "curl/8.5"},
		"none":           {"", ""},
		"control":        {"a\x00b\tc\x7f", "abc"},
		"invalid UTF-8":  {"a\xffb", "ab"},
		"direction mark": {"a\u202eb", "ab"},
		"long":           {strings.Repeat("x", 600), strings.Repeat("x", 512)},
		"long letters":   {strings.Repeat("ä", 300), strings.Repeat("ä", 256)},
	} {
		r := get("/actor")
		r.Header["User-Agent"] = []string{tt.sent}
		if got := actorOf(t, newKit(t), r).UserAgent; got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

type brokenIDs struct{}

func (brokenIDs) New() domain.ID { panic("no randomness") }

func TestPanicOutsideOfARouteIsAnswered(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.DebugLevel)
	rt, err := httpkit.New(httpkit.Config{Issuer: "http://127.0.0.1", RequestTimeout: time.Minute}, httpkit.Deps{
		Logger: zap.New(core), Tracers: tracenoop.NewTracerProvider(), Meters: metricnoop.NewMeterProvider(),
		Clock: fake.NewClock(fake.Epoch()), IDs: brokenIDs{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := serve(t, rt, get("/")); got.status != 500 || got.problem.Code != "internal" {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if logs.FilterMessage("panic").Len() != 1 || logs.FilterMessage("request").Len() != 1 {
		t.Errorf("the log says %v", logs.All())
	}
}

func TestAFloodIsNoFloodOfErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want zapcore.Level
	}{
		"overload":         {ports.ErrOverloaded, zapcore.WarnLevel},
		"trouble":          {ports.ErrUnavailable, zapcore.ErrorLevel},
		"a fault of ours":  {errors.New("bug"), zapcore.ErrorLevel},
		"a client's fault": {ports.ErrNotFound, zapcore.InfoLevel},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t)
			k.fails(c.err)
			k.do(t, get("/fails"))
			if lines := k.logs.All(); len(lines) != 1 || lines[0].Level != c.want {
				t.Errorf("got %+v, want one line of level %v", lines, c.want)
			}
		})
	}
}
