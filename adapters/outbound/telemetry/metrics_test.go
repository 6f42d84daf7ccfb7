package telemetry_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"authserve/adapters/outbound/telemetry"
)

// scrape gets /metrics, with that Accept.
func scrape(t *testing.T, tel *telemetry.Telemetry, accept string) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	tel.Metrics.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("/metrics = %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

//nolint:paralleltest // the environment is the input
func TestClientsCannotMakeSeries(t *testing.T) {
	tel := start(t, nil)
	histogram, err := tel.Meters.Meter("test").Float64Histogram("http.server.request.duration", metric.WithUnit("s"))
	if err != nil {
		t.Fatalf("Float64Histogram: %v", err)
	}
	for _, host := range []string{"a.example", "b.example", "c.example"} {
		histogram.Record(t.Context(), 0.02, metric.WithAttributes(
			attribute.String("http.route", "/users/me"),
			attribute.String("server.address", host), attribute.Int("server.port", 80),
			attribute.String("client.address", host), attribute.String("user_agent.original", host), attribute.String("url.path", host)))
	}
	page := scrape(t, tel, "")
	if strings.Contains(page, ".example") {
		t.Error("a value that the client chose is on /metrics")
	}
	for _, line := range []string{
		`http_server_request_duration_seconds_count{http_route="/users/me"} 3`,
		`http_server_request_duration_seconds_bucket{http_route="/users/me",le="0.01"} 0`,
		`http_server_request_duration_seconds_bucket{http_route="/users/me",le="0.025"} 3`,
	} {
		if !strings.Contains(page, line+"\n") {
			t.Errorf("/metrics lacks %s", line)
		}
	}
}

//nolint:paralleltest // the environment is the input
func TestExemplarsNameSampledTraces(t *testing.T) {
	tel := start(t, map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": newCollector(t).URL + "/v1/traces", "OTEL_TRACES_SAMPLER": "always_on"})
	histogram, err := tel.Meters.Meter("test").Float64Histogram("work.duration", metric.WithUnit("s"))
	if err != nil {
		t.Fatalf("Float64Histogram: %v", err)
	}
	ctx, span := tel.Tracers.Tracer("test").Start(t.Context(), "root")
	histogram.Record(ctx, 0.02)
	span.End()
	page := scrape(t, tel, "application/openmetrics-text;version=1.0.0")
	if want := `trace_id="` + span.SpanContext().TraceID().String() + `"`; !strings.Contains(page, want) || !strings.HasSuffix(page, "# EOF\n") {
		t.Errorf("OpenMetrics lacks the exemplar %s or its end:\n%s", want, page)
	}
}

//nolint:paralleltest // the environment is the input
func TestMetricsOfProcessAndRuntime(t *testing.T) {
	page := scrape(t, start(t, nil), "")
	for _, name := range []string{"go_goroutine_count", "go_memory_used_bytes", "process_resident_memory_bytes", "process_cpu_seconds_total", "target_info"} {
		if !strings.Contains(page, "\n"+name) {
			t.Errorf("/metrics lacks %s", name)
		}
	}
	if strings.Contains(page, "otel_scope") {
		t.Error("/metrics repeats the scope on every series")
	}
}

//nolint:paralleltest // the environment is the input
func TestMetricsByOTLP(t *testing.T) {
	c := newCollector(t)
	tel := start(t, map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": c.URL + "/v1/metrics"})
	counter, err := tel.Meters.Meter("test").Int64Counter("work.done")
	if err != nil {
		t.Fatalf("Int64Counter: %v", err)
	}
	counter.Add(t.Context(), 1)
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatalf("Shutdown: %v", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.metrics, "work.done") || len(c.spans) != 0 {
		t.Errorf("exported metrics %v and spans %v, want work.done and no spans", c.metrics, c.spans)
	}
}

//nolint:paralleltest // the environment is the input
func TestCatalogue(t *testing.T) {
	tel := start(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": newCollector(t).URL})
	meter := tel.Meters.Meter("test")
	if _, err := meter.Float64Histogram("work.duration", metric.WithUnit("s"), metric.WithDescription("How long.")); err != nil {
		t.Fatalf("Float64Histogram: %v", err)
	}
	if _, err := meter.Int64Counter("work.done", metric.WithUnit("{job}"), metric.WithDescription("How many.")); err != nil {
		t.Fatalf("Int64Counter: %v", err)
	}
	if _, err := meter.Int64UpDownCounter("work.waiting", metric.WithDescription("How many wait.")); err != nil {
		t.Fatalf("Int64UpDownCounter: %v", err)
	}
	if _, err := meter.Int64Gauge("work.load", metric.WithUnit("By"), metric.WithDescription("How much.")); err != nil {
		t.Fatalf("Int64Gauge: %v", err)
	}
	var got []telemetry.Metric
	for _, m := range tel.Catalogue() {
		if strings.HasPrefix(m.Name, "work.") {
			got = append(got, m)
		}
	}
	want := []telemetry.Metric{
		{Name: "work.done", Prometheus: "work_done_total", Type: "counter", Unit: "{job}", Meaning: "How many."},
		{Name: "work.duration", Prometheus: "work_duration_seconds", Type: "histogram", Unit: "s", Meaning: "How long."},
		{Name: "work.load", Prometheus: "work_load_bytes", Type: "gauge", Unit: "By", Meaning: "How much."},
		{Name: "work.waiting", Prometheus: "work_waiting", Type: "gauge", Unit: "", Meaning: "How many wait."},
	}
	if !slices.Equal(got, want) {
		t.Errorf("catalogue:\n%v\nwant:\n%v", got, want)
	}

	// What the catalogue says must be what a scrape finds.
	page := scrape(t, tel, "")
	for _, m := range tel.Catalogue() {
		if strings.HasPrefix(m.Name, "go.") && m.Name != "go.memory.limit" && !strings.Contains(page, "# TYPE "+m.Prometheus+" "+m.Type+"\n") {
			t.Errorf("/metrics lacks %s %s of the catalogue", m.Type, m.Prometheus)
		}
	}
}
