package cli

import (
	"encoding/json"
	"io"

	"github.com/spf13/cobra"
)

// resultCommand makes c print what run returns: form of it with --json, and otherwise as
// write does.
func resultCommand[R any](c *cobra.Command, run func(c *cobra.Command, args []string) (R, error), form func(R) any, write func(io.Writer, R) error) *cobra.Command {
	var asJSON bool
	c.RunE = action(func(c *cobra.Command, args []string) error {
		result, err := run(c, args)
		if err != nil {
			return err
		}
		if asJSON {
			return writeJSON(c.OutOrStdout(), form(result))
		}
		return write(c.OutOrStdout(), result)
	})
	addJSON(c, &asJSON)
	return c
}

func addJSON(c *cobra.Command, asJSON *bool) {
	c.Flags().BoolVar(asJSON, "json", false, "print the result as JSON")
}

func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
