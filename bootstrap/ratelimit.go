package bootstrap

import (
	"context"
	"math"
	"time"

	"go.opentelemetry.io/otel/metric"

	"authserve/adapters/inbound/httpkit"
	"authserve/adapters/outbound/guard"
	"authserve/adapters/outbound/memlimit"
	"authserve/adapters/outbound/redislimit"
	"authserve/core/domain"
	"authserve/core/throttle"
	"authserve/ports"
)

// newLimiter chooses who counts: Redis, where it is configured, with this process in its
// place while it does not answer; otherwise this process alone.
func newLimiter(cfg Config, b *breakers, meters metric.MeterProvider, opened *closers) (ports.Limiter, error) {
	if !cfg.RateLimit.Enabled {
		return unlimited{}, nil
	}
	var limiter ports.Limiter = memlimit.New()
	if !cfg.Redis.URL.IsZero() {
		shared, err := redislimit.New(cfg.Redis.URL)
		if err != nil {
			return nil, err
		}
		opened.add(shared.Close)
		if limiter, err = guard.Limiter(shared, b.limiter, limiter, meters); err != nil {
			return nil, err
		}
	}
	return guard.Decisions(limiter, meters)
}

// unlimited lets everything through.
type unlimited struct{}

// Take implements ports.Limiter.
func (unlimited) Take(ctx context.Context, _ time.Time, _ ...domain.Bucket) (domain.RateVerdict, error) {
	return domain.RateVerdict{Allowed: ctx.Err() == nil}, ctx.Err()
}

// Return implements ports.Limiter.
func (unlimited) Return(ctx context.Context, _ time.Time, _ ...domain.Bucket) error { return ctx.Err() }

// rate is the configured rate under the name of its policy.
func rate(name string, c RateConfig) domain.Rate {
	return domain.Rate{Name: name, Burst: c.Burst, Period: c.Period}
}

func throttleConfig(cfg Config) throttle.Config {
	r := cfg.RateLimit
	policy := domain.ThrottlePolicy{Free: r.FreeFailures, Max: r.MaxFailures, Longest: r.LongestDelay}
	if !r.Enabled {
		policy.Free, policy.Max = math.MaxInt32, math.MaxInt32
	}
	return throttle.Config{
		Policy:         policy,
		Account:        rate("account", r.Account),
		AccountNetwork: rate("account-network", r.AccountNetwork),
		Strangers:      rate("login-global", r.Global),
		Mail:           rate("mailbox", r.Mailbox),
		MailNetwork:    rate("mailbox-network", r.MailboxNetwork),
	}
}

// apiLimits are the limits of the API. Logins have none for all together here: that one
// is of unknown devices only, and is counted where the device is known (throttleConfig).
// Nor has what sessions and links need: an attacker would shut everybody out.
func apiLimits(cfg Config) httpkit.Limits {
	r := cfg.RateLimit
	if !r.Enabled {
		return httpkit.Limits{}
	}
	return httpkit.Limits{
		Login:    httpkit.Limit{Each: rate("login", r.Login)},
		Register: httpkit.Limit{Each: rate("register", r.Register), All: rate("register-global", r.Global)},
		Mail:     httpkit.Limit{Each: rate("mail", r.Mail), All: rate("mail-global", r.Global)},
		Token:    httpkit.Limit{Each: rate("token", r.Token)},
		Session:  httpkit.Limit{Each: rate("session", r.Session)},
	}
}
