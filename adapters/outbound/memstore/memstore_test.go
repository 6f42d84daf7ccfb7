package memstore_test

import (
	"testing"

	"authserve/adapters/outbound/memstore"
	"authserve/ports"
	"authserve/ports/conformance"
	"authserve/ports/fake"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	conformance.Store(t, conformance.Harness{New: func(*testing.T) ports.Store { return memstore.New() }})
}

func TestStoreTwice(t *testing.T) {
	t.Parallel()
	conformance.Store(t, conformance.Harness{New: func(*testing.T) ports.Store { return fake.Twice(memstore.New()) }})
}
