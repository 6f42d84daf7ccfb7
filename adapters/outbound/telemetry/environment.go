package telemetry

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// defaultSampling is the share of traces that are sampled when nothing is said.
const defaultSampling = 0.01

// environment is what the standard OTEL_* variables decide and neither the SDK nor
// its exporters read by themselves, or read and then go on with something else.
type environment struct {
	traces, metrics bool             // leave by OTLP
	sampler         sdktrace.Sampler // of the traces that leave
}

// CheckEnvironment returns everything that New would refuse of the environment.
func CheckEnvironment() error {
	_, err := readEnvironment()
	return err
}

// readEnvironment refuses what the service cannot do, so that nobody waits for
// traces that never come. With OTEL_SDK_DISABLED the rest is not even looked at,
// except for OTEL_PROPAGATORS, which the specification keeps out of its reach.
func readEnvironment() (environment, error) {
	disabled, err := sdkDisabled()
	err = errors.Join(checkPropagators(), err)
	if disabled {
		return environment{}, err
	}
	var e environment
	var faults [3]error
	e.traces, faults[0] = exporting("TRACES")
	e.metrics, faults[1] = exporting("METRICS")
	e.sampler, faults[2] = samplerFromEnvironment()
	endpoints := errors.Join(checkEndpoint(""), checkEndpoint("TRACES_"), checkEndpoint("METRICS_"))
	return e, errors.Join(err, endpoints, errors.Join(faults[:]...))
}

// checkEndpoint refuses what the exporter would take for another address.
func checkEndpoint(signal string) error {
	name := "OTEL_EXPORTER_OTLP_" + signal + "ENDPOINT"
	value := strings.TrimSpace(os.Getenv(name))
	if value == "" {
		return nil
	}
	if u, err := url.Parse(value); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return fmt.Errorf("%s: want an absolute http or https URL", name) // it may hold a password
	}
	return nil
}

func checkPropagators() error {
	const name = "OTEL_PROPAGATORS"
	value := variable(name)
	if value == "" {
		return nil
	}
	for propagator := range strings.SplitSeq(value, ",") {
		if strings.TrimSpace(propagator) == "tracecontext" {
			return nil
		}
	}
	return fmt.Errorf("%s=%q: want a list with tracecontext in it, the only one that is used", name, value)
}

func sdkDisabled() (bool, error) {
	const name = "OTEL_SDK_DISABLED"
	return variable(name) == "true", want(name, "true", "false")
}

// exporting reports whether the signal, TRACES or METRICS, leaves by OTLP.
func exporting(signal string) (bool, error) {
	const (
		protocol = "OTEL_EXPORTER_OTLP_PROTOCOL"
		endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
	)
	exporter := "OTEL_" + signal + "_EXPORTER"
	if err := want(exporter, "otlp", "none"); err != nil || variable(exporter) == "none" {
		return false, err
	}
	deciding := "OTEL_EXPORTER_OTLP_" + signal + "_PROTOCOL"
	if variable(deciding) == "" {
		deciding = protocol
	}
	if err := want(deciding, "http/protobuf"); err != nil {
		return false, err
	}
	known := variable(endpoint) != "" || variable("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != ""
	if !known && variable(exporter) == "otlp" {
		return false, fmt.Errorf("%s=otlp: want %s as well, which has no default here", exporter, endpoint)
	}
	return known, nil
}

// samplerFromEnvironment reads OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG as
// the OpenTelemetry specification defines them. The SDK reads them too, but keeps
// the sampler to itself and goes on with sampling everything after a fault.
func samplerFromEnvironment() (sdktrace.Sampler, error) {
	ratio := func(unset float64) (sdktrace.Sampler, error) {
		share := unset
		if arg := variable("OTEL_TRACES_SAMPLER_ARG"); arg != "" {
			var err error
			if share, err = strconv.ParseFloat(arg, 64); err != nil || !(share >= 0 && share <= 1) {
				return nil, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG=%q: want a number from 0 to 1", arg)
			}
		}
		return sdktrace.TraceIDRatioBased(share), nil
	}
	const chosen = "OTEL_TRACES_SAMPLER"
	if err := want(chosen, "always_on", "always_off", "traceidratio",
		"parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"); err != nil {
		return nil, err
	}
	name, parentBased := strings.CutPrefix(variable(chosen), "parentbased_")
	var sampler sdktrace.Sampler
	var err error
	switch name {
	case "always_on":
		sampler = sdktrace.AlwaysSample()
	case "always_off":
		sampler = sdktrace.NeverSample()
	case "traceidratio":
		sampler, err = ratio(1)
	default:
		sampler, err = ratio(defaultSampling)
		parentBased = true
	}
	if err != nil {
		return nil, err
	}
	if parentBased {
		sampler = sdktrace.ParentBased(sampler)
	}
	return sampler, nil
}

// want returns an error unless the variable is unset or has one of the values.
func want(name string, values ...string) error {
	if value := variable(name); value != "" && !slices.Contains(values, value) {
		return fmt.Errorf("%s=%q: want %s", name, value, strings.Join(values, " or "))
	}
	return nil
}

// variable is the value of a variable: the specification has those with fixed
// words compared without regard to case, and takes an empty one for unset.
func variable(name string) string { return strings.ToLower(strings.TrimSpace(os.Getenv(name))) }
