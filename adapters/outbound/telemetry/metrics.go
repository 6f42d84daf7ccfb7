package telemetry

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.uber.org/zap"
)

// naming is how OpenTelemetry's names become those of Prometheus: a.b in seconds
// becomes a_b_seconds. Every version of Prometheus reads the result.
func naming() otlptranslator.TranslationStrategyOption {
	return otlptranslator.UnderscoreEscapingWithSuffixes
}

func (t *Telemetry) metrics(ctx context.Context, env environment, res *resource.Resource) error {
	registry := prometheus.NewRegistry()
	if err := registry.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})); err != nil {
		return err
	}
	pull, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithTranslationStrategy(naming()), exporter.WithoutScopeInfo())
	if err != nil {
		return err
	}
	options := []sdkmetric.Option{sdkmetric.WithResource(res), sdkmetric.WithReader(pull), sdkmetric.WithView(t.view)}
	if env.metrics {
		push, err := otlpmetrichttp.New(ctx)
		if err != nil {
			return err
		}
		options = append(options, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(push)))
	}
	provider := sdkmetric.NewMeterProvider(options...)
	t.Meters = provider
	t.shutdowns = append(t.shutdowns, provider.Shutdown)
	t.Metrics = promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true, // exemplars stand in no other format
		ErrorLog:          scrapeLog{t.Logger},
		ErrorHandling:     promhttp.ContinueOnError,
	})
	return nil
}

// view is asked once per instrument. There is one view for all, since an
// instrument that two views match becomes two streams.
func (t *Telemetry) view(i sdkmetric.Instrument) (sdkmetric.Stream, bool) {
	t.catalogue.add(i)
	s := sdkmetric.Stream{Name: i.Name, Description: i.Description, Unit: i.Unit, AttributeFilter: ours}
	if i.Kind == sdkmetric.InstrumentKindHistogram {
		s.Aggregation = buckets(i.Unit)
	}
	return s, true
}

// ours keeps the attributes whose values the service chooses. Those that clients
// choose would let them make series without bound.
func ours(kv attribute.KeyValue) bool {
	switch kv.Key {
	case "server.address", "server.port",
		"client.address", "client.port",
		"network.peer.address", "network.peer.port", "network.local.address", "network.local.port",
		"network.protocol.name", "network.protocol.version",
		"url.full", "url.path", "url.query",
		"user_agent.original":
		return false
	default:
		return true
	}
}

// buckets are the bounds of a histogram by its unit; nil: the SDK's.
func buckets(unit string) sdkmetric.Aggregation {
	switch unit {
	case "s":
		return sdkmetric.AggregationExplicitBucketHistogram{
			Boundaries: []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10},
		}
	case "By":
		return sdkmetric.AggregationExplicitBucketHistogram{
			Boundaries: []float64{128, 512, 2048, 8192, 32768, 131072, 524288},
		}
	default:
		return nil
	}
}

// scrapeLog writes the faults of /metrics to the log.
type scrapeLog struct{ logger *zap.Logger }

// Println implements promhttp.Logger.
func (l scrapeLog) Println(v ...any) { l.logger.Sugar().Warnln(v...) }
