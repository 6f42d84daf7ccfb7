package telemetry

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// defaultSampling is the share of traces that are sampled when nothing is said.
const defaultSampling = 0.01

func (t *Telemetry) traces(ctx context.Context, res *resource.Resource) error {
	sampler, err := samplerFromEnvironment()
	if err != nil {
		return err
	}
	// Text of panics may hold secrets; the edge that recovers logs them.
	options := []sdktrace.TracerProviderOption{sdktrace.WithResource(res), sdktrace.WithoutPanicRecording()}
	if exporting("TRACES") {
		exporter, err := otlptracehttp.New(ctx)
		if err != nil {
			return err
		}
		options = append(options,
			sdktrace.WithSampler(recordAll{sampler}),
			sdktrace.WithSpanProcessor(newErrorTraces(sdktrace.NewBatchSpanProcessor(exporter))))
	} else {
		options = append(options, sdktrace.WithSampler(sdktrace.NeverSample()))
	}
	provider := sdktrace.NewTracerProvider(options...)
	t.Tracers = provider
	t.shutdowns = append(t.shutdowns, provider.Shutdown)
	return nil
}

// samplerFromEnvironment reads OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG as
// the OpenTelemetry specification defines them. The SDK reads them too, but keeps
// the sampler to itself and goes on with sampling everything after a fault.
func samplerFromEnvironment() (sdktrace.Sampler, error) {
	ratio := func(unset float64) (sdktrace.Sampler, error) {
		share := unset
		if arg := strings.TrimSpace(os.Getenv("OTEL_TRACES_SAMPLER_ARG")); arg != "" {
			var err error
			if share, err = strconv.ParseFloat(arg, 64); err != nil || !(share >= 0 && share <= 1) {
				return nil, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG=%q: want a number from 0 to 1", arg)
			}
		}
		return sdktrace.TraceIDRatioBased(share), nil
	}
	name, parentBased := strings.CutPrefix(strings.ToLower(strings.TrimSpace(os.Getenv("OTEL_TRACES_SAMPLER"))), "parentbased_")
	var sampler sdktrace.Sampler
	var err error
	switch name {
	case "":
		sampler, err = ratio(defaultSampling)
		parentBased = true
	case "always_on":
		sampler = sdktrace.AlwaysSample()
	case "always_off":
		sampler = sdktrace.NeverSample()
	case "traceidratio":
		sampler, err = ratio(1)
	default:
		err = fmt.Errorf("OTEL_TRACES_SAMPLER=%q: not a known sampler", os.Getenv("OTEL_TRACES_SAMPLER"))
	}
	if err != nil {
		return nil, err
	}
	if parentBased {
		sampler = sdktrace.ParentBased(sampler)
	}
	return sampler, nil
}
