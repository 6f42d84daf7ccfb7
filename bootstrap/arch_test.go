package bootstrap_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// TestArchitecture is the law of imports: which room of this module may import
// which, and which room may touch which library. The linters say the same in the
// editor; this test decides. A new room starts with a row in arrows below.
func TestArchitecture(t *testing.T) {
	t.Parallel()
	packages := listPackages(t)
	if len(packages) == 0 {
		t.Fatal("go list found no package: nothing was checked")
	}
	for _, v := range archViolations(packages) {
		t.Error(v)
	}
}

const module = "authserve"

// goPackage is the part of `go list -json` that the law speaks of.
type goPackage struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// arrow is one row of the dependency table. Paths are relative to the module and
// name a package with everything below it; "*" stands for one path element, and a
// trailing "$" leaves out what is below. What is below a room may import the room
// and the other way round, unless its row ends with "$".
type arrow struct {
	room  string
	may   []string
	tests []string // beside may and testKit, for tests of the room
}

// testKit is what every test may import: fakes, conformance suites, and the
// adapters that need nothing outside the process, so that no test invents its own.
var testKit = []string{
	"core/domain", "ports",
	"adapters/outbound/memstore", "adapters/outbound/seal", "adapters/outbound/jwt", "adapters/outbound/system",
}

// world is the core put together over fakes, for tests above ports.
const world = "bootstrap/world"

// arrows is the dependency table. The first row whose room matches decides.
var arrows = []arrow{
	{room: "core/domain"},
	{room: "core/account", may: []string{"core/domain", "ports$", "core/session"}, tests: []string{"core", world}},
	{room: "core/login", may: []string{"core/domain", "ports$", "core/session"}, tests: []string{"core", world}},
	{room: "core/session", may: []string{"core/domain", "ports$", "core/token"}, tests: []string{"core", world}},
	{room: "core/token", may: []string{"core/domain", "ports$"}, tests: []string{"core", world}},
	{room: "core/admin", may: []string{"core/domain", "ports$", "core/session", "core/token", "core/account"}, tests: []string{"core", world}},
	{room: "core/delivery", may: []string{"core/domain", "ports$"}, tests: []string{"core", world}},
	{room: "core/upkeep", may: []string{"core/domain", "ports$", "core/token"}, tests: []string{"core", world}},

	{room: "ports/conformance", may: []string{"core/domain", "ports$", "ports/fake"}},
	{room: "ports/fake", may: []string{"core/domain", "ports$"}},
	{room: "ports", may: []string{"core/domain"}},

	{room: "adapters/inbound/*", may: []string{"core", "ports$", "adapters/inbound/httpkit"}, tests: []string{world}},
	{room: "adapters/outbound/entstore", may: []string{"core/domain", "ports$", "ent"}},
	{room: "adapters/outbound/*", may: []string{"core/domain", "ports$"}},

	{room: "ent"},
	{room: "bootstrap$", may: []string{"core", "ports$", "adapters", "ent"}, tests: []string{world}}, // no fake gets into the product
	{room: "bootstrap/*", may: []string{"core", "ports", "adapters", "ent", "bootstrap"}},
	{room: "$", may: []string{"bootstrap$"}}, // main
}

// library says which rooms may import a library, with everything below its path.
type library struct {
	path  string
	rooms []string
	why   string
}

// libraries are those that only some rooms may touch. Tests are free to use them.
var libraries = []library{
	{"github.com/afex/hystrix-go", []string{"adapters/outbound/guard"}, "the breaker library has traps that one room keeps"},
	{"go.uber.org/fx", []string{"bootstrap", "$"}, "constructors work without a container"},
	{"go.uber.org/dig", []string{"bootstrap", "$"}, "constructors work without a container"},
	{"entgo.io/ent", []string{"adapters/outbound/entstore", "ent"}, "persistence has one door"},
	{"ariga.io/atlas", []string{"adapters/outbound/entstore", "ent"}, "persistence has one door"},
	{"github.com/mattn/go-sqlite3", []string{"adapters/outbound/entstore", "ent"}, "persistence has one door"},
	{"github.com/pressly/goose", []string{"adapters/outbound/entstore"}, "persistence has one door"},
	{"github.com/google/uuid", []string{"adapters/outbound/system"}, "identifiers come from ports.IDs"},
	{"crypto/rand", []string{"adapters/outbound/system"}, "randomness comes from ports.Random"},
	{"math/rand", []string{"adapters/outbound/system"}, "randomness comes from ports.Random"},
	{"github.com/getkin/kin-openapi", nil, "the contract is checked by tests, not at run time"},
	{"github.com/ory/dockertest", nil, "containers are for tests"},
}

