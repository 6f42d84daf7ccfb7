package fake_test

import (
	"bytes"
	"slices"
	"sync"
	"testing"

	"authserve/core/domain"
	"authserve/ports/fake"
)

func TestIDsAscendAndRepeat(t *testing.T) {
	t.Parallel()
	var first, second fake.IDs
	previous := domain.ID("")
	for range 300 {
		id := first.New()
		if _, err := domain.ParseID(string(id)); err != nil || id[14] != '7' {
			t.Fatalf("got %q, want a UUIDv7", id)
		}
		if id <= previous || id != second.New() {
			t.Fatalf("got %q after %q, want an ascending sequence that repeats", id, previous)
		}
		previous = id
	}
}

func TestIDsAreUniqueAmongGoroutines(t *testing.T) {
	t.Parallel()
	var ids fake.IDs
	made := make([]domain.ID, 100)
	var all sync.WaitGroup
	for i := range made {
		all.Go(func() { made[i] = ids.New() })
	}
	all.Wait()
	slices.Sort(made)
	if got := len(slices.Compact(made)); got != 100 {
		t.Errorf("got %d different IDs, want 100", got)
	}
}

func TestRandomRepeatsBySeed(t *testing.T) {
	t.Parallel()
	whole := fake.NewRandom(1).Bytes(100)
	parts := fake.NewRandom(1)
	if got := slices.Concat(parts.Bytes(7), parts.Bytes(0), parts.Bytes(60), parts.Bytes(33)); !bytes.Equal(got, whole) {
		t.Errorf("in parts: got %x, want %x", got, whole)
	}
	if other := fake.NewRandom(2).Bytes(100); bytes.Equal(other, whole) {
		t.Errorf("two seeds give the same stream %x", other)
	}
}
