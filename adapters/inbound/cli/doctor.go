package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
)

// CheckStatus is how a check ended.
type CheckStatus string

// The ends of a check.
const (
	CheckOK   CheckStatus = "ok"
	CheckWarn CheckStatus = "warn" // it works, and should be looked at
	CheckFail CheckStatus = "fail" // the service cannot do its work so
)

// Check is one thing that `doctor` looked at.
type Check struct {
	Name    string      `json:"name"`
	Status  CheckStatus `json:"status"`
	Summary string      `json:"summary"`
	Facts   []string    `json:"facts"`
	Advice  string      `json:"advice,omitempty"` // what to do; empty when nothing is
}

func doctorCommand(a Actions, given *Config) *cobra.Command {
	return checksCommand(&cobra.Command{
		Use:   "doctor",
		Short: "Look at the configuration and the machine, and say what to do",
		Long: `Look at the configuration and the machine, time real password hashes, and say
what to do. Run it where the service will run: in its container or unit, as its
user. It changes nothing, and can run beside the service.

The exit status is 1 when a check fails.`,
	}, a.Doctor, given)
}

// checksCommand makes c print what look found.
func checksCommand(c *cobra.Command, look func(context.Context, Config) []Check, given *Config) *cobra.Command {
	var asJSON bool
	c.Args = cobra.NoArgs
	c.RunE = action(func(c *cobra.Command, _ []string) error {
		checks := look(c.Context(), *given)
		if err := c.Context().Err(); err != nil { // what was not looked at has not failed
			return err
		}
		for i := range checks {
			checks[i].Facts = slices.Concat([]string{}, checks[i].Facts) // JSON: [], not null
		}
		write := writeChecks
		if asJSON {
			write = func(w io.Writer, checks []Check) error { return writeJSON(w, checks) }
		}
		if err := write(c.OutOrStdout(), checks); err != nil {
			return err
		}
		for _, check := range checks {
			if check.Status == CheckFail {
				return errors.New("a check failed")
			}
		}
		return nil
	})
	addJSON(c, &asJSON)
	return c
}

func writeChecks(w io.Writer, checks []Check) error {
	for _, c := range checks {
		if _, err := fmt.Fprintf(w, "%-6s %s: %s\n", "["+string(c.Status)+"]", c.Name, c.Summary); err != nil {
			return err
		}
		for _, fact := range c.Facts {
			if _, err := fmt.Fprintf(w, "         %s\n", fact); err != nil {
				return err
			}
		}
		if c.Advice != "" {
			if _, err := fmt.Fprintf(w, "       > %s\n", c.Advice); err != nil {
				return err
			}
		}
	}
	return nil
}
