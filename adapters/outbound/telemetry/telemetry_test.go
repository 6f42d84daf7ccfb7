package telemetry_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"authserve/adapters/outbound/telemetry"
)

// logBuffer takes log lines.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) Sync() error { return nil }

// take returns the text and empties the buffer.
func (b *logBuffer) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.text.Reset()
	return b.text.String()
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// setEnvironment makes the OTEL_* variables those given and no others.
func setEnvironment(t *testing.T, environment map[string]string) {
	t.Helper()
	for _, name := range []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
		"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
		"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_PROPAGATORS",
		"OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES",
	} {
		t.Setenv(name, environment[name])
	}
}

// start makes a Telemetry in that environment, stopped with the test.
func start(t *testing.T, environment map[string]string) *telemetry.Telemetry {
	t.Helper()
	setEnvironment(t, environment)
	tel, err := telemetry.New(t.Context(), telemetry.Config{ServiceVersion: "1.2.3", Environment: "production", LogWriter: &logBuffer{}})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(func() {
		_ = tel.Shutdown(context.Background()) // an error when the test has done it, or sent to nobody
	})
	return tel
}

// collector is an OTLP/HTTP receiver.
type collector struct {
	*httptest.Server

	mu      sync.Mutex
	spans   []string // names
	events  int
	service []string // service.name of each batch
	metrics []string
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unzipped
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch r.URL.Path {
	case "/v1/traces":
		var request tracepb.ExportTraceServiceRequest
		err = proto.Unmarshal(raw, &request)
		for _, rs := range request.GetResourceSpans() {
			for _, a := range rs.GetResource().GetAttributes() {
				if a.GetKey() == "service.name" {
					c.service = append(c.service, a.GetValue().GetStringValue())
				}
			}
			for _, ss := range rs.GetScopeSpans() {
				for _, s := range ss.GetSpans() {
					c.spans = append(c.spans, s.GetName())
					c.events += len(s.GetEvents())
				}
			}
		}
	case "/v1/metrics":
		var request metricspb.ExportMetricsServiceRequest
		err = proto.Unmarshal(raw, &request)
		for _, rm := range request.GetResourceMetrics() {
			for _, sm := range rm.GetScopeMetrics() {
				for _, m := range sm.GetMetrics() {
					c.metrics = append(c.metrics, m.GetName())
				}
			}
		}
	default:
		http.NotFound(w, r)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// wantSpans stops tel, so that everything is sent, and compares.
func (c *collector) wantSpans(t *testing.T, tel *telemetry.Telemetry, want ...string) {
	t.Helper()
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatalf("Shutdown: %v", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.spans)
	slices.Sort(want)
	if !slices.Equal(c.spans, want) {
		t.Errorf("exported %d spans, want %d: %.1000q, want %.1000q", len(c.spans), len(want), fmt.Sprint(c.spans), fmt.Sprint(want))
	}
}

//nolint:paralleltest // the environment is the input
func TestWithoutExporterNothingIsRecordedButIDsAreThere(t *testing.T) {
	tel := start(t, map[string]string{"OTEL_TRACES_SAMPLER": "always_on"})
	ctx, span := tel.Tracers.Tracer("test").Start(t.Context(), "root")
	defer span.End()
	if span.IsRecording() || span.SpanContext().IsSampled() {
		t.Error("span is recorded or sampled, want neither without an exporter")
	}
	if !span.SpanContext().IsValid() {
		t.Error("span has no ids for the logs")
	}
	_, child := tel.Tracers.Tracer("test").Start(ctx, "child")
	defer child.End()
	if got, want := child.SpanContext().TraceID(), span.SpanContext().TraceID(); got != want {
		t.Errorf("trace id of the child = %s, want %s", got, want)
	}
}

//nolint:paralleltest // the environment is the input
func TestPropagatorIsTraceContextOnly(t *testing.T) {
	tel := start(t, nil)
	if got, want := strings.Join(tel.Propagator.Fields(), " "), "traceparent tracestate"; got != want {
		t.Errorf("propagated fields = %q, want %q", got, want)
	}
}

//nolint:paralleltest // the environment is the input
func TestSampler(t *testing.T) {
	remote := func(flags trace.TraceFlags) trace.SpanContext {
		return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{0xff, 8: 0xff}, SpanID: trace.SpanID{1}, TraceFlags: flags, Remote: true})
	}
	for name, c := range map[string]struct {
		sampler, argument string
		parent            trace.SpanContext
		sampled           bool
	}{
		"default follows a sampled parent":    {"", "", remote(trace.FlagsSampled), true},
		"default follows an unsampled parent": {"", "", remote(0), false},
		"default with everything":             {"", "1", trace.SpanContext{}, true},
		"always_on":                           {"always_on", "", remote(0), true},
		"always_off":                          {"Always_Off", "", remote(trace.FlagsSampled), false},
		"ratio of all":                        {"traceidratio", "", remote(0), true},
		"ratio of none":                       {"traceidratio", "0", remote(trace.FlagsSampled), false},
		"parent-based on":                     {"parentbased_always_on", "", trace.SpanContext{}, true},
		"parent-based on, unsampled parent":   {"parentbased_always_on", "", remote(0), false},
		"parent-based off":                    {"parentbased_always_off", "", remote(trace.FlagsSampled), true},
		"parent-based ratio":                  {"parentbased_traceidratio", "1.0", trace.SpanContext{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			tel := start(t, map[string]string{
				"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": newCollector(t).URL + "/v1/traces",
				"OTEL_TRACES_SAMPLER":                c.sampler, "OTEL_TRACES_SAMPLER_ARG": c.argument,
			})
			_, span := tel.Tracers.Tracer("test").Start(trace.ContextWithSpanContext(t.Context(), c.parent), "root")
			defer span.End()
			if got := span.SpanContext().IsSampled(); got != c.sampled {
				t.Errorf("sampled = %t, want %t", got, c.sampled)
			}
			if !span.IsRecording() {
				t.Error("span is not recorded, want every one recorded until its trace ends")
			}
		})
	}
}

