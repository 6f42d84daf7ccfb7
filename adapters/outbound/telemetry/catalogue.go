package telemetry

import (
	"cmp"
	"slices"
	"sync"

	"github.com/prometheus/otlptranslator"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// Metric describes one metric for the documents.
type Metric struct {
	Name       string // in OpenTelemetry and OTLP
	Prometheus string // on /metrics; histograms there have _bucket, _count and _sum
	Type       string // counter, gauge or histogram
	Unit       string // UCUM
	Meaning    string
}

// Catalogue lists every metric that was made by Meters so far, also those without
// a value yet, sorted by name. The process_ metrics of the Prometheus client,
// which are on /metrics only, are not in it.
func (t *Telemetry) Catalogue() []Metric { return t.catalogue.list() }

// catalogue collects instruments as they are made.
type catalogue struct {
	mu    sync.Mutex
	known map[string]Metric
}

func newCatalogue() *catalogue { return &catalogue{known: make(map[string]Metric)} }

func (c *catalogue) add(i sdkmetric.Instrument) {
	m := Metric{Name: i.Name, Unit: i.Unit, Meaning: i.Description}
	var kind otlptranslator.MetricType
	switch i.Kind {
	case sdkmetric.InstrumentKindCounter, sdkmetric.InstrumentKindObservableCounter:
		m.Type, kind = "counter", otlptranslator.MetricTypeMonotonicCounter
	case sdkmetric.InstrumentKindHistogram:
		m.Type, kind = "histogram", otlptranslator.MetricTypeHistogram
	case sdkmetric.InstrumentKindUpDownCounter, sdkmetric.InstrumentKindObservableUpDownCounter:
		m.Type, kind = "gauge", otlptranslator.MetricTypeNonMonotonicCounter
	case sdkmetric.InstrumentKindGauge, sdkmetric.InstrumentKindObservableGauge:
		m.Type, kind = "gauge", otlptranslator.MetricTypeGauge
	}
	namer := otlptranslator.NewMetricNamer("", naming())
	// The names of instruments are legal, so the name cannot fail to build.
	m.Prometheus, _ = namer.Build(otlptranslator.Metric{Name: i.Name, Unit: i.Unit, Type: kind})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[i.Name] = m
}

func (c *catalogue) list() []Metric {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]Metric, 0, len(c.known))
	for _, m := range c.known {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b Metric) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
