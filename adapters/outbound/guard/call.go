package guard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"authserve/core/domain"
	"authserve/ports"
)

const (
	// retryAfter is what callers are told when nothing better is known.
	retryAfter = time.Second
	// fairShare is the part of the timeout, as a divisor, that a call must have
	// had for its timeout to count. With less, because its caller or the wait for
	// a slot left no more, it says nothing of the dependency.
	fairShare = 10
)

// Call calls fn, which is the operation op of the dependency behind c, in this
// goroutine and under a context that ends with the circuit's timeout. op is one of
// a few fixed words. fn must return when its context ends.
//
// Errors that are answers (not found, conflict, stale and their like) come back
// unchanged. Otherwise: ports.ErrUnavailable when the dependency failed, hung, or
// the circuit is open; ports.ErrOverloaded when no slot was free in time; both
// with RetryAfter. When the caller cancelled, the error wraps context.Canceled and
// nothing is held against the dependency. A panic of fn counts as a failure and
// goes on. With an error, the value is the zero value.
func Call[T any](ctx context.Context, c *Circuit, op string, fn func(context.Context) (T, error)) (T, error) {
	var value T
	err := c.do(ctx, op, func(ctx context.Context) (err error) {
		value, err = fn(ctx)
		return err
	})
	if err != nil {
		var zero T
		return zero, err
	}
	return value, nil
}

// do is Call without the value: it gives the call its span and counts it.
func (c *Circuit) do(ctx context.Context, op string, fn func(context.Context) error) error {
	o := c.operation(op)
	ctx, span := c.tracer.Start(ctx, o.span)
	result := failure // what stands when fn panics
	defer func() {
		c.counts[result].Add(1)
		o.mark(span, result)
		span.End()
	}()
	limited, cancel := context.WithTimeout(ctx, c.settings.Timeout)
	defer cancel()

	var err error
	if result, err = c.take(limited); err != nil {
		return err
	}
	defer func() { <-c.slots }()
	p, rest, ok := c.judge.ask()
	if !ok {
		result = refused
		return c.refusal(rest)
	}
	result = failure
	result, err = c.run(limited, o, p, fn)
	return c.translate(limited, o, result, err)
}

// take waits for a slot as long as ctx lasts, or refuses.
func (c *Circuit) take(ctx context.Context) (outcome, error) {
	if ctx.Err() == nil {
		select {
		case c.slots <- struct{}{}:
			return success, nil
		default:
		}
		// The slots may all be held by calls that hang: while the circuit is open,
		// waiting for one helps nobody.
		if rest, yes := c.judge.pausing(); yes {
			return refused, c.refusal(rest)
		}
		select {
		case c.slots <- struct{}{}:
			return success, nil
		case <-ctx.Done():
		}
	}
	err := fmt.Errorf("%s: waiting for a slot: %w", c.name, ctx.Err())
	if errors.Is(err, context.Canceled) {
		return canceled, err
	}
	return rejected, ports.ErrOverloaded.Wrap(err).WithRetryAfter(retryAfter)
}

// run calls fn and tells the breaker how it went, also when fn panics.
func (c *Circuit) run(ctx context.Context, o *operation, p permit, fn func(context.Context) error) (result outcome, err error) {
	deadline, _ := ctx.Deadline()
	fair := time.Until(deadline) >= c.settings.Timeout/fairShare //nolint:forbidigo // contexts end by the real clock, whatever ports.Clock says
	start := c.clock.Now()
	result = failure
	defer func() {
		took := c.clock.Now().Sub(start)
		c.judge.tell(p, result, start, took)
		c.duration.Record(ctx, took.Seconds(), o.record[result]...)
	}()
	err = fn(ctx)
	return classify(ctx, err, fair), err
}

// translate turns err into what the caller is to get for the outcome.
func (c *Circuit) translate(ctx context.Context, o *operation, result outcome, err error) error {
	if result == success {
		return err
	}
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		err = fmt.Errorf("%w: %w", ended, err)
	}
	if result == canceled && errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	var e *domain.Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		return err
	}
	kind := ports.ErrUnavailable
	if result == rejected {
		kind = ports.ErrOverloaded
	}
	return kind.Wrap(fmt.Errorf("%s: %w", o.span, err)).WithRetryAfter(retryAfter)
}

// refusal is the answer of the open circuit.
func (c *Circuit) refusal(rest time.Duration) error {
	return ports.ErrUnavailable.Wrap(fmt.Errorf("%s: the circuit is open", c.name)).WithRetryAfter(rest)
}

// mark writes the outcome to the span. Errors and panics stay out of it: their
// text may hold what a trace must not.
func (o *operation) mark(span trace.Span, result outcome) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(o.attributes[result]...)
	if result.troubled() {
		span.SetStatus(codes.Error, result.String())
	}
}
