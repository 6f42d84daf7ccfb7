package bootstrap

import (
	"context"
	"time"

	"go.uber.org/zap"

	"authserve/adapters/inbound/cli"
	"authserve/adapters/outbound/cache"
	"authserve/adapters/outbound/guard"
	"authserve/adapters/outbound/redisbus"
	"authserve/adapters/outbound/redislimit"
	"authserve/adapters/outbound/system"
	"authserve/core/domain"
	"authserve/ports"
)

// replicas is how this process and others over the same database hear of each other's
// writes. Without Redis, or without a cache, it does nothing.
type replicas struct{ relay *cache.Relay }

func (r *replicas) start() {
	if r.relay != nil {
		r.relay.Start()
	}
}

func (r *replicas) stop(ctx context.Context) error {
	if r.relay == nil {
		return nil
	}
	return r.relay.Stop(ctx)
}

// newAnnouncer is the way to the other replicas; nil where none is configured.
func newAnnouncer(cfg Config, ids ports.IDs, b *breakers, opened *closers) (ports.Announcer, error) {
	if cfg.Redis.URL.IsZero() {
		return nil, nil //nolint:nilnil // to have no replicas is the normal case
	}
	bus, err := redisbus.New(cfg.Redis.URL, ids)
	if err != nil {
		return nil, err
	}
	opened.add(bus.Close)
	return guard.Announcer(bus, b.redis), nil
}

// replicaEvents tells the log when Redis comes and goes.
func replicaEvents(logger *zap.Logger) cache.Events {
	return cache.Events{
		Listening: func() { logger.Info("redis answers: writes of other replicas are seen at once") },
		Lost: func(err error) {
			logger.Warn("redis does not answer: writes of other replicas are seen after cache.ttl", zap.Error(err))
		},
	}
}

// checkRedis does what the service does with Redis: subscribe, publish, and count.
func checkRedis(ctx context.Context, cfg Config) cli.Check {
	check := cli.Check{Name: "redis", Status: cli.CheckOK, Summary: "it answers, and lets the service subscribe, publish and count"}
	failed := func(err error) cli.Check {
		check.Status, check.Summary = cli.CheckWarn, "it cannot be used"
		check.Facts = append(check.Facts, err.Error())
		check.Advice = "Nothing stops for it: writes of other replicas are seen after cache.ttl, and each limits alone. See docs/runbooks/redis-down.md."
		return check
	}
	bus, err := redisbus.New(cfg.Redis.URL, system.IDs{})
	if err != nil {
		return failed(err)
	}
	defer bus.Close() //nolint:errcheck // nothing was kept
	const patience = 3 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	subscribed := false
	listen, stop := context.WithCancel(ctx)
	defer stop()
	err = bus.Listen(listen, func() { subscribed = true; stop() }, func(ports.Changes) {})
	if !subscribed {
		return failed(err)
	}
	if err := bus.Announce(ctx, ports.Changes{}); err != nil { // which tells nothing
		return failed(err)
	}
	if err := countOnce(ctx, cfg); err != nil {
		return failed(err)
	}
	return check
}

// countOnce takes one of a bucket of its own, and gives it back.
func countOnce(ctx context.Context, cfg Config) error {
	limiter, err := redislimit.New(cfg.Redis.URL)
	if err != nil {
		return err
	}
	defer limiter.Close() //nolint:errcheck // nothing was kept
	bucket := domain.Bucket{Key: string(system.IDs{}.New()), Rate: domain.Rate{Name: "doctor", Burst: 1, Period: time.Minute}}
	now := system.Clock{}.Now()
	if _, err := limiter.Take(ctx, now, bucket); err != nil {
		return err
	}
	return limiter.Return(ctx, now, bucket)
}
