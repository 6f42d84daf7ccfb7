package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"authserve/ports"
)

func exportCommand(a Actions, given *Config) *cobra.Command {
	var output string
	var asJSON bool
	c := &cobra.Command{
		Use:   "export --output FILE",
		Short: "Write everything the database keeps into a file, to move it to another database",
		Long: `Write accounts, password hashes, sessions, sealed keys, messages and audit events
into FILE, as lines of JSON with checksums. "authserve import" reads it into an empty
database of any kind. It is one consistent snapshot, also while the service runs; what
happens after it is not in it, so stop the service before you move for good.

Signing keys stay sealed: the other service needs the same master keys. The file holds
password hashes and addresses: it is made with mode 0600, and never overwrites another.
"-" is standard output: a file that your shell makes of it has the mode of your umask.`,
		Example: `  authserve export --output all.jsonl
  (umask 077; authserve export --output - | gzip > all.jsonl.gz)`,
		Args: cobra.NoArgs,
		RunE: action(func(c *cobra.Command, _ []string) error {
			if output == "" {
				return usagef("--output is missing")
			}
			w, done, err := exportTarget(c, output)
			if err != nil {
				return err
			}
			progress := newProgress(c.ErrOrStderr())
			report, err := a.Export(c.Context(), *given, w, tellTransfer(progress))
			progress.end()
			if err = errors.Join(err, done(err == nil)); err != nil {
				return err
			}
			out := c.OutOrStdout()
			if output == "-" {
				out = c.ErrOrStderr()
			}
			return writeTransfer(out, report, asJSON)
		}),
	}
	c.Flags().StringVarP(&output, "output", "o", "", "the file to write, which must not exist")
	addJSON(c, &asJSON)
	return c
}

// exportTarget opens what is written. done keeps the file, or removes what there is
// of it.
func exportTarget(c *cobra.Command, output string) (w io.Writer, done func(whole bool) error, err error) {
	if output == "-" {
		if f, ok := c.OutOrStdout().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			return nil, nil, usagef("password hashes are not written to a terminal")
		}
		return c.OutOrStdout(), func(bool) error { return nil }, nil
	}
	file, err := os.OpenFile(output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, nil, err
	}
	return file, func(whole bool) error {
		if !whole {
			return errors.Join(file.Close(), os.Remove(output))
		}
		return errors.Join(file.Sync(), file.Close())
	}, nil
}

func importCommand(a Actions, given *Config) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Read everything that \"authserve export\" wrote into an empty database",
		Long: `Read the FILE of "authserve export" into the configured database, which must keep
nothing yet, and read it back to compare counts and checksums. The schema is made
first. The service must not run. "-" is standard input.

After a failure the database may hold a part, with which no service starts: drop it, and
import into a new one.`,
		Example: `  AUTHSERVE_DATABASE_URL=postgres://… authserve import all.jsonl`,
		Args:    cobra.ExactArgs(1),
		RunE: action(func(c *cobra.Command, args []string) error {
			in, done := until(c.Context(), c.InOrStdin())
			defer done()
			if args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer func() { _ = file.Close() }() // only read
				in = file
			}
			progress := newProgress(c.ErrOrStderr())
			report, err := a.Import(c.Context(), *given, in, tellTransfer(progress))
			progress.end()
			if err != nil {
				return err
			}
			return writeTransfer(c.OutOrStdout(), report, asJSON)
		}),
	}
	addJSON(c, &asJSON)
	return c
}

type transferredJSON struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
	Sum   string `json:"sum"`
}

func writeTransfer(w io.Writer, report ports.TransferReport, asJSON bool) error {
	if asJSON {
		list := make([]transferredJSON, len(report))
		for i, t := range report {
			list[i] = transferredJSON{t.Name, t.Rows, t.Sum}
		}
		return writeJSON(w, list)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, t := range report {
		if _, err := fmt.Fprintf(table, "%s\t%d rows\t%.16s\n", t.Name, t.Rows, t.Sum); err != nil {
			return err
		}
	}
	return table.Flush()
}

// tellTransfer says which table it is at.
func tellTransfer(p *progress) func(ports.TransferReport) {
	return func(r ports.TransferReport) {
		if len(r) > 0 {
			latest := r[len(r)-1]
			p.tell(fmt.Sprintf("%s: %d rows", latest.Name, latest.Rows))
		}
	}
}

// transferAction is Actions.Export without its direction.
type transferAction[S any] = func(ctx context.Context, c Config, stream S, progress func(ports.TransferReport)) (ports.TransferReport, error)
