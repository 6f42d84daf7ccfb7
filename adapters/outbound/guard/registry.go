package guard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"authserve/ports"
)

const scope = "authserve/adapters/outbound/guard"

// Settings are the limits of one circuit. All of them must be positive.
type Settings struct {
	Timeout       time.Duration // of one call, waiting for a slot included
	MaxConcurrent int           // calls at a time
	RequestVolume int           // calls in 10 s below which the circuit never opens
	ErrorPercent  int           // share of failures and timeouts at which it opens, 1 to 100
	SleepWindow   time.Duration // pause before a trial; whole milliseconds
}

func (s Settings) validate() error {
	var faults []error
	positive := func(name string, ok bool) {
		if !ok {
			faults = append(faults, fmt.Errorf("%s must be positive", name))
		}
	}
	positive("timeout", s.Timeout > 0)
	positive("max concurrent", s.MaxConcurrent > 0)
	positive("request volume", s.RequestVolume > 0)
	positive("sleep window", s.SleepWindow > 0)
	if s.ErrorPercent < 1 || s.ErrorPercent > 100 {
		faults = append(faults, errors.New("error percent must be 1 to 100"))
	}
	return errors.Join(faults...)
}

// Registry holds the circuits of one service. It cannot be thrown away: hystrix
// keeps its circuits until the process ends.
type Registry struct {
	clock    ports.Clock
	tracer   trace.Tracer
	duration metric.Float64Histogram

	mu       sync.RWMutex
	circuits []*Circuit // sorted by name
}

var _ ports.Breakers = (*Registry)(nil)

// NewRegistry makes an empty registry whose circuits report to the providers.
func NewRegistry(clock ports.Clock, tp trace.TracerProvider, mp metric.MeterProvider) (*Registry, error) {
	r := &Registry{clock: clock, tracer: tp.Tracer(scope)}
	if err := r.instruments(mp.Meter(scope)); err != nil {
		return nil, fmt.Errorf("guard metrics: %w", err)
	}
	return r, nil
}

// instruments makes the metrics. All but the duration are read from the circuits
// when somebody collects, so that they cost a call nothing.
func (r *Registry) instruments(meter metric.Meter) error {
	var err error
	if r.duration, err = meter.Float64Histogram("authserve.circuit.call.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of calls to a dependency that were made, by circuit, operation and outcome.")); err != nil {
		return err
	}
	calls, err := meter.Int64ObservableCounter("authserve.circuit.calls", metric.WithUnit("{call}"),
		metric.WithDescription("Calls to a dependency, made or not, by circuit and outcome."))
	if err != nil {
		return err
	}
	state, err := meter.Int64ObservableGauge("authserve.circuit.state",
		metric.WithDescription("1 for the state that the circuit breaker is in, 0 for the others."))
	if err != nil {
		return err
	}
	inFlight, err := meter.Int64ObservableGauge("authserve.circuit.in_flight", metric.WithUnit("{call}"),
		metric.WithDescription("Calls to a dependency that are under way."))
	if err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for _, s := range r.Breakers() {
			circuit := attribute.String("circuit", s.Name)
			for kind, n := range map[outcome]uint64{
				success: s.Counts.Success, failure: s.Counts.Failure, timeout: s.Counts.Timeout,
				refused: s.Counts.Refused, rejected: s.Counts.Rejected, canceled: s.Counts.Canceled,
			} {
				o.ObserveInt64(calls, int64(n), metric.WithAttributes(circuit, attribute.String("outcome", kind.String()))) //nolint:gosec // a count of calls fits
			}
			for _, name := range []ports.BreakerState{ports.BreakerClosed, ports.BreakerHalfOpen, ports.BreakerOpen} {
				var is int64
				if s.State == name {
					is = 1
				}
				o.ObserveInt64(state, is, metric.WithAttributes(circuit, attribute.String("state", string(name))))
			}
			o.ObserveInt64(inFlight, int64(s.InFlight), metric.WithAttributes(circuit))
		}
		return nil
	}, calls, state, inFlight)
	return err
}

// Circuit makes the circuit of that name: fixed, of lower-case letters, digits,
// dots and dashes, since it is a metric label. Making the same twice is an error.
func (r *Registry) Circuit(name string, s Settings) (*Circuit, error) {
	if !regexp.MustCompile(`^[a-z][a-z0-9.-]*$`).MatchString(name) {
		return nil, fmt.Errorf("circuit %q: not a legal name", name)
	}
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("circuit %s: %w", name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	at, exists := slices.BinarySearchFunc(r.circuits, name, func(c *Circuit, name string) int { return cmp.Compare(c.name, name) })
	if exists {
		return nil, fmt.Errorf("circuit %s: made before", name)
	}
	c, err := newCircuit(r, name, s)
	if err != nil {
		return nil, err
	}
	r.circuits = slices.Insert(r.circuits, at, c)
	return c, nil
}

// Breakers implements ports.Breakers.
func (r *Registry) Breakers() []ports.BreakerStatus {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]ports.BreakerStatus, len(r.circuits))
	for i, c := range r.circuits {
		all[i] = c.status()
	}
	return all
}
