package main

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
)

// Bounds of what a storm may do to everyone else (docs/adr on the password engine).
const (
	p50Times, p50More       = 1.5, 0.5 // or so many milliseconds more
	p99Times, p99Least      = 3.0, 3.0 // or so many milliseconds
	p99LeastDisturbed       = 10.0     // the same beside other load
	slowestMillis           = 100.0
	fedShare                = 0.9
	rawTimes                = 1.1
	refusalMillis           = 50.0
	deadlineSeconds         = 10.0 // http.request_timeout
	workerMiB, treeMiB      = 15.0, 100.0
	argon2MiB               = argon2Memory / 1024.0
	copiesOfMemory          = 2 // what a worker may hold of a hash's memory
	nearlyAlways, mostly    = 0.999, 0.99
	half                    = 0.5
	refusedWithRetryAfterOf = 1.0
)

// verdict is one figure with its bound.
type verdict struct {
	what     string
	measured float64
	bound    float64
	atLeast  bool // the bound is below the figure
	unit     string
	why      string // where the bound comes from
}

func (v verdict) holds() bool {
	if math.IsNaN(v.measured) {
		return false
	}
	if v.atLeast {
		return v.measured >= v.bound
	}
	return v.measured <= v.bound
}

// stormVerdicts are those of reading beside logins, against reading alone.
func stormVerdicts(name string, alone, storm takes) []verdict {
	a50, a99 := alone.read(half), alone.read(mostly)
	return []verdict{
		{
			what: name + ": read p50", measured: storm.read(half), bound: max(p50Times*a50, a50+p50More), unit: "ms",
			why: fmt.Sprintf("alone %.2f × 1.5, or 0.5 more", a50),
		},
		{
			what: name + ": read p99", measured: storm.read(mostly), bound: max(p99Times*a99, p99Least), unit: "ms",
			why: fmt.Sprintf("alone %.2f × 3, or 3", a99),
		},
		{what: name + ": read p99.9", measured: storm.read(nearlyAlways), bound: slowestMillis, unit: "ms"},
		{
			what: name + ": requests sent late, p99", measured: storm.median(take.late), bound: 1000.0 / readsPerSecond, unit: "ms",
			why: "the generator's own fault, not counted above; beyond this the rate would not stand",
		},
	}
}

// disturbedVerdicts are the same with one core half busy elsewhere.
func disturbedVerdicts(name string, alone, storm takes) []verdict {
	a99 := alone.read(mostly)
	return []verdict{
		{
			what: name + ": read p99", measured: storm.read(mostly), bound: max(p99Times*a99, p99LeastDisturbed), unit: "ms",
			why: fmt.Sprintf("alone, disturbed %.2f × 3, or 10", a99),
		},
		{
			what: name + ": slowest read", measured: storm.slowest(), bound: slowestMillis, unit: "ms",
			why: fmt.Sprintf("of all rounds; alone, disturbed %.1f", alone.slowest()),
		},
	}
}

// faultVerdict is about all answers of some scenes.
func faultVerdict(name string, scenes ...takes) verdict {
	v := verdict{what: name + ": answers that are none of 200 and 503", why: "reads: none but 200"}
	for _, rounds := range scenes {
		for _, t := range rounds {
			if n, example := t.faults(); n > 0 {
				v.measured, v.why = v.measured+float64(n), example
			}
		}
	}
	return v
}

// printVerdicts prints every figure beside its bound.
func printVerdicts(verdicts []verdict) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	failed := 0
	for _, v := range verdicts {
		word, sign := "PASS", "≤"
		if v.atLeast {
			sign = "≥"
		}
		if !v.holds() {
			word = "FAIL"
			failed++
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s %s %s\t%s\n", word, v.what, number(v.measured), sign, number(v.bound), v.unit, v.why)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%w: %d of %d", errBounds, failed, len(verdicts))
	}
	return nil
}

// number prints three significant digits and no exponent.
func number(x float64) string {
	switch {
	case math.Abs(x) >= 100:
		return fmt.Sprintf("%.0f", x)
	case math.Abs(x) >= 10:
		return fmt.Sprintf("%.1f", x)
	default:
		return fmt.Sprintf("%.2f", x)
	}
}

// row is one line of the table of scenes.
type row struct {
	name string
	takes
	fed bool
}

// printRows prints the scenes: latencies of reading, and what became of logins.
func printRows(rows []row) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, strings.Join([]string{"GET /users/me, ms", "p50", "p99", "p99.9", "max", "logins/s", "refused/s", "generator late p99"}, "\t"))
	for _, r := range rows {
		logins, refused := "-", "-"
		switch {
		case r.fed:
			logins = fmt.Sprintf("%.1f", r.median(func(t take) float64 { return t.fed.PerSecond }))
		case len(r.takes) > 0 && len(r.takes[0].logins) > 0:
			logins, refused = fmt.Sprintf("%.1f", r.perSecond(http.StatusOK)), fmt.Sprintf("%.1f", r.perSecond(http.StatusServiceUnavailable))
		}
		_, _ = fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t%.1f\t%s\t%s\t%.2f\n", r.name,
			r.read(half), r.read(mostly), r.read(nearlyAlways), r.slowest(), logins, refused,
			r.median(take.late))
	}
	return w.Flush()
}
