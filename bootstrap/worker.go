package bootstrap

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"authserve/adapters/inbound/worker"
	"authserve/core/delivery"
	"authserve/core/login"
	"authserve/core/upkeep"
	"authserve/ports"
)

const (
	deliveryInterval     = 2 * time.Second
	deliveryFirstPause   = 30 * time.Second
	deliveryLongestPause = 6 * time.Hour
	rehashInterval       = time.Second
	mixInterval          = 10 * time.Minute
)

func workerModule() fx.Option {
	return fx.Module("worker", fx.Provide(newWorker, newAuditLog))
}

type workerParams struct {
	fx.In
	Config    Config
	Clock     ports.Clock
	Logger    *zap.Logger
	Tracers   trace.TracerProvider
	Meters    metric.MeterProvider
	Deliverer deliverer
	Relay     *delivery.Relay
	Upkeep    *upkeep.Service
	Logins    *login.Service
	Audit     *auditLog
	Database  database
	Options   options
}

func newWorker(p workerParams) (*worker.Runner, error) {
	upkeepTask := worker.Task{Name: "upkeep", Every: p.Config.Upkeep.Interval, Run: func(ctx context.Context) error {
		report, err := p.Upkeep.Run(ctx)
		pruned, pruneErr := p.Audit.prune(ctx)
		if report != (upkeep.Report{}) || pruned > 0 {
			p.Logger.Info("upkeep", zap.Int("sessions", report.Sessions), zap.Int("messages", report.Messages),
				zap.Int("idempotency_records", report.IdempotencyRecords), zap.Int("audit_events", pruned), zap.Bool("key_rotated", report.KeyRotated))
		}
		return errors.Join(err, pruneErr)
	}}
	mailTask, err := deliveryTask(p)
	if err != nil {
		return nil, err
	}
	rehashTask := worker.Task{Name: "rehash", Every: rehashInterval, Due: p.Logins.IsBehind, Run: func(ctx context.Context) error {
		_, err := p.Logins.Rehash(ctx)
		return errors.Join(p.Logins.RefreshMix(ctx), err)
	}}
	mixTask := worker.Task{Name: "hash_mix", Every: mixInterval, Run: p.Logins.LearnMix}
	tasks := append([]worker.Task{upkeepTask, mailTask, rehashTask, mixTask}, p.Audit.tasks()...)
	if t, ok := optimizeTask(p.Database); ok {
		tasks = append(tasks, t)
	}
	if t, ok, err := backupTask(p.Config, p.Options, p.Clock, p.Logger); err != nil {
		return nil, err
	} else if ok {
		tasks = append(tasks, t)
	}
	return worker.New(p.Clock, p.Logger, p.Tracers, p.Meters, tasks...)
}

// optimizeInterval is how often SQLite looks whether tables have grown so much that
// its plans need new statistics; mostly none have, and nothing is done.
const optimizeInterval = time.Hour

// optimizeTask is there for a database that asks for it.
func optimizeTask(db database) (task worker.Task, ok bool) {
	store, ok := db.Store.(interface {
		Optimize(ctx context.Context) error
	})
	if !ok {
		return worker.Task{}, false
	}
	return worker.Task{Name: "optimize", Every: optimizeInterval, Run: store.Optimize}, true
}
