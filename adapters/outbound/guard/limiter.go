package guard

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"authserve/core/domain"
	"authserve/ports"
)

// Limiter puts l behind c, and lets fallback decide where l does not: it fails, is too
// slow, or c is open. So callers get no error but the end of their own context. Each
// decision of fallback is counted.
//
// What is taken of one is not taken of the other. Around the moment when l fails or is
// back, a bucket can so give twice its burst; an attempt that was taken of one and is
// given back to the other makes neither more than full.
func Limiter(l ports.Limiter, c *Circuit, fallback ports.Limiter, meters metric.MeterProvider) (ports.Limiter, error) {
	counter, err := meters.Meter(scope).Int64Counter("authserve.limiter.fallback",
		metric.WithDescription("Rate limit decisions that this replica made alone, since Redis did not. Needs redis.url."), metric.WithUnit("{decision}"))
	if err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	counter.Add(context.Background(), 0) // so that it is there before it is needed
	return guardedLimiter{next: l, circuit: c, fallback: fallback, fallbacks: counter}, nil
}

type guardedLimiter struct {
	next, fallback ports.Limiter
	circuit        *Circuit
	fallbacks      metric.Int64Counter
}

var _ ports.Limiter = guardedLimiter{}

func (g guardedLimiter) Take(ctx context.Context, now time.Time, buckets ...domain.Bucket) (domain.RateVerdict, error) {
	verdict, err := Call(ctx, g.circuit, "take", func(ctx context.Context) (domain.RateVerdict, error) {
		return g.next.Take(ctx, now, buckets...)
	})
	if err == nil || ctx.Err() != nil {
		return verdict, err
	}
	g.fallbacks.Add(ctx, 1)
	return g.fallback.Take(ctx, now, buckets...)
}

func (g guardedLimiter) Return(ctx context.Context, now time.Time, buckets ...domain.Bucket) error {
	err := g.circuit.do(ctx, "return", func(ctx context.Context) error { return g.next.Return(ctx, now, buckets...) })
	if err == nil || ctx.Err() != nil {
		return err
	}
	return g.fallback.Return(ctx, now, buckets...)
}

// Decisions counts what l decides, by the policy that was the tightest and whether the
// attempt was allowed. Policies are a few, from the configuration.
func Decisions(l ports.Limiter, meters metric.MeterProvider) (ports.Limiter, error) {
	counter, err := meters.Meter(scope).Int64Counter("authserve.ratelimit",
		metric.WithDescription("Rate limit decisions, by the policy that was the tightest and by outcome."), metric.WithUnit("{decision}"))
	if err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	return countedLimiter{Limiter: l, decisions: counter}, nil
}

type countedLimiter struct {
	ports.Limiter
	decisions metric.Int64Counter
}

func (c countedLimiter) Take(ctx context.Context, now time.Time, buckets ...domain.Bucket) (domain.RateVerdict, error) {
	verdict, err := c.Limiter.Take(ctx, now, buckets...)
	if err == nil && !verdict.Rate.IsZero() {
		word := "allowed"
		if !verdict.Allowed {
			word = "refused"
		}
		c.decisions.Add(ctx, 1, metric.WithAttributes(attribute.String("policy", verdict.Rate.Name), attribute.String("outcome", word)))
	}
	return verdict, err
}
