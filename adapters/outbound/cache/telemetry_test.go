package cache_test

import (
	"maps"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"authserve/adapters/outbound/cache"
	"authserve/adapters/outbound/memstore"
	"authserve/ports"
	"authserve/ports/fake"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	reader := metric.NewManualReader()
	w := &world{T: t, clock: fake.NewClock(fake.Epoch()), below: &counting{Store: memstore.New()}}
	var err error
	w.store, err = cache.New(w.below, cache.Config{Entries: 2, TTL: ttl, Stale: stale}, w.clock, metric.NewMeterProvider(metric.WithReader(reader)))
	if err != nil {
		t.Fatal(err)
	}
	w.update(populate)
	for n := range 3 {
		w.wants(n, 1)
	}
	w.wants(2, 0)
	w.clock.Advance(ttl)
	w.below.lastView = func() error { return ports.ErrUnavailable }
	w.wants(2, 1)
	_, _, _ = w.authenticate(0)

	got := collect(t, reader)
	want := map[string]int64{
		"authserve.cache.reads hit": 1, "authserve.cache.reads miss": 4, "authserve.cache.reads stale": 1,
		"authserve.cache.entries ": 2, "authserve.cache.evictions ": 1,
	}
	if !maps.Equal(got, want) {
		t.Errorf("metrics %v; want %v", got, want)
	}
}

// collect returns the values of all metrics by name and result.
func collect(t *testing.T, reader *metric.ManualReader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	values := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			var points []metricdata.DataPoint[int64]
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				points = data.DataPoints
			case metricdata.Gauge[int64]:
				points = data.DataPoints
			}
			for _, p := range points {
				result, _ := p.Attributes.Value("result")
				values[m.Name+" "+result.AsString()] = p.Value
			}
		}
	}
	return values
}
