package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"authserve/ports"
)

// Harness is what the suite needs to test an adapter.
type Harness struct {
	// New returns an empty store that lives as long as t. It is called once for
	// each case, from several goroutines.
	New func(t *testing.T) ports.Store
	// Gaps declares the cases that the adapter does not meet, by name, each with
	// the reason.
	Gaps map[string]string
}

// Case is one thing that a store must do.
type Case struct {
	Name        string
	Must        bool // no gap is accepted
	Description string
	run         func(s *subject)
}

// TB is what a case needs of a *testing.T. Fatalf does not return.
type TB interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Run tests one case on an empty store.
func (c Case) Run(t TB, store ports.Store) {
	t.Helper()
	c.run(&subject{TB: t, store: store})
}

// Cases lists every case in the order of the documents.
func Cases() []Case {
	return slices.Concat(
		atomicityCases(), isolationCases(), contextCases(), memoryCases(),
		accountCases(), searchCases(), credentialCases(), sessionCases(), sessionEndCases(), keyCases(), guardCases(),
		outboxCases(), auditCases(), auditChainCases(), idempotencyCases(), importCases(),
		oneTimeCases(), throttleCases(), erasureCases(), personalDataCases(),
		pagingCases(), instantCases(), textCases(),
		raceCases(), onceRaceCases(), generationCases(),
	)
}

// Validate returns what is wrong with the declared gaps: an unknown case, a case
// that accepts none, a missing reason.
func (h Harness) Validate() error {
	cases := map[string]Case{}
	for _, c := range Cases() {
		cases[c.Name] = c
	}
	var faults []error
	for name, reason := range h.Gaps {
		c, known := cases[name]
		switch {
		case !known:
			faults = append(faults, fmt.Errorf("gap %q: there is no such case", name))
		case c.Must:
			faults = append(faults, fmt.Errorf("gap %q: the case accepts no gap", name))
		case reason == "":
			faults = append(faults, fmt.Errorf("gap %q: a gap needs its reason", name))
		}
	}
	return errors.Join(faults...)
}

// Store runs every case against the adapter of h.
func Store(t *testing.T, h Harness) {
	t.Helper()
	if err := h.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			if reason, gap := h.Gaps[c.Name]; gap {
				t.Skipf("declared gap: %s", reason)
			}
			c.Run(t, h.New(t))
		})
	}
}
