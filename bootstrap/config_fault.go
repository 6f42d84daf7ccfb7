package bootstrap

import (
	"fmt"
	"strings"
)

// Fault is one thing wrong with the configuration. It never holds the value of a
// secret.
type Fault struct {
	Path    string // of the leaf; empty: the configuration as a whole
	Message string
	Source  string // the file with its line, the variable or the flag
}

// String renders the fault on one line.
func (f Fault) String() string {
	s := f.Message
	if f.Path != "" {
		s = f.Path + ": " + s
	}
	if f.Source != "" {
		s += " (" + f.Source + ")"
	}
	return s
}

// Faults is everything wrong with the configuration, as one error.
type Faults []Fault

// Error implements error with one line per fault.
func (f Faults) Error() string {
	var b strings.Builder
	plural := "s"
	if len(f) == 1 {
		plural = ""
	}
	fmt.Fprintf(&b, "the configuration has %d fault%s:", len(f), plural)
	for _, fault := range f {
		b.WriteString("\n  - " + fault.String())
	}
	return b.String()
}

// Err returns f as an error, nil when nothing is wrong.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}
