package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"authserve/adapters/outbound/memstore"
	"authserve/ports"
	"authserve/ports/conformance"
)

// The suite must fail for a store that breaks its promise, or it proves nothing:
// each row plants one fault in a store that conforms, and names the case that has
// to find it.
func TestCasesFindPlantedFaults(t *testing.T) {
	t.Parallel()
	for _, row := range slices.Concat(faults(), chainFaults(), importFaults(), searchFaults(), onceFaults()) {
		t.Run(row.fault, func(t *testing.T) {
			t.Parallel()
			for _, name := range row.cases {
				c := caseNamed(t, name)
				if failures := outcome(t, c, memstore.New()); len(failures) > 0 {
					t.Errorf("%s fails a store without fault: %s", name, failures[0])
				}
				if failures := outcome(t, c, row.plant(memstore.New())); len(failures) == 0 {
					t.Errorf("%s passes a store that %s", name, row.fault)
				}
			}
		})
	}
}

func TestCasesAreWellNamed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range conformance.Cases() {
		group, rest, ok := strings.Cut(c.Name, ".")
		if !ok || group == "" || rest == "" || strings.ContainsAny(c.Name, " /") {
			t.Errorf("case %q: want a name of the form group.what_it_shows", c.Name)
		}
		if seen[c.Name] {
			t.Errorf("case %q: the name is used twice", c.Name)
		}
		if !strings.HasSuffix(c.Description, ".") {
			t.Errorf("case %q: got description %q, want a sentence", c.Name, c.Description)
		}
		seen[c.Name] = true
	}
}

func TestGapsAreChecked(t *testing.T) {
	t.Parallel()
	must, optional := "", ""
	for _, c := range conformance.Cases() {
		if c.Must {
			must = c.Name
		} else {
			optional = c.Name
		}
	}
	for _, row := range []struct {
		name string
		gaps map[string]string
		want string // part of the error, empty: none
	}{
		{"none", nil, ""},
		{"declared with its reason", map[string]string{optional: "the database keeps milliseconds"}, ""},
		{"without reason", map[string]string{optional: ""}, optional},
		{"where none is accepted", map[string]string{must: "too hard"}, must},
		{"of an unknown case", map[string]string{"no.such_case": "renamed"}, "no.such_case"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			err := conformance.Harness{Gaps: row.gaps}.Validate()
			if row.want == "" && err != nil {
				t.Errorf("got error %v, want none", err)
			}
			if row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("got error %v, want one that names %s", err, row.want)
			}
		})
	}
}

func TestDeclaredGapIsSkipped(t *testing.T) {
	t.Parallel()
	gaps := map[string]string{}
	for _, c := range conformance.Cases() {
		if !c.Must {
			gaps[c.Name] = "the store of this test cannot do it"
		}
	}
	var mu sync.Mutex
	ran := map[string]bool{}
	t.Cleanup(func() { // after the parallel cases
		for _, c := range conformance.Cases() {
			if ran[c.Name] != c.Must {
				t.Errorf("%s: got run %t, want %t", c.Name, ran[c.Name], c.Must)
			}
		}
	})
	conformance.Store(t, conformance.Harness{
		New: func(t *testing.T) ports.Store {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			ran[t.Name()[strings.LastIndex(t.Name(), "/")+1:]] = true
			return memstore.New()
		},
		Gaps: gaps,
	})
}

func caseNamed(t *testing.T, name string) conformance.Case {
	t.Helper()
	cases := conformance.Cases()
	i := slices.IndexFunc(cases, func(c conformance.Case) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("there is no case %s", name)
	}
	return cases[i]
}

// outcome runs the case on the store and returns its failures.
func outcome(t *testing.T, c conformance.Case, store ports.Store) []string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := &recorder{ctx: ctx}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				r.Errorf("panic: %v", v)
			}
		}()
		c.Run(r, store)
	}()
	<-done
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failures
}

// recorder is a conformance.TB that keeps failures to itself.
type recorder struct {
	ctx      context.Context
	mu       sync.Mutex
	failures []string
}

func (r *recorder) Helper() {}

func (r *recorder) Context() context.Context { return r.ctx }

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

var errFault = errors.New("planted fault")
