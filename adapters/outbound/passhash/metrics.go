package passhash

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"authserve/adapters/outbound/passhash/queue"
)

// operation names the work for metrics.
type operation string

const (
	operationHash   operation = "hash"
	operationRehash operation = "rehash"
	operationVerify operation = "verify"
)

// scope names the instrumentation.
const scope = "authserve/adapters/outbound/passhash"

// instruments measure the engine.
type instruments struct {
	meter    metric.Meter
	wait     metric.Float64Histogram
	duration metric.Float64Histogram
	refused  metric.Int64Counter
	gauges   metric.Registration // nil before observe
}

func newInstruments(meters metric.MeterProvider) (*instruments, error) {
	i := &instruments{meter: meters.Meter(scope)}
	var err error
	if i.wait, err = i.meter.Float64Histogram("authserve.password.queue.wait", metric.WithUnit("s"),
		metric.WithDescription("Time that password hashing waited for a worker, of what was begun.")); err != nil {
		return nil, err
	}
	if i.duration, err = i.meter.Float64Histogram("authserve.password.hash.duration", metric.WithUnit("s"),
		metric.WithDescription("Time of one password hash on a worker, by algorithm, operation and whether it failed.")); err != nil {
		return nil, err
	}
	if i.refused, err = i.meter.Int64Counter("authserve.password.queue.refusals", metric.WithUnit("{job}"),
		metric.WithDescription("Password hashing that was refused or given up before it began, by reason.")); err != nil {
		return nil, err
	}
	for _, why := range queue.Reasons() { // a counter that begins with its first event hides it
		i.refuse(context.Background(), why, 0)
	}
	return i, nil
}

func (i *instruments) events() queue.Events {
	return queue.Events{
		Waited:  func(ctx context.Context, _ queue.Ticket, d time.Duration) { i.wait.Record(ctx, d.Seconds()) },
		Refused: func(ctx context.Context, _ queue.Ticket, why queue.Reason) { i.refuse(ctx, why, 1) },
	}
}

func (i *instruments) refuse(ctx context.Context, why queue.Reason, n int64) {
	i.refused.Add(ctx, n, metric.WithAttributes(attribute.String("reason", string(why))))
}

// observe makes the gauges of q.
func (i *instruments) observe(q *queue.Queue) error {
	running, err := i.meter.Int64ObservableGauge("authserve.password.running", metric.WithUnit("{job}"),
		metric.WithDescription("Password hashes that are being computed."))
	if err != nil {
		return err
	}
	waiting, err := i.meter.Int64ObservableGauge("authserve.password.queue.depth", metric.WithUnit("{job}"),
		metric.WithDescription("Password hashing that waits for a worker."))
	if err != nil {
		return err
	}
	i.gauges, err = i.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		r, w := q.Depth()
		o.ObserveInt64(running, int64(r))
		o.ObserveInt64(waiting, int64(w))
		return nil
	}, running, waiting)
	return err
}

// close ends the gauges: they hold the queue.
func (i *instruments) close() { _ = i.gauges.Unregister() } // never fails

func (i *instruments) worked(ctx context.Context, algorithm string, op operation, took time.Duration, err error) {
	i.duration.Record(ctx, took.Seconds(), metric.WithAttributes(
		attribute.String("algorithm", algorithm), attribute.String("operation", string(op)), attribute.Bool("failed", err != nil)))
}
