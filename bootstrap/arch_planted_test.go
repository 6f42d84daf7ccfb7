package bootstrap_test

import (
	"slices"
	"strings"
	"testing"
)

// TestArchitectureRefusesPlantedViolations shows that the law of imports can
// fail: each breach is planted alone and must be named.
func TestArchitectureRefusesPlantedViolations(t *testing.T) {
	t.Parallel()
	const imports, tests, xtests = "imports", "test imports", "external test imports"
	cases := []struct {
		name, from, kind, to string
		refused              bool
	}{
		{"core uses an adapter", "authserve/core/login", imports, "authserve/adapters/outbound/entstore", true},
		{"core tests use a store with a database", "authserve/core/login", xtests, "authserve/adapters/outbound/entstore", true},
		{"domain uses a capability", "authserve/core/domain", imports, "authserve/core/token", true},
		{"domain uses ports", "authserve/core/domain", imports, "authserve/ports", true},
		{"an arrow inside core that is not in the table", "authserve/core/token", imports, "authserve/core/session", true},
		{"core uses fakes outside of tests", "authserve/core/token", imports, "authserve/ports/fake", true},
		{"core speaks HTTP", "authserve/core/account", imports, "net/http", true},
		{"core mails by itself", "authserve/core/delivery", imports, "net/smtp", true},
		{"core reads XML", "authserve/core/account", imports, "encoding/xml", true},
		{"core asks the system", "authserve/core/token", imports, "syscall", true},
		{"core opens sockets", "authserve/core/session", imports, "net", true},
		{"core reflects", "authserve/core/session", imports, "reflect", true},
		{"ports open files", "authserve/ports", imports, "os", true},
		{"a kit of ports opens files", "authserve/ports/fake", imports, "os", true},
		{"core logs", "authserve/core/account", imports, "go.uber.org/zap", true},
		{"core traces", "authserve/core/session", imports, "go.opentelemetry.io/otel/trace", true},
		{"ports trace", "authserve/ports", imports, "go.opentelemetry.io/otel", true},
		{"sibling outbound adapters", "authserve/adapters/outbound/guard", imports, "authserve/adapters/outbound/smtp", true},
		{"sibling outbound adapters in a room of its own row", "authserve/adapters/outbound/entstore", imports, "authserve/adapters/outbound/guard", true},
		{"sibling inbound adapters", "authserve/adapters/inbound/ops", imports, "authserve/adapters/inbound/web", true},
		{"a sibling whose name begins alike", "authserve/adapters/outbound/seal", imports, "authserve/adapters/outbound/sealed", true},
		{"inbound uses outbound", "authserve/adapters/inbound/httpapi", imports, "authserve/adapters/outbound/memstore", true},
		{"outbound uses inbound", "authserve/adapters/outbound/telemetry", imports, "authserve/adapters/inbound/httpkit", true},
		{"outbound uses a use case", "authserve/adapters/outbound/guard", imports, "authserve/core/session", true},
		{"an adapter beside entstore uses ent", "authserve/adapters/outbound/memstore", imports, "authserve/ent", true},
		{"an adapter uses the wiring", "authserve/adapters/inbound/cli", imports, "authserve/bootstrap", true},
		{"main goes around the wiring", "authserve", imports, "authserve/core/token", true},
		{"a fake in the product", "authserve/bootstrap", imports, "authserve/ports/fake", true},
		{"the world of tests in the product", "authserve/bootstrap", imports, "authserve/bootstrap/world", true},
		{"the world of tests below ports", "authserve/adapters/outbound/guard", xtests, "authserve/bootstrap/world", true},
		{"a capability without a row", "authserve/core/newroom", imports, "fmt", true},
		{"a package without a row", "authserve/util", imports, "fmt", true},
		{"hystrix outside guard", "authserve/adapters/outbound/smtp", imports, "github.com/afex/hystrix-go/hystrix", true},
		{"fx outside bootstrap", "authserve/adapters/inbound/worker", imports, "go.uber.org/fx", true},
		{"ent's library outside the store", "authserve/adapters/outbound/guard", imports, "entgo.io/ent/dialect/sql", true},
		{"the database driver in bootstrap", "authserve/bootstrap", imports, "github.com/mattn/go-sqlite3", true},
		{"uuid outside system", "authserve/adapters/outbound/entstore", imports, "github.com/google/uuid", true},
		{"randomness outside system", "authserve/adapters/outbound/seal", imports, "crypto/rand", true},
		{"weak randomness", "authserve/core/delivery", imports, "math/rand/v2", true},
		{"the contract checker in the product", "authserve/adapters/inbound/httpapi", imports, "github.com/getkin/kin-openapi/openapi3", true},

		{"a legal arrow inside core", "authserve/core/login", imports, "authserve/core/session", false},
		{"core uses ports", "authserve/core/login", imports, "authserve/ports", false},
		{"core computes", "authserve/core/token", imports, "sync/atomic", false},
		{"a kit of ports tests", "authserve/ports/conformance", imports, "testing", false},
		{"text libraries in domain", "authserve/core/domain", imports, "golang.org/x/text/secure/precis", false},
		{"core tests use fakes", "authserve/core/login", xtests, "authserve/ports/fake", false},
		{"core tests use the store in memory", "authserve/core/login", tests, "authserve/adapters/outbound/memstore", false},
		{"core tests use the world", "authserve/core/session", xtests, "authserve/bootstrap/world", false},
		{"an external test uses its package", "authserve/bootstrap", xtests, "authserve/bootstrap", false},
		{"a program below bootstrap uses it", "authserve/bootstrap/bench", imports, "authserve/bootstrap", false},
		{"fixtures in the conformance suites", "authserve/ports/conformance", imports, "authserve/ports/fake", false},
		{"the kit of all inbound adapters", "authserve/adapters/inbound/ops", imports, "authserve/adapters/inbound/httpkit", false},
		{"a room of its own", "authserve/adapters/outbound/entstore/internal/rows", imports, "authserve/adapters/outbound/entstore", false},
		{"entstore uses ent", "authserve/adapters/outbound/entstore", imports, "authserve/ent/account", false},
		{"ent's parts use each other", "authserve/ent/account", imports, "authserve/ent/predicate", false},
		{"bootstrap uses everything", "authserve/bootstrap", imports, "authserve/adapters/outbound/guard", false},
		{"main starts the wiring", "authserve", imports, "authserve/bootstrap", false},
		{"hystrix in guard", "authserve/adapters/outbound/guard", imports, "github.com/afex/hystrix-go/hystrix", false},
		{"restricted libraries in tests", "authserve/adapters/outbound/seal", xtests, "crypto/rand", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := goPackage{ImportPath: c.from}
			switch c.kind {
			case imports:
				p.Imports = []string{c.to}
			case tests:
				p.TestImports = []string{c.to}
			case xtests:
				p.XTestImports = []string{c.to}
			}
			got := archViolations([]goPackage{p})
			if refused := len(got) > 0; refused != c.refused {
				t.Errorf("%s -> %s: refused = %v, want %v", c.from, c.to, refused, c.refused)
			}
			if c.refused && !slices.ContainsFunc(got, func(v string) bool { return strings.HasPrefix(v, c.from) }) {
				t.Errorf("got %q, want a line that names %s", got, c.from)
			}
		})
	}
}

// TestArchitectureSeesFilesLeftOutOfTheBuild plants files that go list keeps quiet
// about, or lists apart.
func TestArchitectureSeesFilesLeftOutOfTheBuild(t *testing.T) {
	t.Parallel()
	packages := []goPackage{{
		ImportPath: "authserve/core/login", GoFiles: []string{"password.go"}, CgoFiles: []string{"c.go"},
		TestGoFiles: []string{"export_test.go"}, XTestGoFiles: []string{"password_test.go"},
	}, {ImportPath: "authserve", GoFiles: []string{"main.go"}}}
	for name, seen := range map[string]bool{
		"main.go": true, "core/login/password.go": true, "core/login/c.go": true, "core/login/export_test.go": true, "core/login/password_test.go": true,
		"adapters/outbound/entstore/locks_linux_test.go": true,
		"core/login/password_windows.go":                 false,
		"core/planted/password.go":                       false,
	} {
		if got := unseenFiles([]string{name}, packages); (len(got) == 0) != seen {
			t.Errorf("%s: got %q, want seen = %v", name, got, seen)
		}
	}
}