//nolint:paralleltest // the environment is the input
func TestDefaultSamplingIsOnePercent(t *testing.T) {
	tel := start(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": newCollector(t).URL})
	tracer, sampled := tel.Tracers.Tracer("test"), 0
	for range 20_000 {
		_, span := tracer.Start(t.Context(), "root")
		if span.SpanContext().IsSampled() {
			sampled++
		}
		span.End()
	}
	// 200 are expected, and the standard deviation is 14: this errs once in 10^12.
	if sampled < 100 || sampled > 300 {
		t.Errorf("%d of 20,000 traces sampled, want some 200", sampled)
	}
}

//nolint:paralleltest // the environment is the input
func TestBadSettingsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		environment map[string]string
		config      telemetry.Config
	}{
		"sampler":         {environment: map[string]string{"OTEL_TRACES_SAMPLER": "sometimes"}},
		"ratio":           {environment: map[string]string{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1.5"}},
		"ratio NaN":       {environment: map[string]string{"OTEL_TRACES_SAMPLER_ARG": "NaN"}},
		"default's ratio": {environment: map[string]string{"OTEL_TRACES_SAMPLER_ARG": "one"}},
		"log level":       {config: telemetry.Config{LogLevel: "trace"}},
		"log format":      {config: telemetry.Config{LogFormat: "xml"}},
	} {
		t.Run(name, func(t *testing.T) {
			setEnvironment(t, c.environment)
			c.config.LogWriter = &logBuffer{}
			if tel, err := telemetry.New(t.Context(), c.config); err == nil {
				t.Errorf("New accepted %v %+v", c.environment, c.config)
				_ = tel.Shutdown(t.Context())
			}
		})
	}
}

//nolint:paralleltest // the environment is the input
func TestResource(t *testing.T) {
	for want, environment := range map[string]map[string]string{
		"authserve": {},
		"renamed":   {"OTEL_SERVICE_NAME": "renamed"},
		"attribute": {"OTEL_RESOURCE_ATTRIBUTES": "service.name=attribute,team=a"},
	} {
		t.Run(want, func(t *testing.T) {
			c := newCollector(t)
			environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = c.URL
			environment["OTEL_TRACES_SAMPLER"] = "always_on"
			tel := start(t, environment)
			_, span := tel.Tracers.Tracer("test").Start(t.Context(), "root")
			span.End()
			page := scrape(t, tel, "")
			c.wantSpans(t, tel, "root")
			if len(c.service) != 1 || c.service[0] != want {
				t.Errorf("service.name = %v, want %s", c.service, want)
			}
			for _, label := range []string{`service_version="1.2.3"`, `deployment_environment_name="production"`, `service_name="` + want + `"`} {
				if !strings.Contains(page, label) {
					t.Errorf("/metrics lacks %s in target_info", label)
				}
			}
		})
	}
}

// A collector that accepts connections and never answers.
//
//nolint:paralleltest // the environment is the input
func TestHungCollectorHoldsUpNobody(t *testing.T) {
	answer := make(chan struct{})
	hung := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-answer }))
	defer hung.Close()
	tel := start(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": hung.URL, "OTEL_TRACES_SAMPLER": "always_on"})
	tracer := tel.Tracers.Tracer("test")
	for range 10_000 { // far more than the queue holds
		_, span := tracer.Start(t.Context(), "root")
		span.End()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := tel.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown = %v, want the end of its context: the spans were never taken", err)
	}
	close(answer)
	awaitEnd(t, "batchSpanProcessor")
}

// awaitEnd waits until no goroutine runs a function of that name.
func awaitEnd(t *testing.T, function string) {
	t.Helper()
	for range 10_000 {
		var stacks strings.Builder
		if err := pprof.Lookup("goroutine").WriteTo(&stacks, 1); err != nil {
			t.Fatalf("goroutine profile: %v", err)
		}
		if !strings.Contains(stacks.String(), function) {
			return
		}
		<-time.After(time.Millisecond)
	}
	t.Errorf("goroutines of %s remain", function)
}

//nolint:paralleltest // the environment is the input
func TestDeadCollectorIsNoErrorAtStart(t *testing.T) {
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	tel := start(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": dead.URL, "OTEL_TRACES_SAMPLER": "always_on"})
	_, span := tel.Tracers.Tracer("test").Start(t.Context(), "root")
	span.End()
	if page := scrape(t, tel, ""); !strings.Contains(page, "go_goroutine_count") {
		t.Error("/metrics does not answer beside a dead collector")
	}
}
