package worker

import (
	"context"
	"fmt"
	"runtime/debug"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"authserve/core/domain"
)

// scope names the instrumentation.
const scope = "authserve/adapters/inbound/worker"

// outcome is how a run ended.
type outcome string

const (
	succeeded   outcome = "ok"
	failed      outcome = "failed"
	panicked    outcome = "panicked"
	interrupted outcome = "interrupted" // by Stop
)

type instruments struct {
	runs     metric.Int64Counter
	duration metric.Float64Histogram
}

func newInstruments(meter metric.Meter) (instruments, error) {
	runs, err := meter.Int64Counter("authserve.worker.runs",
		metric.WithDescription("Runs of background tasks, by task and outcome."), metric.WithUnit("{run}"))
	if err != nil {
		return instruments{}, err
	}
	duration, err := meter.Float64Histogram("authserve.worker.run.duration",
		metric.WithDescription("Duration of runs of background tasks, by task."), metric.WithUnit("s"))
	return instruments{runs: runs, duration: duration}, err
}

// run runs t once, and traces, counts and logs it.
func (r *Runner) run(ctx context.Context, t Task, log *failureLog) {
	ctx, span := r.tracer.Start(ctx, "worker "+t.Name, trace.WithNewRoot())
	defer span.End()
	ctx = domain.WithActor(ctx, domain.Actor{Kind: domain.ActorSystem})

	begin := r.clock.Now()
	how, err := call(ctx, t)
	task := attribute.String("task", t.Name)
	r.meter.duration.Record(ctx, r.clock.Now().Sub(begin).Seconds(), metric.WithAttributes(task))
	r.meter.runs.Add(ctx, 1, metric.WithAttributes(task, attribute.String("outcome", string(how))))
	if how == failed || how == panicked {
		span.SetStatus(codes.Error, string(domain.CodeOf(err)))
	}

	logger := r.logger.With(zap.String("task", t.Name),
		zap.Stringer("trace_id", span.SpanContext().TraceID()), zap.Stringer("span_id", span.SpanContext().SpanID()))
	log.record(logger, how, err)
}

// call runs t and turns a panic into an error that holds its stack.
func call(ctx context.Context, t Task) (how outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			how, err = panicked, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	err = t.Run(ctx)
	switch {
	case err == nil:
		return succeeded, nil
	case ctx.Err() != nil:
		return interrupted, nil
	default:
		return failed, err
	}
}

// failureLog keeps a task that goes on failing from flooding the log: of runs that
// fail in a row it logs number 1, 2, 4, 8 and so on, and then the recovery.
type failureLog struct{ inARow uint64 }

func (f *failureLog) record(logger *zap.Logger, how outcome, err error) {
	switch how {
	case failed, panicked:
		f.inARow++
		if f.inARow&(f.inARow-1) == 0 {
			logger.Error("task failed", zap.String("outcome", string(how)), zap.Uint64("failures_in_a_row", f.inARow), zap.Error(err))
		}
	case succeeded:
		if f.inARow > 0 {
			logger.Info("task recovered", zap.Uint64("failures_in_a_row", f.inARow))
		}
		f.inARow = 0
	case interrupted:
	}
}
