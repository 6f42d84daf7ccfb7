package httpkit_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"authserve/adapters/inbound/httpkit"
	"authserve/ports/fake"
)

func routed(t testing.TB, change ...func(*httpkit.Config)) *kit {
	t.Helper()
	k := newKit(t, change...)
	nothing := func(context.Context) error { return nil }
	k.handle(http.MethodGet, "/things", httpkit.Endpoint{Operation: "things.list"}, nothing)
	k.handle(http.MethodPost, "/things", httpkit.Endpoint{Operation: "things.add"}, nothing)
	k.handle(http.MethodDelete, "/things/{id}", httpkit.Endpoint{Operation: "things.remove"}, nothing)
	return k
}

func TestUnknownPathsAreProblems(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"/", "/nothing", "//things", "/things/", "/things//1", "/./things", "/a/../things", "/thing%73",
		"/%2Fthings", "/things/a%2Fb/c", "/THINGS", "/things;x=1", "/things%00", "/things%0d%0aX-Evil:1",
	} {
		k := routed(t)
		got := k.do(t, get(path))
		if got.status != 404 || got.problem.Code != "unknown_route" || got.header.Get("Location") != "" {
			t.Errorf("%s: got %d %s %v", path, got.status, got.body, got.header)
		}
		if got.header.Get("X-Correlation-ID") == "" || got.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers are missing: %v", path, got.header)
		}
		if line := k.accessLog(t); line["status"] != int64(404) || line["route"] != "" || line["trace_id"] == nil {
			t.Errorf("%s: the log says %v", path, line)
		}
	}
}

func TestEncodedSlashIsNoSeparator(t *testing.T) {
	t.Parallel()
	var id string
	k := newKit(t)
	k.Handle(http.MethodDelete, "/things/{id}", httpkit.Handler(k.Router, httpkit.Endpoint{Operation: "x"},
		func(_ context.Context, r *httpkit.Request[httpkit.None]) (httpkit.Response[httpkit.None], error) {
			id = r.PathValue("id")
			return httpkit.Response[httpkit.None]{}, nil
		}))
	got := k.do(t, httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/things/a%2Fb", http.NoBody))
	if got.status != 204 || id != "a%2Fb" {
		t.Errorf("got %d, id %q", got.status, id)
	}
}

func TestWrongMethods(t *testing.T) {
	t.Parallel()
	tests := []struct{ method, path, allow string }{
		{"TRACE", "/things", "GET, HEAD, POST"},
		{"OPTIONS", "/things", "GET, HEAD, POST"},
		{"DELETE", "/things", "GET, HEAD, POST"},
		{"GET", "/things/1", "DELETE"},
		{"BREW", "/things/1", "DELETE"},
		{"get", "/things", "GET, HEAD, POST"},
	}
	for _, tt := range tests {
		k := routed(t)
		got := k.do(t, httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, http.NoBody))
		if got.status != 405 || got.problem.Code != "method_not_allowed" || got.header.Get("Allow") != tt.allow {
			t.Errorf("%s %s: got %d %s, Allow %q", tt.method, tt.path, got.status, got.problem.Code, got.header.Get("Allow"))
		}
		if line := k.accessLog(t); line["status"] != int64(405) {
			t.Errorf("the log says %v", line)
		}
	}
}

func TestHeadAnswersAsGetWithoutBody(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.Handle(http.MethodGet, "/hello", httpkit.Handler(k.Router, httpkit.Endpoint{Operation: "hello"},
		func(context.Context, *httpkit.Request[httpkit.None]) (httpkit.Response[string], error) {
			return httpkit.Response[string]{Body: "hello"}, nil
		}))
	server := httptest.NewServer(k.Router)
	t.Cleanup(server.Close)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, server.URL+"/hello", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 200 || res.ContentLength != int64(len("\"hello\"\n")) || res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %d, length %d, %v", res.StatusCode, res.ContentLength, res.Header)
	}
}

