package guard_test

import (
	"context"
	"errors"
	"testing"

	"authserve/adapters/outbound/guard"
	"authserve/ports"
)

// scriptedAnnouncer answers with err.
type scriptedAnnouncer struct {
	err error
	got ports.Changes
}

func (a *scriptedAnnouncer) Announce(ctx context.Context, c ports.Changes) error {
	if _, limited := ctx.Deadline(); !limited {
		return errors.New("no deadline")
	}
	a.got = c
	return a.err
}

func (a *scriptedAnnouncer) Listen(ctx context.Context, listening func(), heard func(ports.Changes)) error {
	if _, limited := ctx.Deadline(); limited {
		return errors.New("a deadline")
	}
	listening()
	heard(a.got)
	return a.err
}

func TestAnnouncer(t *testing.T) {
	t.Parallel()
	inBubble(t, settings(), func(t *testing.T, r *rig) {
		inner := &scriptedAnnouncer{}
		announcer := guard.Announcer(inner, r.circuit)
		if err := announcer.Announce(t.Context(), ports.Changes{Any: true}); err != nil || !inner.got.Any {
			t.Errorf("Announce = %v, got %+v; want it passed on", err, inner.got)
		}
		inner.err = errBroken
		if err := announcer.Announce(t.Context(), ports.Changes{}); !errors.Is(err, ports.ErrUnavailable) || !errors.Is(err, errBroken) {
			t.Errorf("Announce = %v; want ErrUnavailable around its cause", err)
		}
		inner.got = ports.Changes{Any: true}
		var calls []string
		err := announcer.Listen(t.Context(), func() { calls = append(calls, "listening") },
			func(c ports.Changes) {
				if c.Any {
					calls = append(calls, "heard")
				}
			})
		if !errors.Is(err, errBroken) || len(calls) != 2 {
			t.Errorf("Listen = %v with calls %q; want all passed on", err, calls)
		}
		if got, want := r.registry.Breakers()[0].Counts, (ports.BreakerCounts{Success: 1, Failure: 1}); got != want {
			t.Errorf("the circuit counts %+v; want %+v: listening is no call", got, want)
		}
	})
}
