package entstore_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"authserve/adapters/outbound/entstore"
	"authserve/bootstrap/dbtest"
	"authserve/ports"
	"authserve/ports/conformance"
)

var servers = dbtest.New() // one container of each for all tests

func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }

// version is that of the server, as exactly as it matters.
func version(t *testing.T, server *dbtest.Server) string {
	t.Helper()
	var text string
	store := openEmpty(t, entstore.Config{URL: server.URL(t)})
	if err := store.Reader().QueryRowContext(t.Context(), "SELECT version()").Scan(&text); err != nil {
		t.Fatal(err)
	}
	number := regexp.MustCompile(`\d+\.\d+`).FindString(text)
	if server == servers.Postgres {
		number, _, _ = strings.Cut(number, ".") // what stands behind is a patch
	}
	return server.Name() + " " + number
}

func TestConformanceOfServers(t *testing.T) {
	t.Parallel()
	for _, server := range servers.All() {
		t.Run(server.Name(), func(t *testing.T) {
			t.Parallel()
			t.Log("conformance of " + version(t, server))
			conformance.Store(t, conformance.Harness{New: func(t *testing.T) ports.Store {
				t.Helper()
				return openEmpty(t, entstore.Config{URL: server.Migrated(t)})
			}})
		})
	}
}
