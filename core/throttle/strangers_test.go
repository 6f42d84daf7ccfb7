package throttle_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"authserve/adapters/outbound/memlimit"
	"authserve/bootstrap/world"
	"authserve/core/domain"
	"authserve/core/throttle"
	"authserve/ports/fake"
)

// Guesses over many accounts from many networks meet one bound, which no device or
// session that an account knows is counted by.
func TestStrangersShareOneBound(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Throttle = throttle.New(memlimit.New(), w.Sealer, w.Clock, throttle.Config{
		Policy:         domain.ThrottlePolicy{Free: 5, Max: domain.MaxFailures, Longest: time.Minute},
		Account:        domain.Rate{Name: "account", Burst: 90, Period: time.Minute},
		AccountNetwork: domain.Rate{Name: "account-network", Burst: 70, Period: time.Minute},
		Strangers:      domain.Rate{Name: "strangers", Burst: 10, Period: 24 * time.Hour},
	})
	b := bench{w}
	attack := func(n int) (begun []throttle.Attempt) {
		for i := range n {
			ctx := domain.WithActor(t.Context(), domain.Actor{Network: fmt.Sprint("198.51.100.", i)})
			a, err := b.Throttle.Begin(ctx, b.read(context.WithoutCancel(ctx), t, throttle.OfIdentifier(fmt.Sprint("somebody", i))))
			if err == nil {
				begun = append(begun, a)
			} else if domain.CodeOf(err) != domain.CodeTooManyAttempts || retryAfter(t, err) <= 0 {
				t.Fatalf("Begin: %v", err)
			}
		}
		return begun
	}
	begun := attack(40)
	if len(begun) != 10 {
		t.Fatalf("%d of 40 strangers were let through, want 10", len(begun))
	}
	account := fake.Account(1)
	for name, class := range map[string]throttle.Class{"device": throttle.OfDevice(account, "d"), "session": throttle.OfSession("s")} {
		if _, err := b.begin(t, class); err != nil {
			t.Errorf("a known %s is refused: %v", name, err)
		}
	}
	if err := b.succeed(t, begun[0]); err != nil { // one was right after all
		t.Fatal(err)
	}
	if got := len(attack(40)); got != 1 {
		t.Errorf("%d strangers were let through after one was right, want 1", got)
	}
}

// Waiting out the delays of an account is no way around it.
func TestStrangersWithADelayShareTheBound(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Throttle = throttle.New(memlimit.New(), w.Sealer, w.Clock, throttle.Config{
		Policy:         domain.ThrottlePolicy{Free: 1, Max: domain.MaxFailures, Longest: time.Minute},
		Account:        domain.Rate{Name: "account", Burst: 90, Period: time.Minute},
		AccountNetwork: domain.Rate{Name: "account-network", Burst: 70, Period: time.Minute},
		Strangers:      domain.Rate{Name: "strangers", Burst: 10, Period: 24 * time.Hour},
	})
	b := bench{w}
	class, passed := throttle.OfIdentifier("somebody"), 0
	for range 40 {
		a, err := b.begin(t, class)
		if err == nil {
			passed++
			_ = b.fail(t, a)
		}
		w.Clock.Advance(time.Minute)
	}
	if passed != 10 {
		t.Errorf("%d attempts passed, want 10", passed)
	}
	for i := range 5 { // who is known waits for his own failures alone
		a, err := b.begin(t, throttle.OfSession("s"))
		if err != nil {
			t.Fatalf("attempt %d of a session: %v", i+1, err)
		}
		_ = b.fail(t, a)
		w.Clock.Advance(time.Minute)
	}
}

// A known device that failed before waits for its own delay, and for nobody else.
func TestKnownDeviceWithADelayIsNoStranger(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Throttle = throttle.New(memlimit.New(), w.Sealer, w.Clock, throttle.Config{
		Policy:         domain.ThrottlePolicy{Free: 1, Max: domain.MaxFailures, Longest: time.Minute},
		Account:        domain.Rate{Name: "account", Burst: 90, Period: time.Minute},
		AccountNetwork: domain.Rate{Name: "account-network", Burst: 70, Period: time.Minute},
		Strangers:      domain.Rate{Name: "strangers", Burst: 1, Period: 24 * time.Hour},
	})
	b := bench{w}
	b.exhaust(t, throttle.OfAccount(fake.Account(1).ID), 1)
	b.exhaust(t, throttle.OfDevice(fake.Account(1), "d"), 10)
}
