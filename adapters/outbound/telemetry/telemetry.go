package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"go.opentelemetry.io/contrib/instrumentation/runtime"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Config is what the environment's OTEL_* variables do not say.
type Config struct {
	ServiceVersion string
	Environment    string              // "development" or "production"
	LogLevel       string              // debug, info, warn or error; empty: info
	LogFormat      string              // json or console; empty: console in development, else json
	LogWriter      zapcore.WriteSyncer // nil: standard output
}

// Telemetry is what New made.
type Telemetry struct {
	Logger     *zap.Logger
	Tracers    trace.TracerProvider
	Meters     metric.MeterProvider
	Propagator propagation.TextMapPropagator // W3C Trace Context, and no baggage
	Metrics    http.Handler                  // OpenMetrics, or Prometheus text, as asked for

	catalogue *catalogue
	shutdowns []func(context.Context) error
}

// New makes everything. It opens no connection, so a collector that is down is no
// error; a variable that asks for what the service does not do is one. ctx is used
// while it runs only. Shutdown must be called in the end.
func New(ctx context.Context, cfg Config) (*Telemetry, error) {
	logger, err := newLogger(cfg)
	if err != nil {
		return nil, err
	}
	env, err := readEnvironment()
	if err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	t := &Telemetry{Logger: logger, Propagator: propagation.TraceContext{}, catalogue: newCatalogue()}
	otel.SetErrorHandler(errorHandler(logger))
	if err := t.providers(ctx, env, cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("telemetry: %w", err), t.Shutdown(ctx))
	}
	return t, nil
}

func (t *Telemetry) providers(ctx context.Context, env environment, cfg Config) error {
	res, err := resource.New(ctx,
		resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithAttributes(
			attribute.String("service.name", "authserve"),
			attribute.String("service.version", cfg.ServiceVersion),
			attribute.String("deployment.environment.name", cfg.Environment)),
		resource.WithFromEnv()) // last: what the environment says wins
	if err != nil {
		return fmt.Errorf("resource: %w", err)
	}
	if err := t.traces(ctx, env, res); err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	if err := t.metrics(ctx, env, res); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if err := runtime.Start(runtime.WithMeterProvider(t.Meters)); err != nil {
		return fmt.Errorf("metrics of the Go runtime: %w", err)
	}
	return nil
}

// Shutdown sends what is still held back and stops, within ctx: a collector that
// does not answer costs no more than that. The logger goes on working.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	faults := make([]error, len(t.shutdowns))
	var wg sync.WaitGroup
	for i, shutdown := range t.shutdowns {
		wg.Go(func() { faults[i] = shutdown(ctx) })
	}
	wg.Wait()
	// Sync fails on terminals and pipes, where there is nothing to sync.
	_ = t.Logger.Sync()
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("telemetry shutdown: %w", err)
	}
	return nil
}
