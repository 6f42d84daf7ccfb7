package bootstrap_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
	for _, v := range append(archViolations(packages), unseenFiles(goFiles(t), packages)...) {
		t.Error(v)
	}
}

const module = "authserve"

// goPackage is the part of `go list -json` that the law speaks of.
type goPackage struct {
	ImportPath   string
	GoFiles      []string
	CgoFiles     []string
	TestGoFiles  []string
	XTestGoFiles []string
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
	"adapters/outbound/memstore", "adapters/outbound/memlimit", "adapters/outbound/seal", "adapters/outbound/jwt", "adapters/outbound/system",
}

// world is the core put together over fakes, for tests above ports.
const world = "bootstrap/world"

// arrows is the dependency table. The first row whose room matches decides.
var arrows = []arrow{
	{room: "core/domain"},
	{room: "core/account", may: []string{"core/domain", "ports$", "core/session", "core/throttle"}, tests: []string{"core", world}},
	{room: "core/login", may: []string{"core/domain", "ports$", "core/session", "core/throttle"}, tests: []string{"core", world}},
	{room: "core/session", may: []string{"core/domain", "ports$", "core/token"}, tests: []string{"core", world}},
	{room: "core/throttle", may: []string{"core/domain", "ports$"}, tests: []string{"core", world}},
	{room: "core/audit", may: []string{"core/domain", "ports$"}, tests: []string{"core", world}},
	{room: "core/token", may: []string{"core/domain", "ports$"}, tests: []string{"core", world}},
	{room: "core/admin", may: []string{"core/domain", "ports$", "core/session", "core/token", "core/account"}, tests: []string{"core", world}},
	{room: "core/delivery", may: []string{"core/domain", "ports$"}, tests: []string{"core", world}},
	{room: "core/backup", may: []string{"core/domain", "ports$"}, tests: []string{"core", world}},
	{room: "core/upkeep", may: []string{"core/domain", "ports$", "core/token"}, tests: []string{"core", world}},

	{room: "ports/conformance", may: []string{"core/domain", "ports$", "ports/fake"}},
	{room: "ports/fake", may: []string{"core/domain", "ports$"}},
	{room: "ports", may: []string{"core/domain"}},

	{room: "adapters/inbound/*", may: []string{"core", "ports$", "adapters/inbound/httpkit"}, tests: []string{world}},
	{room: "adapters/outbound/entstore", may: []string{"core/domain", "ports$", "ent"}, tests: []string{"bootstrap/dbtest"}},
	{room: "adapters/outbound/cache", may: []string{"core/domain", "ports$"}, tests: []string{"adapters/outbound/entstore"}},
	{room: "adapters/outbound/redisbus", may: []string{"core/domain", "ports$", "adapters/outbound/redisconn"}, tests: []string{"bootstrap/dbtest"}},
	{room: "adapters/outbound/redislimit", may: []string{"core/domain", "ports$", "adapters/outbound/redisconn"}, tests: []string{"bootstrap/dbtest"}},
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
	{"github.com/jackc/pgx", []string{"adapters/outbound/entstore", "ent", "bootstrap/dbtest"}, "persistence has one door"},
	{"github.com/go-sql-driver/mysql", []string{"adapters/outbound/entstore", "ent", "bootstrap/dbtest"}, "persistence has one door"},
	{"ariga.io/atlas", []string{"adapters/outbound/entstore", "ent"}, "persistence has one door"},
	{"github.com/mattn/go-sqlite3", []string{"adapters/outbound/entstore", "ent", "adapters/inbound/cli/userfile"}, "persistence has one door, and other programs' files are read by one more"},
	{"github.com/pressly/goose", []string{"adapters/outbound/entstore"}, "persistence has one door"},
	{"github.com/redis/go-redis", []string{"adapters/outbound/redisconn", "adapters/outbound/redisbus", "adapters/outbound/redislimit", "bootstrap/dbtest"}, "it writes to standard error unless told not to"},
	{"github.com/google/uuid", []string{"adapters/outbound/system"}, "identifiers come from ports.IDs"},
	{"crypto/rand", []string{"adapters/outbound/system"}, "randomness comes from ports.Random"},
	{"math/rand", []string{"adapters/outbound/system"}, "randomness comes from ports.Random"},
	{"github.com/getkin/kin-openapi", nil, "the contract is checked by tests, not at run time"},
	{"github.com/ory/dockertest", []string{"bootstrap/dbtest"}, "containers are for tests"},
}

// Core and ports are pure: they compute. Of what is not ours, the standard library
// included, they may import only pureLibraries; the kits for tests also kitLibraries.
var (
	pureRooms     = []string{"core", "ports"}
	pureLibraries = []string{
		"context", "crypto/sha256", "crypto/subtle", "embed", "encoding/base64", "encoding/binary", "errors", "fmt", "io", "iter", "maps", "math", "regexp", "slices",
		"strconv", "strings", "sync", "time", "unicode", "golang.org/x/text", "golang.org/x/net/idna",
	}
	kitRooms     = []string{"ports/conformance", "ports/fake"}
	kitLibraries = []string{"bytes", "cmp", "encoding/hex", "reflect", "testing"}
)

// constrained are the files that some platforms leave out of the build, where the
// law does not see them.
var constrained = []string{
	"adapters/inbound/cli/terminal_linux_test.go",
	"adapters/outbound/entstore/locks_linux_test.go",
	"bootstrap/e2e/hashing_linux_test.go",
	"adapters/outbound/passhash/worker/process_other.go", // the standard library alone
	"bootstrap/harness/parent_other.go",                  // as above
	"adapters/outbound/entstore/nocgo.go",                // imports nothing
	"adapters/inbound/cli/userfile/nocgo.go",             // imports nothing
}

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
	if matchesAny(imported, pureLibraries) || matchesAny(room, kitRooms) && matchesAny(imported, kitLibraries) {
		return nil
	}
	return []string{fmt.Sprintf("%s may not import %s: core and ports know no technology", from, imported)}
}

// unseenFiles returns a line for each of the files that no package was built from:
// a build constraint leaves it out, or it lies where the go command does not look.
func unseenFiles(files []string, packages []goPackage) []string {
	seen := map[string]bool{}
	for _, name := range constrained {
		seen[name] = true
	}
	for _, p := range packages {
		for _, name := range slices.Concat(p.GoFiles, p.CgoFiles, p.TestGoFiles, p.XTestGoFiles) {
			seen[path.Join(relative(p.ImportPath), name)] = true
		}
	}
	var found []string
	for _, name := range files {
		if !seen[name] {
			found = append(found, name+" is left out of the build, so its imports were not checked")
		}
	}
	return found
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

// goFiles lists the Go files of the module, without hidden ones, test data and the
// modules that lie inside it.
func goFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	root := os.DirFS("..")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." {
			_, err := fs.Stat(root, path.Join(name, "go.mod"))
			if err == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" {
				return fs.SkipDir
			}
		}
		if path.Ext(name) == ".go" && !strings.HasPrefix(d.Name(), ".") {
			files = append(files, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,GoFiles,CgoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports", "./...")
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
