package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"authserve/ports"
)

// Task is something to do again and again.
type Task struct {
	Name  string        // fixed word for logs, spans and metrics; unique in a Runner
	Every time.Duration // between the starts of two runs, unless one takes longer
	// Due reports that there is something to do; nil: always. A tick without is
	// no run, and leaves no trace.
	Due func() bool
	// Run does the task once. It returns soon after its context ends.
	Run func(ctx context.Context) error
}

// Runner runs tasks from Start to Stop.
type Runner struct {
	clock  ports.Clock
	logger *zap.Logger
	tracer trace.Tracer
	meter  instruments
	tasks  []Task

	mu      sync.Mutex
	cancel  context.CancelFunc         // nil before Start
	stopped map[string]<-chan struct{} // by task; complete after Start
}

// New makes a Runner of tasks. Errors: a task without a name, a name used twice,
// an interval that is not positive, nothing to run.
func New(clock ports.Clock, logger *zap.Logger, tracers trace.TracerProvider, meters metric.MeterProvider, tasks ...Task) (*Runner, error) {
	names := map[string]bool{}
	for _, t := range tasks {
		if t.Name == "" || names[t.Name] || t.Every <= 0 || t.Run == nil {
			return nil, fmt.Errorf("worker: task %q needs a name of its own, a positive interval and something to run", t.Name)
		}
		names[t.Name] = true
	}
	meter, err := newInstruments(meters.Meter(scope))
	if err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	return &Runner{
		clock: clock, logger: logger, tracer: tracers.Tracer(scope), meter: meter,
		tasks: slices.Clone(tasks), stopped: map[string]<-chan struct{}{},
	}, nil
}

// Start starts every task and returns at once. Later calls do nothing.
func (r *Runner) Start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	for _, t := range r.tasks {
		stopped := make(chan struct{})
		r.stopped[t.Name] = stopped
		go func() {
			defer close(stopped)
			r.loop(ctx, t)
		}()
	}
}

// Stop ends the contexts of all runs and waits until the tasks have returned or
// ctx ends. Errors: the end of ctx, with the names of the tasks still running.
// Without a Start before, it does nothing.
func (r *Runner) Stop(ctx context.Context) error {
	r.mu.Lock()
	cancel, tasks := r.cancel, r.stopped
	r.mu.Unlock()
	if cancel == nil {
		return nil
	}
	cancel()
	var running []string
	for name, stopped := range tasks {
		select {
		case <-stopped:
			continue
		default:
		}
		select {
		case <-stopped:
		case <-ctx.Done():
			running = append(running, name)
		}
	}
	if len(running) == 0 {
		return nil
	}
	slices.Sort(running)
	return errors.Join(fmt.Errorf("worker: still running: %s", strings.Join(running, ", ")), ctx.Err())
}

func (r *Runner) loop(ctx context.Context, t Task) {
	ticker := time.NewTicker(t.Every)
	defer ticker.Stop()
	var log failureLog
	for {
		if t.Due == nil || t.Due() {
			r.run(ctx, t, &log)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if ctx.Err() != nil { // both were ready
				return
			}
		}
	}
}
