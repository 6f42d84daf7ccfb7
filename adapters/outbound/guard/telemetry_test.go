package guard_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"authserve/adapters/outbound/guard"
	"authserve/ports"
)

func TestTelemetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		spans := tracetest.NewSpanRecorder()
		reader := metric.NewManualReader()
		registry, err := guard.NewRegistry(bubbleClock{},
			trace.NewTracerProvider(trace.WithSpanProcessor(spans)), metric.NewMeterProvider(metric.WithReader(reader)))
		if err != nil {
			t.Fatalf("NewRegistry: %v", err)
		}
		r := &rig{t: t, registry: registry, circuit: newCircuit(t, registry, "db.read", settings())}
		_ = r.call(ports.ErrNotFound)
		_ = r.call(errBroken)
		func() {
			defer func() { _ = recover() }()
			_, _ = guard.Call(t.Context(), r.circuit, "test", func(context.Context) (int, error) { panic("s3cret") })
		}()

		var ended []string
		for _, s := range spans.Ended() {
			ended = append(ended, fmt.Sprint(s.Name(), " ", s.Status().Code, " ", s.Attributes()))
			if text := fmt.Sprint(s.Events(), s.Status()); strings.Contains(text, "s3cret") || strings.Contains(text, errBroken.Error()) {
				t.Errorf("span holds the text of an error: %s", text)
			}
		}
		want := []string{
			fmt.Sprint("db.read test ", codes.Unset, " ", []attribute.KeyValue{attribute.String("outcome", "success")}),
			fmt.Sprint("db.read test ", codes.Error, " ", []attribute.KeyValue{attribute.String("outcome", "failure")}),
			fmt.Sprint("db.read test ", codes.Error, " ", []attribute.KeyValue{attribute.String("outcome", "failure")}),
		}
		if got, want := strings.Join(ended, "\n"), strings.Join(want, "\n"); got != want {
			t.Errorf("spans:\n%s\nwant:\n%s", got, want)
		}

		values := collect(t, reader)
		for series, want := range map[string]int64{
			"authserve.circuit.calls circuit=db.read,outcome=success":                        1,
			"authserve.circuit.calls circuit=db.read,outcome=failure":                        2,
			"authserve.circuit.calls circuit=db.read,outcome=refused":                        0,
			"authserve.circuit.state circuit=db.read,state=closed":                           1,
			"authserve.circuit.state circuit=db.read,state=half-open":                        0,
			"authserve.circuit.state circuit=db.read,state=open":                             0,
			"authserve.circuit.in_flight circuit=db.read":                                    0,
			"authserve.circuit.call.duration circuit=db.read,operation=test,outcome=success": 1,
			"authserve.circuit.call.duration circuit=db.read,operation=test,outcome=failure": 2,
		} {
			if got, ok := values[series]; !ok || got != want {
				t.Errorf("%s = %d (there: %t), want %d", series, got, ok, want)
			}
		}
	})
}

// collect returns the value of each series, for histograms the count.
func collect(t *testing.T, reader metric.Reader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatalf("Collect: %v", err)
	}
	values := map[string]int64{}
	key := func(name string, set attribute.Set) string {
		return name + " " + set.Encoded(attribute.DefaultEncoder())
	}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					values[key(m.Name, p.Attributes)] = p.Value
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					values[key(m.Name, p.Attributes)] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					values[key(m.Name, p.Attributes)] = int64(p.Count)
				}
			default:
				t.Errorf("%s has data of type %T", m.Name, m.Data)
			}
		}
	}
	return values
}

// BenchmarkCall is a call as production makes it: spans not sampled, metrics on.
func BenchmarkCall(b *testing.B) {
	registry, err := guard.NewRegistry(bubbleClock{},
		trace.NewTracerProvider(trace.WithSampler(trace.NeverSample())), metric.NewMeterProvider(metric.WithReader(metric.NewManualReader())))
	if err != nil {
		b.Fatal(err)
	}
	s := settings()
	s.MaxConcurrent, s.Timeout = 64, 10*time.Second
	c, err := registry.Circuit("db.read", s)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := guard.Call(b.Context(), c, "view", func(context.Context) (int, error) { return 1, nil }); err != nil {
				b.Error(err)
			}
		}
	})
}
