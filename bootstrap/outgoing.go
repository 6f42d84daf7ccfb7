package bootstrap

import (
	"context"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"authserve/adapters/outbound/devmail"
	"authserve/adapters/outbound/guard"
	"authserve/adapters/outbound/hibp"
	"authserve/adapters/outbound/jwt"
	"authserve/adapters/outbound/passhash"
	"authserve/adapters/outbound/seal"
	"authserve/adapters/outbound/smtp"
	"authserve/adapters/outbound/system"
	"authserve/core/domain"
	"authserve/ports"
)

func outgoingModule() fx.Option {
	return fx.Module("outgoing",
		fx.Provide(
			func() ports.Clock { return system.Clock{} },
			func() ports.IDs { return system.IDs{} },
			func() ports.Random { return system.Random{} },
			func() ports.JWT { return jwt.New() },
			newKeyring,
			newRegistry, newBreakers,
			newHasher, newBreaches,
			newDeliverer, newMailer, newLimiter, newLetters,
		),
	)
}

// breakers are the circuits, by the one fixed name each of them has.
type breakers struct{ dbRead, dbWrite, hash, mail, breach, redis, limiter *guard.Circuit }

func newRegistry(clock ports.Clock, tracers trace.TracerProvider, meters metric.MeterProvider) (*guard.Registry, ports.Breakers, error) {
	r, err := guard.NewRegistry(clock, tracers, meters)
	return r, r, err
}

func newBreakers(cfg Config, r *guard.Registry) (*breakers, error) {
	b := &breakers{}
	for _, c := range []struct {
		name     string
		settings CircuitConfig
		circuit  **guard.Circuit
	}{
		{"db.read", cfg.Guard.DBRead, &b.dbRead},
		{"db.write", cfg.Guard.DBWrite, &b.dbWrite},
		{"hash", cfg.Guard.Hash, &b.hash},
		{"mail", cfg.Guard.Mail, &b.mail},
		{"breach", cfg.Guard.Breach, &b.breach},
		{"redis", cfg.Guard.Redis, &b.redis},
		{"limiter", cfg.Guard.Limiter, &b.limiter},
	} {
		var err error
		if *c.circuit, err = r.Circuit(c.name, guard.Settings(c.settings)); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func newKeyring(cfg Config, random ports.Random) (ports.Sealer, error) {
	keys, err := masterKeys(cfg, random)
	if err != nil {
		return nil, err
	}
	return seal.New(random, keys...)
}

func newHasher(cfg Config, o options, deps hasherDeps, b *breakers, opened *closers) (ports.Hasher, error) {
	if o.hasher != nil {
		return guard.Hasher(o.hasher, b.hash), nil
	}
	engine, err := newEngine(cfg, o, passhash.Deps{Random: deps.Random, Clock: deps.Clock, Sealer: deps.Sealer, Meters: deps.Meters}, deps.Logger, opened)
	if err != nil {
		return nil, err
	}
	return guard.Hasher(engine, b.hash), nil
}

// hasherDeps are what the password engine is made of.
type hasherDeps struct {
	fx.In
	Random ports.Random
	Clock  ports.Clock
	Sealer ports.Sealer
	Meters metric.MeterProvider
	Logger *zap.Logger
}

// newBreaches chooses who knows breached passwords: the embedder's, the range query,
// or, where nothing is configured, nobody.
func newBreaches(cfg Config, o options, b *breakers, opened *closers) (ports.Breaches, error) {
	switch {
	case o.breaches != nil:
		return guard.Breaches(o.breaches, b.breach), nil
	case cfg.Breach.URL == "":
		return guard.Breaches(noBreaches{}, b.breach), nil
	}
	client, err := hibp.New(hibp.Config{URL: cfg.Breach.URL})
	if err != nil {
		return nil, err
	}
	opened.add(func() error { client.Close(); return nil })
	return guard.Breaches(client, b.breach), nil
}

type noBreaches struct{}

// Contains implements ports.Breaches.
func (noBreaches) Contains(context.Context, domain.Password) (bool, error) { return false, nil }

// deliverer is the chosen mailer as it is, before its guard; mailbox is set where
// that is the developer mailbox.
type deliverer struct {
	ports.Mailer
	mailbox ports.Mailbox
}

// newDeliverer chooses the mailer: the embedder's, SMTP, the developer mailbox, or,
// where nothing is configured, one that refuses.
func newDeliverer(cfg Config, o options, clock ports.Clock) (deliverer, error) {
	switch {
	case o.mailer != nil:
		return deliverer{Mailer: o.mailer}, nil
	case !cfg.SMTP.URL.IsZero():
		m, err := smtp.New(smtpConfig(cfg))
		return deliverer{Mailer: m}, err
	case cfg.DeveloperMailbox():
		box := devmail.New(clock)
		return deliverer{Mailer: box, mailbox: box}, nil
	default:
		return deliverer{Mailer: noMail{}}, nil
	}
}

func smtpConfig(cfg Config) smtp.Config {
	return smtp.Config{URL: cfg.SMTP.URL, From: cfg.SMTP.From, Timeout: cfg.SMTP.Timeout}
}

// noMail stands in where no mail system is configured. It refuses for good, so that
// messages are abandoned visibly instead of waiting for ever.
type noMail struct{}

// Send implements ports.Mailer.
func (noMail) Send(context.Context, domain.Letter) error { return errNoMail }

var errNoMail = domain.NewError(domain.KindInvalid, "no_mail_system", "No mail system is configured (smtp.url).")

func newMailer(d deliverer, b *breakers) ports.Mailer {
	return guard.Mailer(d.Mailer, b.mail)
}
