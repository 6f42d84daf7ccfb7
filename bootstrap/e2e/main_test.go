// Package e2e_test runs the true program as a process and speaks to it over real
// HTTP. Every answer is held against docs/api/openapi.yaml.
package e2e_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"authserve/bootstrap/dbtest"
	"authserve/bootstrap/harness"
)

var (
	// binary is the program under test, built once.
	binary string
	// servers are the databases beside SQLite, one container of each.
	servers = dbtest.New()
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "authserve-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	if binary, err = harness.Build(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return witnessed(m)
}

// witnessed runs the tests, and then holds every secret of the whole run against
// everything that the services left behind (OWASP ASVS 5.0 16.2.5).
func witnessed(m *testing.M) int {
	witness := harness.Observe()
	code := servers.Main(m)
	secrets, texts, found := witness.Report()
	fmt.Printf("%d secrets looked for in %d logs, traces, metrics, answers and outputs, and in the databases: %d found\n", secrets, texts, len(found))
	for _, place := range found {
		fmt.Fprintln(os.Stderr, place)
		code = 1
	}
	return code
}

// start runs a service of its own and makes sure that it ends well.
func start(t *testing.T, extra ...string) *harness.Process {
	t.Helper()
	return startIn(t, t.TempDir(), extra...)
}

func startIn(t *testing.T, dir string, extra ...string) *harness.Process {
	t.Helper()
	p, err := harness.Start(context.Background(), binary, dir, harness.Environ(dir, extra...))
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() {
		p.KeepMetrics(context.WithoutCancel(t.Context()))
		if code, err := p.Terminate(); err != nil || code != 0 {
			t.Errorf("the service ended with %d, %v; want 0\n%s", code, err, p.Log())
		}
	})
	return p
}

// await looks until is holds: what other processes do gives no signal.
func await(t *testing.T, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !is() {
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatal("it never came about")
		}
	}
}
