package bootstrap

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"authserve/adapters/outbound/cache"
	"authserve/adapters/outbound/entstore"
	"authserve/adapters/outbound/guard"
	"authserve/ports"
)

func storeModule() fx.Option {
	return fx.Module("store", fx.Provide(openDatabase, newAnnouncer, newStore))
}

// database is the chosen store as it is, before any guard.
type database struct {
	ports.Store
	migrator ports.Migrator // nil: the store has no schema
	probes   []ports.Probe
}

// openDatabase chooses the store. It closes with the service.
func openDatabase(cfg Config, o options, tracers trace.TracerProvider, meters metric.MeterProvider, log *zap.Logger, opened *closers) (database, error) {
	if o.store != nil {
		return foreignDatabase(o.store, opened), nil
	}
	waiting := o.waiting
	if waiting == nil {
		waiting = func(holder string) { log.Warn(waitingForLock(holder)) }
	}
	entCfg, err := storeConfig(cfg, waiting)
	if err != nil {
		return database{}, err
	}
	entCfg.TracerProvider, entCfg.MeterProvider = tracers, meters
	s, err := entstore.Open(o.ctx, entCfg)
	if err != nil {
		return database{}, fmt.Errorf("open the database: %w", err)
	}
	opened.add(s.Close)
	return database{Store: s, migrator: s.Migrator(), probes: s.Probes()}, nil
}

func foreignDatabase(s ports.Store, opened *closers) database {
	db := database{Store: s}
	if m, ok := s.(interface{ Migrator() ports.Migrator }); ok {
		db.migrator = m.Migrator()
	}
	if p, ok := s.(interface{ Probes() []ports.Probe }); ok {
		db.probes = p.Probes()
	}
	if c, ok := s.(io.Closer); ok {
		opened.add(c.Close)
	}
	return db
}

// storeConfig says where the database is. It makes nothing. waiting is told who has the
// lock of migrations.
func storeConfig(cfg Config, waiting func(holder string)) (entstore.Config, error) {
	url, err := cfg.DatabaseURL()
	if err != nil {
		return entstore.Config{}, err
	}
	return entstore.Config{
		URL:         url.Reveal(),
		Synchronous: strings.ToUpper(cfg.Database.Synchronous),
		BusyTimeout: cfg.Database.BusyTimeout,

		Readers: cfg.Database.Readers, Writers: cfg.Database.Writers,
		StatementTimeout: cfg.Database.StatementTimeout,
		Waiting:          waiting,
	}, nil
}

// newStore has the cache before the guard: what is remembered needs no slot and no
// closed circuit.
func newStore(cfg Config, d storeDeps) (ports.Store, *replicas, error) {
	guarded := guard.Store(d.Database.Store, d.Breakers.dbRead, d.Breakers.dbWrite)
	if cfg.Cache.TTL == 0 {
		return guarded, &replicas{}, nil
	}
	if d.Announcer == nil {
		s, err := cache.New(guarded, cache.Config(cfg.Cache), d.Clock, d.Meters)
		return s, &replicas{}, err
	}
	s, relay, err := cache.NewReplica(guarded, cache.Config(cfg.Cache), d.Clock, d.Meters, d.Announcer, replicaEvents(d.Logger))
	return s, &replicas{relay}, err
}

// storeDeps are what the store is made of.
type storeDeps struct {
	fx.In
	Database  database
	Announcer ports.Announcer // nil: there are no replicas to tell
	Breakers  *breakers
	Clock     ports.Clock
	Meters    metric.MeterProvider
	Logger    *zap.Logger
}

// reachTimeout bounds one try to reach the database.
const reachTimeout = 10 * time.Second

// reach asks the store's probe named "database", where it has one, whether the
// database answers. Without it a database that hangs would be met where there is no
// deadline: a migration may take long.
func (db database) reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	for _, p := range db.probes {
		if p.Name() == "database" {
			return p.Check(ctx)
		}
	}
	return nil
}

// migrate brings the schema to what this program needs, as configured.
func (db database) migrate(ctx context.Context, mode MigrateMode) error {
	if db.migrator == nil || mode == MigrateOff {
		return nil
	}
	if mode == MigrateAuto {
		_, err := db.migrator.Up(ctx)
		return err
	}
	steps, err := db.migrator.Status(ctx)
	if err != nil {
		return err
	}
	for _, s := range steps {
		if s.AppliedAt.IsZero() {
			return fmt.Errorf("the schema lacks migration %d (%s): run `authserve migrate up`, or set database.migrate to auto", s.Version, s.Name)
		}
	}
	return nil
}
