package httpkit_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"authserve/adapters/inbound/httpkit"
	"authserve/adapters/outbound/memlimit"
	"authserve/adapters/outbound/seal"
	"authserve/core/domain"
	"authserve/ports/fake"
)

// kit is a router with everything it reports to.
type kit struct {
	*httpkit.Router
	logs   *observer.ObservedLogs
	spans  *tracetest.SpanRecorder
	reader *metric.ManualReader
	clock  *fake.Clock
}

func newKit(t testing.TB, change ...func(*httpkit.Config)) *kit {
	t.Helper()
	cfg := httpkit.Config{Issuer: "http://127.0.0.1:8080", RequestTimeout: time.Minute}
	for _, c := range change {
		c(&cfg)
	}
	core, logs := observer.New(zap.DebugLevel)
	k := &kit{logs: logs, spans: tracetest.NewSpanRecorder(), reader: metric.NewManualReader(), clock: fake.NewClock(fake.Epoch())}
	rt, err := httpkit.New(cfg, httpkit.Deps{
		Logger:  zap.New(core),
		Tracers: trace.NewTracerProvider(trace.WithSpanProcessor(k.spans)),
		Meters:  metric.NewMeterProvider(metric.WithReader(k.reader)),
		Clock:   k.clock,
		IDs:     &fake.IDs{},
		Limiter: memlimit.New(),
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	k.Router = rt
	return k
}

func trusting(prefixes ...string) func(*httpkit.Config) {
	return func(cfg *httpkit.Config) {
		for _, p := range prefixes {
			cfg.TrustedProxies = append(cfg.TrustedProxies, netip.MustParsePrefix(p))
		}
	}
}

// answer is a response as tests look at it.
type answer struct {
	status  int
	header  http.Header
	body    string
	problem problem
}

type problem struct {
	Type, Title, Detail, Instance, Code string
	Status                              int
	CorrelationID                       string `json:"correlation_id"`
	TraceID                             string `json:"trace_id"`
	Errors                              []struct{ Field, Code, Message string }
}

func (k *kit) do(t testing.TB, r *http.Request) answer {
	t.Helper()
	return serve(t, k.Router, r)
}

func serve(t testing.TB, h http.Handler, r *http.Request) answer {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	res := rec.Result()
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	a := answer{status: res.StatusCode, header: res.Header, body: string(body)}
	if res.Header.Get("Content-Type") == "application/problem+json" {
		if err := json.Unmarshal(body, &a.problem); err != nil {
			t.Fatalf("the problem document %q: %v", body, err)
		}
	}
	return a
}

func get(path string) *http.Request {
	return httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, http.NoBody)
}

func post(path, body string) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// handle registers an endpoint without bodies.
func (k *kit) handle(method, path string, e httpkit.Endpoint, fn func(context.Context) error) {
	k.Handle(method, path, httpkit.Handler(k.Router, e, func(ctx context.Context, _ *httpkit.Request[httpkit.None]) (httpkit.Response[httpkit.None], error) {
		return httpkit.Response[httpkit.None]{}, fn(ctx)
	}))
}

// fails registers GET /fails, which fails with err.
func (k *kit) fails(err error) {
	k.handle(http.MethodGet, "/fails", httpkit.Endpoint{Operation: "fails"}, func(context.Context) error { return err })
}

// forget drops what was recorded, so that a fuzzing run does not grow.
func (k *kit) forget() {
	k.logs.TakeAll()
	k.spans.Reset()
}

func (k *kit) accessLog(t testing.TB) map[string]any {
	t.Helper()
	lines := k.logs.FilterMessage("request").All()
	if len(lines) == 0 {
		t.Fatal("no line in the access log")
	}
	return lines[len(lines)-1].ContextMap()
}

func (k *kit) metric(t testing.TB, name string) metricdata.Aggregation {
	t.Helper()
	var data metricdata.ResourceMetrics
	if err := k.reader.Collect(t.Context(), &data); err != nil {
		t.Fatalf("collect metrics: %v", err)
	}
	for _, s := range data.ScopeMetrics {
		for _, m := range s.Metrics {
			if m.Name == name {
				return m.Data
			}
		}
	}
	return nil
}

func newKeyring(t testing.TB, seed uint64) *seal.Keyring {
	t.Helper()
	random := fake.NewRandom(seed)
	key := domain.NewSecret(base64.StdEncoding.EncodeToString(random.Bytes(32)))
	ring, err := seal.New(random, key)
	if err != nil {
		t.Fatalf("seal.New: %v", err)
	}
	return ring
}
