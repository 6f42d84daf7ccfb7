package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

func (t *Telemetry) traces(ctx context.Context, env environment, res *resource.Resource) error {
	// Text of panics may hold secrets; the edge that recovers logs them.
	options := []sdktrace.TracerProviderOption{sdktrace.WithResource(res), sdktrace.WithoutPanicRecording()}
	if env.traces {
		exporter, err := otlptracehttp.New(ctx)
		if err != nil {
			return err
		}
		options = append(options,
			sdktrace.WithSampler(recordAll{env.sampler}),
			sdktrace.WithSpanProcessor(newErrorTraces(sdktrace.NewBatchSpanProcessor(exporter))))
	} else {
		options = append(options, sdktrace.WithSampler(sdktrace.NeverSample()))
	}
	provider := sdktrace.NewTracerProvider(options...)
	t.Tracers = provider
	t.shutdowns = append(t.shutdowns, provider.Shutdown)
	return nil
}
