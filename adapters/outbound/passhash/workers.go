package passhash

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"authserve/adapters/outbound/passhash/worker"
)

// NewWorkers makes a worker.Pool that computes by package scheme and counts what
// becomes of its children. events of cfg are called as well.
func NewWorkers(cfg worker.Config, meters metric.MeterProvider) (*worker.Pool, error) {
	meter := meters.Meter(scope)
	ends, err := meter.Int64Counter("authserve.password.worker.ends", metric.WithUnit("{process}"),
		metric.WithDescription("Worker processes for password hashes that ended or could not be started, by reason."))
	if err != nil {
		return nil, err
	}
	inside, err := meter.Int64Counter("authserve.password.in_process", metric.WithUnit("{job}"),
		metric.WithDescription("Password hashes computed inside the service, for want of a worker process."))
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	inside.Add(ctx, 0) // a counter that begins with its first event hides it
	for _, reason := range worker.Reasons() {
		ends.Add(ctx, 0, metric.WithAttributes(attribute.String("reason", string(reason))))
	}
	told := cfg.Events
	cfg.Compute = Compute
	cfg.Events.Ended = func(slot, pid int, reason worker.Reason, cause error) {
		ends.Add(ctx, 1, metric.WithAttributes(attribute.String("reason", string(reason))))
		if told.Ended != nil {
			told.Ended(slot, pid, reason, cause)
		}
	}
	cfg.Events.InProcess = func(slot int) {
		inside.Add(ctx, 1)
		if told.InProcess != nil {
			told.InProcess(slot)
		}
	}
	return worker.New(cfg)
}
