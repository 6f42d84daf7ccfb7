package main

import (
	"fmt"
	"strings"
	"testing"

	"authserve/ports/conformance"
)

// run is what go test -json says of a run in which every case ends as how says.
func run(stores []string, how func(store, name string) string) string {
	var b strings.Builder
	line := func(pkg, test, action, output string) {
		fmt.Fprintf(&b, `{"Action":%q,"Package":%q,"Test":%q,"Output":%q}`+"\n", action, pkg, test, output)
	}
	for _, store := range stores {
		pkg, test := "authserve/adapters/outbound/entstore", "TestConformanceOfServers/"+store
		switch store {
		case "memory":
			pkg, test = "authserve/adapters/outbound/memstore", "TestConformance"
		case "SQLite":
			test = "TestConformance"
		default:
			line(pkg, test, "output", "    x_test.go:1: conformance of "+store+" 15\n")
		}
		for _, c := range conformance.Cases() {
			action := how(store, c.Name)
			if action == "gap" {
				line(pkg, test+"/"+c.Name, "output", "    suite.go:1: declared gap: too hard\n")
				action = "skip"
			}
			if action != "" {
				line(pkg, test+"/"+c.Name, action, "")
			}
		}
		line(pkg, test, "pass", "")
	}
	line("authserve/x", "TestElse", "fail", "")
	return b.String()
}

func TestPage(t *testing.T) {
	t.Parallel()
	all := []string{"memory", "SQLite", "PostgreSQL", "MariaDB"}
	first := conformance.Cases()[0].Name
	page, err := generate(strings.NewReader(run(all, func(store, name string) string {
		if store == "MariaDB" && name == first {
			return "gap"
		}
		return "pass"
	})))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| memory | SQLite | MariaDB 15 | PostgreSQL 15 |", "| yes | yes | no: too hard | yes |", fmt.Sprintf("%d cases.", len(conformance.Cases()))} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for name, c := range map[string]struct {
		stores []string
		action string
		want   string
	}{
		"a failure":               {all, "fail", "fail"},
		"a skip without reason":   {all, "skip", "skip"},
		"a case that is missing":  {all, "", "did not run"},
		"a store that is missing": {all[:3], "pass", "only 3 stores"},
	} {
		text := run(c.stores, func(_, name string) string {
			if name == first {
				return c.action
			}
			return "pass"
		})
		if _, err := generate(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
	}
	if _, err := generate(strings.NewReader("no JSON")); err == nil {
		t.Error("a line that is no JSON was read")
	}
}
