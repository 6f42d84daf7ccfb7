package cache_test

import (
	"testing"

	"go.opentelemetry.io/otel/metric/noop"

	"authserve/adapters/outbound/cache"
	"authserve/adapters/outbound/memstore"
	"authserve/ports"
	"authserve/ports/conformance"
	"authserve/ports/fake"
)

// The clock stands still, so that nothing is ever too old: what these suites see of
// the cache is its exactness alone.
func cached(t *testing.T, s ports.Store) ports.Store {
	t.Helper()
	c, err := cache.New(s, settings(), fake.NewClock(fake.Epoch()), noop.NewMeterProvider())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, below := range map[string]func(t *testing.T) ports.Store{
		"memory":          func(*testing.T) ports.Store { return memstore.New() },
		"memory, retries": func(*testing.T) ports.Store { return fake.Twice(memstore.New()) },
		"SQLite":          sqlite,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conformance.Store(t, conformance.Harness{New: func(t *testing.T) ports.Store {
				t.Helper()
				return cached(t, below(t))
			}})
		})
	}
}

func TestConformanceOfClosuresThatRunTwice(t *testing.T) {
	t.Parallel()
	conformance.Store(t, conformance.Harness{New: func(t *testing.T) ports.Store {
		t.Helper()
		return fake.Twice(cached(t, memstore.New()))
	}})
}
