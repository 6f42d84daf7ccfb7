package bootstrap

import (
	"context"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"authserve/adapters/outbound/telemetry"
)

func telemetryModule() fx.Option {
	return fx.Module("telemetry",
		fx.Provide(
			newTelemetry,
			func(t *telemetry.Telemetry) (*zap.Logger, trace.TracerProvider, metric.MeterProvider) {
				return t.Logger, t.Tracers, t.Meters
			},
		),
	)
}

func newTelemetry(cfg Config, o options) (*telemetry.Telemetry, error) {
	return telemetry.New(context.Background(), telemetry.Config{
		ServiceVersion: buildVersion().Version,
		Environment:    string(cfg.Env),
		LogLevel:       cfg.Log.Level,
		LogFormat:      cfg.Log.Format,
		LogWriter:      o.logWriter,
	})
}