func TestRoutesAreListed(t *testing.T) {
	t.Parallel()
	want := []httpkit.Route{{Method: "GET", Path: "/things"}, {Method: "POST", Path: "/things"}, {Method: "DELETE", Path: "/things/{id}"}}
	if got := routed(t).Routes(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTelemetryKnowsTheTemplateOnly(t *testing.T) {
	t.Parallel()
	k := routed(t)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/things/8817", http.NoBody)
	r.Host = "evil.example:31337"
	k.do(t, r)
	names := []string{}
	for _, s := range k.spans.Ended() {
		names = append(names, s.Name())
	}
	if want := []string{"things.remove", "DELETE /things/{id}"}; !slices.Equal(names, want) {
		t.Errorf("got spans %q, want %q", names, want)
	}
	histogram, ok := k.metric(t, "http.server.request.duration").(metricdata.Histogram[float64])
	if !ok || len(histogram.DataPoints) != 1 {
		t.Fatalf("got %+v", histogram)
	}
	attributes := map[string]string{}
	for _, a := range histogram.DataPoints[0].Attributes.ToSlice() {
		attributes[string(a.Key)] = a.Value.String()
	}
	if attributes["http.route"] != "/things/{id}" || attributes["server.address"] != "127.0.0.1" || attributes["server.port"] != "8080" {
		t.Errorf("got %v", attributes)
	}
}

func TestIssuerWithoutPortLeavesNoPortToTheClient(t *testing.T) {
	t.Parallel()
	for issuer, port := range map[string]string{"http://auth.example": "", "https://auth.example": "443", "https://[2001:db8::1]": "443"} {
		k := routed(t, func(c *httpkit.Config) { c.Issuer = issuer })
		r := get("/things")
		r.Host = "evil.example:31337"
		k.do(t, r)
		histogram, _ := k.metric(t, "http.server.request.duration").(metricdata.Histogram[float64])
		for _, a := range histogram.DataPoints[0].Attributes.ToSlice() {
			if a.Key == "server.port" && a.Value.String() != port || a.Key == "server.address" && strings.Contains(a.Value.String(), "evil") {
				t.Errorf("%s: got %s=%s", issuer, a.Key, a.Value.String())
			}
		}
	}
}

func TestTraceOfStrangersIsLinkedOnly(t *testing.T) {
	t.Parallel()
	const theirs = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, trusted := range []bool{true, false} {
		var proxies []string
		if trusted {
			proxies = []string{"192.0.2.0/24"} // where httptest requests come from
		}
		k := routed(t, trusting(proxies...))
		r := get("/things")
		r.Header.Set("traceparent", "00-"+theirs+"-00f067aa0ba902b7-01")
		k.do(t, r)
		spans := k.spans.Ended()
		server := spans[len(spans)-1]
		if isParent := server.SpanContext().TraceID().String() == theirs; isParent != trusted {
			t.Errorf("trusted %v: parent %v", trusted, isParent)
		}
		if linked := len(server.Links()) == 1; linked == trusted {
			t.Errorf("trusted %v: linked %v", trusted, linked)
		}
	}
}

func TestConfigsThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	deps := httpkit.Deps{
		Logger: zap.NewNop(), Tracers: tracenoop.NewTracerProvider(), Meters: metricnoop.NewMeterProvider(),
		Clock: fake.NewClock(fake.Epoch()), IDs: &fake.IDs{},
	}
	good := httpkit.Config{Issuer: "https://auth.example", RequestTimeout: time.Second, CORSOrigins: []string{"https://app.example", "http://localhost:3000"}}
	if _, err := httpkit.New(good, deps); err != nil {
		t.Fatalf("a good config: %v", err)
	}
	for name, change := range map[string]func(*httpkit.Config){
		"no issuer":          func(c *httpkit.Config) { c.Issuer = "" },
		"issuer scheme":      func(c *httpkit.Config) { c.Issuer = "ftp://x" },
		"no timeout":         func(c *httpkit.Config) { c.RequestTimeout = 0 },
		"any origin":         func(c *httpkit.Config) { c.CORSOrigins = []string{"*"} },
		"null origin":        func(c *httpkit.Config) { c.CORSOrigins = []string{"null"} },
		"origin with a path": func(c *httpkit.Config) { c.CORSOrigins = []string{"https://app.example/"} },
	} {
		bad := good
		change(&bad)
		if _, err := httpkit.New(bad, deps); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
