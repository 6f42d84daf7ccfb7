package boltstore_test

import (
	"path/filepath"
	"testing"

	"authserve/ports"
	"authserve/ports/conformance"
	"authserve/ports/fake"

	"example.com/boltstore"
)

// maxSize is that of the stores of the tests, in bytes.
const maxSize = 64 << 20

// gaps are the cases that the store does not meet, each with the reason, which is
// printed. There is none.
func gaps() map[string]string { return map[string]string{} }

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Log("conformance of bbolt")
	conformance.Store(t, conformance.Harness{New: newStore, Gaps: gaps()})
}

// fake.Twice runs every closure twice, as a store may.
func TestConformanceOfClosuresThatRunTwice(t *testing.T) {
	t.Parallel()
	conformance.Store(t, conformance.Harness{
		New:  func(t *testing.T) ports.Store { return fake.Twice(newStore(t)) },
		Gaps: gaps(),
	})
}

func newStore(t *testing.T) ports.Store {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "test.bolt"))
}

func open(t *testing.T, path string) *boltstore.Store {
	t.Helper()
	store, err := boltstore.Open(path, maxSize)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}
