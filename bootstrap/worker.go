package bootstrap

import (
	"context"
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
	return fx.Module("worker", fx.Provide(newWorker))
}

func newWorker(cfg Config, clock ports.Clock, logger *zap.Logger, tracers trace.TracerProvider, meters metric.MeterProvider, d deliverer, relay *delivery.Relay, keep *upkeep.Service, logins *login.Service) (*worker.Runner, error) {
	upkeepTask := worker.Task{Name: "upkeep", Every: cfg.Upkeep.Interval, Run: func(ctx context.Context) error {
		report, err := keep.Run(ctx)
		if report != (upkeep.Report{}) {
			logger.Info("upkeep", zap.Int("sessions", report.Sessions), zap.Int("messages", report.Messages),
				zap.Int("idempotency_records", report.IdempotencyRecords), zap.Bool("key_rotated", report.KeyRotated))
		}
		return err
	}}
	deliveryTask := worker.Task{Name: "delivery", Every: deliveryInterval, Run: func(ctx context.Context) error {
		report, err := relay.Deliver(ctx)
		if report.Abandoned > 0 {
			logger.Warn("mail abandoned", zap.Int("messages", report.Abandoned), zap.Error(err))
		}
		if report.Sent > 0 && d.mailbox != nil {
			logger.Info("mail caught by the developer mailbox", zap.Int("messages", report.Sent), zap.String("path", "/dev/mail"))
		}
		return err
	}}
	rehashTask := worker.Task{Name: "rehash", Every: rehashInterval, Run: func(ctx context.Context) error {
		_, err := logins.Rehash(ctx)
		return err
	}}
	mixTask := worker.Task{Name: "hash_mix", Every: mixInterval, Run: logins.LearnMix}
	return worker.New(clock, logger, tracers, meters, upkeepTask, deliveryTask, rehashTask, mixTask)
}
