package entstore_test

import (
	"os"
	"testing"

	"authserve/adapters/outbound/entstore"
	"authserve/bootstrap/dbtest"
	"authserve/ports"
	"authserve/ports/conformance"
)

var servers = dbtest.New() // one container of each for all tests

func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }

func TestConformanceOfServers(t *testing.T) {
	t.Parallel()
	for _, server := range servers.All() {
		t.Run(server.Name(), func(t *testing.T) {
			t.Parallel()
			conformance.Store(t, conformance.Harness{New: func(t *testing.T) ports.Store {
				t.Helper()
				return openEmpty(t, entstore.Config{URL: server.Migrated(t)})
			}})
		})
	}
}