// Core and ports are pure. Beside the standard library without pureDenied they
// may import only pureLibraries.
var (
	pureRooms     = []string{"core", "ports"}
	pureDenied    = []string{"net/http", "database/sql", "encoding/json", "log", "os"}
	pureLibraries = []string{"golang.org/x/text", "golang.org/x/net/idna"}
)

// archViolations holds packages against the tables and returns one line per
// breach, sorted.
func archViolations(packages []goPackage) []string {
	var found []string
	for _, p := range packages {
		room := relative(p.ImportPath)
		row, known := rowOf(room)
		if !known {
			found = append(found, fmt.Sprintf("%s has no row in the dependency table: add one", p.ImportPath))
			continue
		}
		self := ownRoom(row.room, room)
		tests := slices.Concat(row.may, row.tests, testKit, []string{room + "$"})
		for _, imported := range p.Imports {
			found = append(found, arrowViolation(p.ImportPath, imported, self, row.may, "may not import")...)
			found = append(found, libraryViolations(p.ImportPath, imported)...)
		}
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			found = append(found, arrowViolation(p.ImportPath, imported, self, tests, "may not import, even in tests,")...)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func arrowViolation(from, imported, self string, may []string, verdict string) []string {
	if !isOurs(imported) || within(relative(imported), self) || matchesAny(relative(imported), may) {
		return nil
	}
	return []string{fmt.Sprintf("%s %s %s", from, verdict, imported)}
}

func libraryViolations(from, imported string) []string {
	room := relative(from)
	for _, l := range libraries {
		if within(imported, l.path) && !matchesAny(room, l.rooms) {
			return []string{fmt.Sprintf("%s may not import %s: %s", from, imported, l.why)}
		}
	}
	if isOurs(imported) || !matchesAny(room, pureRooms) {
		return nil
	}
	isLibrary := strings.Contains(strings.Split(imported, "/")[0], ".")
	if isLibrary && !matchesAny(imported, pureLibraries) || matchesAny(imported, pureDenied) {
		return []string{fmt.Sprintf("%s may not import %s: core and ports know no technology", from, imported)}
	}
	return nil
}

func rowOf(room string) (arrow, bool) {
	for _, row := range arrows {
		if matches(room, row.room) {
			return row, true
		}
	}
	return arrow{}, false
}

// ownRoom cuts room to the depth of its row's pattern, so that a row with "*"
// gives each sibling a room of its own. A row with "$" gives none.
func ownRoom(pattern, room string) string {
	if strings.HasSuffix(pattern, "$") {
		return "$"
	}
	depth := len(strings.Split(pattern, "/"))
	return strings.Join(strings.Split(room, "/")[:depth], "/")
}

func matchesAny(room string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(room, p) })
}

// matches holds a path against a pattern of the tables. The pattern "$" is the
// module's root package alone.
func matches(room, pattern string) bool {
	if exact, found := strings.CutSuffix(pattern, "$"); found {
		return room == exact
	}
	elements, depth := strings.Split(room, "/"), strings.Count(pattern, "/")+1
	if len(elements) < depth {
		return false
	}
	ok, err := path.Match(pattern, strings.Join(elements[:depth], "/"))
	return ok && err == nil
}

func within(p, prefix string) bool { return p == prefix || strings.HasPrefix(p, prefix+"/") }

func isOurs(importPath string) bool { return within(importPath, module) }

// relative turns an import path of this module into the form of the tables; the
// root package becomes "". Other paths stay as they are.
func relative(importPath string) string {
	return strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/")
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = ".."
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []goPackage
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		packages = append(packages, p)
	}
}
