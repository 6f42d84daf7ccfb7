package telemetry_test

import (
	"maps"
	"strings"
	"testing"

	"authserve/adapters/outbound/telemetry"
)

// What the variables switch off is not exported; the rest is, and logs, trace IDs
// and /metrics go on.
//
//nolint:paralleltest // the environment is the input
func TestSignalsAreSwitched(t *testing.T) {
	for name, c := range map[string]struct {
		environment     map[string]string
		traces, metrics bool
	}{
		"endpoint alone":               {traces: true, metrics: true},
		"SDK disabled":                 {environment: map[string]string{"OTEL_SDK_DISABLED": "True"}},
		"SDK disabled, rest unusable":  {environment: map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_TRACES_SAMPLER": "sometimes"}},
		"SDK not disabled":             {environment: map[string]string{"OTEL_SDK_DISABLED": "false"}, traces: true, metrics: true},
		"no traces":                    {environment: map[string]string{"OTEL_TRACES_EXPORTER": "none"}, metrics: true},
		"no traces, by any protocol":   {environment: map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, metrics: true},
		"no metrics":                   {environment: map[string]string{"OTEL_METRICS_EXPORTER": " None "}, traces: true},
		"exporters named":              {environment: map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "OTLP"}, traces: true, metrics: true},
		"protocol named":               {environment: map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, traces: true, metrics: true},
		"protocol named for each":      {environment: map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf"}, traces: true, metrics: true},
		"trace context among the list": {environment: map[string]string{"OTEL_PROPAGATORS": "baggage, TraceContext"}, traces: true, metrics: true},
	} {
		t.Run(name, func(t *testing.T) {
			receiver := newCollector(t)
			environment := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.URL, "OTEL_TRACES_SAMPLER": "always_on"}
			maps.Copy(environment, c.environment)
			setEnvironment(t, environment)
			log := &logBuffer{}
			tel, err := telemetry.New(t.Context(), telemetry.Config{LogWriter: log})
			if err != nil {
				t.Fatalf("New: %v", err)
			}
			tel.Logger.Info("still here")
			if !strings.Contains(log.String(), "still here") {
				t.Error("the log is silent")
			}
			if page := scrape(t, tel, ""); !strings.Contains(page, "go_goroutine_count") {
				t.Error("/metrics is empty")
			}
			_, span := tel.Tracers.Tracer("test").Start(t.Context(), "root")
			span.End()
			if !span.SpanContext().IsValid() || span.SpanContext().IsSampled() != c.traces {
				t.Errorf("span context = %+v, want ids, and sampled = %t", span.SpanContext(), c.traces)
			}
			var want []string
			if c.traces {
				want = append(want, "root")
			}
			receiver.wantSpans(t, tel, want...)
			if got := len(receiver.metrics) > 0; got != c.metrics {
				t.Errorf("metrics exported = %t, want %t", got, c.metrics)
			}
		})
	}
}

//nolint:paralleltest // the environment is the input
func TestUnusableVariablesAreRefused(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
	for _, c := range []struct {
		name, value string
		want        string // beside the name: what is legal
		endpoint    string
	}{
		{"OTEL_SDK_DISABLED", "1", "true or false", ""},
		{"OTEL_TRACES_EXPORTER", "zipkin", "otlp or none", ""},
		{"OTEL_TRACES_EXPORTER", "otlp,console", "otlp or none", "http://127.0.0.1:4318"},
		{"OTEL_TRACES_EXPORTER", "otlp", endpoint, ""},
		{"OTEL_METRICS_EXPORTER", "prometheus", "otlp or none", ""},
		{"OTEL_METRICS_EXPORTER", "otlp", endpoint, ""},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf", ""},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "http/protobuf", "http://127.0.0.1:4318"},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc", "http/protobuf", "http://127.0.0.1:4318"},
		{"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/json", "http/protobuf", "http://127.0.0.1:4318"},
		{"OTEL_PROPAGATORS", "b3,baggage", "tracecontext", ""},
		{"OTEL_PROPAGATORS", "none", "tracecontext", ""},
		{"OTEL_TRACES_SAMPLER", "parentbased_", "parentbased_traceidratio", ""},
	} {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			setEnvironment(t, map[string]string{c.name: c.value, endpoint: c.endpoint})
			tel, err := telemetry.New(t.Context(), telemetry.Config{LogWriter: &logBuffer{}})
			if err == nil {
				_ = tel.Shutdown(t.Context())
				t.Fatal("New accepted it")
			}
			if !strings.Contains(err.Error(), c.name) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New = %q, want the name and %q in it", err, c.want)
			}
		})
	}
}

// OTEL_PROPAGATORS stands beside OTEL_SDK_DISABLED, as the specification has it.
//
//nolint:paralleltest // the environment is the input
func TestPropagatorsAreCheckedEvenWhenDisabled(t *testing.T) {
	setEnvironment(t, map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_PROPAGATORS": "b3"})
	if tel, err := telemetry.New(t.Context(), telemetry.Config{LogWriter: &logBuffer{}}); err == nil {
		_ = tel.Shutdown(t.Context())
		t.Error("New accepted it")
	}
}
