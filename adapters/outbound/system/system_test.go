package system_test

import (
	"bytes"
	"testing"
	"time"

	"authserve/adapters/outbound/system"
	"authserve/core/domain"
)

func TestClockTellsInstants(t *testing.T) {
	t.Parallel()
	before := time.Now().Add(-time.Microsecond)
	got := system.Clock{}.Now()
	after := time.Now()
	if got.Location() != time.UTC {
		t.Errorf("location: got %v, want UTC", got.Location())
	}
	if got != domain.Instant(got) {
		t.Errorf("got %v with parts below a microsecond or a monotonic part", got)
	}
	if got.Before(before) || got.After(after) {
		t.Errorf("got %v, want between %v and %v", got, before, after)
	}
}

func TestIDsAreCanonicalUniqueAndRise(t *testing.T) {
	t.Parallel()
	var previous domain.ID
	for range 1000 {
		id := system.IDs{}.New()
		if _, err := domain.ParseID(string(id)); err != nil {
			t.Fatalf("%q is not canonical: %v", id, err)
		}
		if id[14] != '7' {
			t.Fatalf("%q: got version %c, want 7", id, id[14])
		}
		if id <= previous {
			t.Fatalf("%q does not come after %q", id, previous)
		}
		previous = id
	}
}

func TestRandomBytes(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 32, 4096} {
		if got := len(system.Random{}.Bytes(n)); got != n {
			t.Errorf("got %d bytes, want %d", got, n)
		}
	}
	a, b := system.Random{}.Bytes(32), system.Random{}.Bytes(32)
	if bytes.Equal(a, b) {
		t.Error("two draws of 32 bytes are equal")
	}
}
