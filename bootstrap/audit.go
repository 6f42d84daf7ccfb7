package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/fx"

	"authserve/adapters/inbound/cli"
	"authserve/adapters/inbound/worker"
	"authserve/core/audit"
	"authserve/core/domain"
	"authserve/ports"
)

const (
	// sealInterval keeps what is not sealed yet below two seconds.
	sealInterval    = time.Second
	denialsInterval = time.Minute
)

// auditLog is what the service itself does about the audit log.
type auditLog struct {
	chain     *audit.Service
	denials   *audit.Denials
	clock     ports.Clock
	retention time.Duration
	sealed    metric.Int64Counter
	unsealed  metric.Float64Gauge
}

// auditDeps are what it is made of.
type auditDeps struct {
	fx.In
	Config  Config
	Chain   *audit.Service
	Denials *audit.Denials
	Clock   ports.Clock
	Meters  metric.MeterProvider
}

func newAuditLog(d auditDeps) (*auditLog, error) {
	a := &auditLog{chain: d.Chain, denials: d.Denials, clock: d.Clock, retention: d.Config.Audit.Retention}
	meter := d.Meters.Meter("authserve/bootstrap")
	var err error
	a.sealed, err = meter.Int64Counter("authserve.audit.chained",
		metric.WithDescription("Audit events that this process sealed into the chain."), metric.WithUnit("{event}"))
	if err != nil {
		return nil, err
	}
	a.unsealed, err = meter.Float64Gauge("authserve.audit.unchained.age",
		metric.WithDescription("Age of the oldest audit event that could not be sealed into the chain; 0: all are."), metric.WithUnit("s"))
	return a, err
}

func (a *auditLog) tasks() []worker.Task {
	return []worker.Task{
		{Name: "audit_seal", Every: sealInterval, Run: a.seal},
		{Name: "audit_denials", Every: denialsInterval, Due: a.denials.Any, Run: a.flush},
	}
}

func (a *auditLog) seal(ctx context.Context) error {
	done, err := a.chain.Seal(ctx)
	if done.Events > 0 {
		a.sealed.Add(ctx, int64(done.Events))
	}
	age := 0.0
	if !done.Oldest.IsZero() {
		age = a.clock.Now().Sub(done.Oldest).Seconds()
	}
	if err == nil || age > 0 { // otherwise nothing is known
		a.unsealed.Record(ctx, age)
	}
	return err
}

func (a *auditLog) flush(ctx context.Context) error {
	_, err := a.denials.Flush(ctx)
	return err
}

// prune removes what is too old, as a part of upkeep.
func (a *auditLog) prune(ctx context.Context) (int, error) {
	return a.chain.Prune(ctx, a.clock.Now().Add(-a.retention))
}

// finish writes and seals what is left when the service stops.
func (a *auditLog) finish(ctx context.Context) error {
	ctx = domain.WithActor(ctx, domain.Actor{Kind: domain.ActorSystem})
	return errors.Join(a.flush(ctx), a.seal(ctx))
}

// verifyAudit works beside a running service, and writes nothing.
func (p program) verifyAudit(ctx context.Context, c cli.Config, kept *domain.AuditHead, progress func(audit.Verdict)) (verdict audit.Verdict, err error) {
	err = p.withChain(ctx, c, func(chain *audit.Service) error {
		verdict, err = chain.Verify(ctx, kept, progress)
		return err
	})
	return verdict, err
}

// auditHead works beside a running service, and writes nothing.
func (p program) auditHead(ctx context.Context, c cli.Config) (head domain.AuditHead, err error) {
	err = p.withChain(ctx, c, func(chain *audit.Service) error {
		head, err = chain.Head(ctx)
		return err
	})
	return head, err
}

// withChain runs fn with the chain of a database that is there.
func (p program) withChain(ctx context.Context, c cli.Config, fn func(*audit.Service) error) error {
	cfg, err := load(c)
	if err != nil {
		return err
	}
	m, err := p.migrator(cfg)
	if err != nil {
		return err
	}
	absent, err := m.Absent()
	if err != nil {
		return err
	}
	if absent {
		return fmt.Errorf("%s is not there: look at database.url and data_dir", m)
	}
	var chain *audit.Service
	return p.withDatabase(ctx, cfg, MigrateCheck, fx.Populate(&chain), func(database) error { return fn(chain) })
}
