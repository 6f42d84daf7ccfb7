// Command gencompat writes docs/compat.md: which conformance case passes on which
// store. It reads what `go test -json` says of the conformance tests on standard input,
// and fails when a case failed or a store left some out.
//
//	go test -json -run '^TestConformance' ./adapters/outbound/memstore ./adapters/outbound/entstore | gencompat FILE
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"authserve/ports/conformance"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gencompat FILE < JSON of go test")
		os.Exit(2)
	}
	page, err := generate(os.Stdin)
	if err == nil {
		err = os.WriteFile(os.Args[1], page, 0o644) //nolint:gosec // a public document
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gencompat:", err)
		os.Exit(1)
	}
}

// generate makes the page of a run.
func generate(r io.Reader) ([]byte, error) {
	m, err := read(r)
	if err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return m.page(), nil
}

// matrix is how each case ended on each store.
type matrix struct {
	stores  []string          // in the order of their first result
	names   map[string]string // what a store calls itself
	results map[string]map[string]string
	gaps    map[string]string // by store and case: the reason
}

// event is a line of `go test -json` (go doc test2json).
type event struct{ Action, Package, Test, Output string }

// says begins a line in which a test tells which version it speaks to.
const says = "conformance of "

func read(r io.Reader) (*matrix, error) {
	m := &matrix{names: map[string]string{}, results: map[string]map[string]string{}, gaps: map[string]string{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("%q is not of go test -json: %w", lines.Text(), err)
		}
		store, name, ok := place(e)
		if !ok {
			continue
		}
		switch e.Action {
		case "output":
			if _, version, ok := strings.Cut(e.Output, says); ok {
				m.names[store] = strings.TrimSpace(version)
			}
			if _, reason, ok := strings.Cut(e.Output, "declared gap: "); ok {
				m.gaps[store+"/"+name] = strings.TrimSpace(reason)
			}
		case "pass", "fail", "skip":
			if name == "" {
				continue
			}
			if m.results[store] == nil {
				m.stores = append(m.stores, store)
				m.results[store] = map[string]string{}
			}
			m.results[store][name] = e.Action
		}
	}
	slices.Sort(m.stores)
	return m, lines.Err()
}

// place finds the store and the case of a test; the case is empty for the test of a
// whole store.
func place(e event) (store, name string, ok bool) {
	parts := strings.Split(e.Test, "/")
	switch {
	case parts[0] == "TestConformance" && strings.HasSuffix(e.Package, "memstore"):
		store, parts = "1 memory", parts[1:]
	case parts[0] == "TestConformance" && strings.HasSuffix(e.Package, "entstore"):
		store, parts = "2 SQLite", parts[1:]
	case parts[0] == "TestConformanceOfServers" && len(parts) > 1:
		store, parts = "3 "+parts[1], parts[2:]
	default:
		return "", "", false
	}
	return store, strings.Join(parts, "/"), true
}

// check refuses a run that would make a page of less than everything.
func (m *matrix) check() error {
	var faults []error
	if len(m.stores) < 4 {
		faults = append(faults, fmt.Errorf("only %d stores ran: %v", len(m.stores), m.stores))
	}
	for _, store := range m.stores {
		for _, c := range conformance.Cases() {
			switch got := m.results[store][c.Name]; {
			case got == "pass", got == "skip" && m.gaps[store+"/"+c.Name] != "":
			case got == "":
				faults = append(faults, fmt.Errorf("%s did not run on %s", c.Name, m.name(store)))
			default:
				faults = append(faults, fmt.Errorf("%s on %s: %s", c.Name, m.name(store), got))
			}
		}
	}
	return errors.Join(faults...)
}

func (m *matrix) name(store string) string {
	if name := m.names[store]; name != "" {
		return name
	}
	return store[2:]
}

func (m *matrix) page() []byte {
	var b strings.Builder
	b.WriteString("# What passes where\n\nMade from a run of the conformance suite by `task compat`; do not edit. A case marked * accepts no gap.\n\n| case | what it demands |")
	for _, store := range m.stores {
		fmt.Fprintf(&b, " %s |", m.name(store))
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(m.stores)) + "\n")
	for _, c := range conformance.Cases() {
		must := ""
		if c.Must {
			must = " \\*"
		}
		fmt.Fprintf(&b, "| `%s`%s | %s |", c.Name, must, c.Description)
		for _, store := range m.stores {
			verdict := "yes"
			if m.results[store][c.Name] == "skip" {
				verdict = "no: " + m.gaps[store+"/"+c.Name]
			}
			fmt.Fprintf(&b, " %s |", verdict)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "\n%d cases.\n", len(conformance.Cases()))
	return []byte(b.String())
}
