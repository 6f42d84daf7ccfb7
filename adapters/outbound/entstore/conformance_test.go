package entstore_test

import (
	"testing"

	"authserve/ports"
	"authserve/ports/conformance"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	conformance.Store(t, conformance.Harness{New: func(t *testing.T) ports.Store {
		t.Helper()
		return open(t, config(t))
	}})
}
