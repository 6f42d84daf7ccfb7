package fake_test

import (
	"testing"
	"time"

	"authserve/ports/fake"
)

func TestClockMovesOnlyWhenTold(t *testing.T) {
	t.Parallel()
	clock := fake.NewClock(fake.Epoch().In(time.FixedZone("east", 3600)).Add(999 * time.Nanosecond))
	if got, want := clock.Now(), fake.Epoch(); got != want {
		t.Errorf("Now: got %v, want %v", got, want)
	}
	if got, want := clock.Advance(time.Hour), fake.Epoch().Add(time.Hour); got != want || clock.Now() != want {
		t.Errorf("Advance: got %v and Now %v, want %v", got, clock.Now(), want)
	}
	clock.Set(fake.Epoch())
	if got, want := clock.Now(), fake.Epoch(); got != want {
		t.Errorf("Now after Set: got %v, want %v", got, want)
	}
}
