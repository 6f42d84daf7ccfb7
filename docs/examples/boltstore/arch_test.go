package boltstore_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImports holds the module to what an adapter may know: of authserve the ports
// and the domain, and beside them bbolt and the standard library. Only tests know
// the kits for tests, and only the program knows bootstrap.
func TestImports(t *testing.T) {
	t.Parallel()
	adapter := []string{"authserve/ports", "authserve/core/domain", "go.etcd.io/bbolt"}
	kits := append([]string{"authserve/ports/conformance", "authserve/ports/fake", "example.com/boltstore"}, adapter...)
	program := []string{"authserve/bootstrap", "example.com/boltstore"}
	rules := map[string]struct{ code, tests []string }{
		"example.com/boltstore":           {code: adapter, tests: kits},
		"example.com/boltstore/cmd/login": {code: program, tests: program},
	}
	seen := 0
	for decoder := json.NewDecoder(bytes.NewReader(list(t))); decoder.More(); seen++ {
		var p struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		rule, known := rules[p.ImportPath]
		if !known {
			t.Errorf("%s has no rule: add one", p.ImportPath)
		}
		for _, imported := range p.Imports {
			if !isStandard(imported) && !slices.Contains(rule.code, imported) {
				t.Errorf("%s may not import %s", p.ImportPath, imported)
			}
		}
		for _, imported := range append(p.TestImports, p.XTestImports...) {
			if !isStandard(imported) && !slices.Contains(rule.tests, imported) {
				t.Errorf("%s may not import %s in its tests", p.ImportPath, imported)
			}
		}
	}
	if seen != len(rules) {
		t.Errorf("got %d packages, want %d", seen, len(rules))
	}
}

func list(t *testing.T) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return out
}

// isStandard tells the standard library by its paths, which begin without a dot, as
// authserve's does by chance.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".") && first != "authserve"
}
