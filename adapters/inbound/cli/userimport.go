package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"authserve/adapters/inbound/cli/userfile"
	"authserve/core/account"
)

// importFlags are the flags of the import.
type importFlags struct {
	format, table, refused string
	dryRun, asJSON         bool
}

func userImportCommand(a Actions, given *Config) *cobra.Command {
	var flags importFlags
	c := &cobra.Command{
		Use:   "import --format FORMAT FILE",
		Short: "Import accounts and password hashes of another program",
		Long: `Import accounts of another program with the password hashes that it made, so that
their owners log in as before. FILE is JSON Lines, CSV with a header, or an SQLite
database; "-" is standard input. It works on the configured database, also while
the service runs.

These columns are read, and every other is named at the end:
  email                                        required
  password_hash, hashed_password or password   required; empty: no password
  id or source_id
  username
  display_name, full_name or name
  is_active or active (or disabled)            empty: false; without it: active
  email_verified or is_verified                empty, or without it: false
  created_at or date_joined                    RFC 3339, or UTC without offset

Every account gets the role user and no other, whatever the file says.

A row that breaks a rule is refused and reported as a line of JSON, and the others
are imported. An account that was imported before is left as it is: after a fault
or Ctrl-C the same command goes on where it ended, and once all is imported it
changes nothing.

The exit code is 3 when all was done and rows were refused.`,
		Example: `  authserve user import --format sqlite --table users --dry-run old.db
  authserve user import --format csv --refused refused.jsonl users.csv
  zcat users.jsonl.gz | authserve user import --format jsonl --json -`,
		Args: cobra.ExactArgs(1),
		RunE: action(func(c *cobra.Command, args []string) error {
			source, err := flags.source(c, args[0])
			if err != nil {
				return err
			}
			stdin, done := until(c.Context(), source.Stdin)
			defer done()
			source.Stdin = stdin
			return importUsers(c, a, *given, source, flags)
		}),
	}
	set := c.Flags()
	set.SortFlags = false
	set.StringVar(&flags.format, "format", "", "`format` of the file: jsonl, csv or sqlite (required)")
	set.StringVar(&flags.table, "table", "users", "`name` of the table or view in an SQLite database")
	set.BoolVar(&flags.dryRun, "dry-run", false, "check everything and write nothing into the database")
	set.StringVar(&flags.refused, "refused", "", "`file` for the refused rows, which replace those of an earlier import (default: standard error)")
	addJSON(c, &flags.asJSON)
	return c
}

func (f importFlags) source(c *cobra.Command, path string) (userfile.Source, error) {
	s := userfile.Source{Format: userfile.Format(f.format), Path: path, Stdin: c.InOrStdin(), Table: f.table}
	switch {
	case !slices.Contains(userfile.Formats(), s.Format):
		return s, usagef("--format must be given: one of jsonl, csv, sqlite")
	case s.Format != userfile.SQLite && c.Flags().Changed("table"):
		return s, usagef("--table is for --format sqlite")
	case s.Format == userfile.SQLite && path == "-":
		return s, usagef("an SQLite database cannot be read from standard input: give its file")
	case overwritten(s, f.refused):
		return s, usagef("--refused would overwrite the file to import")
	default:
		return s, nil
	}
}

// overwritten says whether writing to path, which may be empty, would destroy s.
func overwritten(s userfile.Source, path string) bool {
	written, err := os.Stat(path)
	if err != nil || !written.Mode().IsRegular() { // nothing of a device is lost
		return false
	}
	stat := func() (os.FileInfo, error) { return os.Stat(s.Path) }
	if s.Path == "-" {
		file, ok := s.Stdin.(*os.File)
		if !ok {
			return false
		}
		stat = file.Stat
	}
	read, err := stat()
	return err == nil && os.SameFile(written, read)
}

func importUsers(c *cobra.Command, a Actions, given Config, source userfile.Source, flags importFlags) (err error) {
	ctx := c.Context()
	users, err := userfile.Open(ctx, source)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, users.Close()) }()
	progress := newProgress(c.ErrOrStderr())
	refused, err := openRefused(flags.refused, c.ErrOrStderr(), progress)
	if err != nil {
		return err
	}
	report, err := a.ImportUsers(ctx, given, users.Rows(), account.ImportOptions{
		DryRun:  flags.dryRun,
		Refused: refused.write,
		Progress: func(report account.ImportReport) {
			refused.flush()
			progress.tell(fmt.Sprintf("%d rows: %d imported, %d imported before, %d refused",
				report.Rows, report.Imported, report.AlreadyImported, report.Refused))
		},
	})
	progress.end()
	if closeErr := refused.close(err == nil); err == nil {
		err = closeErr
	}
	if err != nil && report.Rows == 0 && !errors.Is(err, context.Canceled) {
		return err // nothing has begun
	}
	ignored := users.Ignored()
	if len(ignored) > 0 {
		_, _ = fmt.Fprintf(c.ErrOrStderr(), "warning: not imported: %s\n", strings.Join(ignored, ", "))
	}
	if err != nil && !flags.dryRun {
		_, _ = fmt.Fprintln(c.ErrOrStderr(), "The import is not complete. What is imported stays; the same command goes on with the rest.")
	}
	if printErr := writeReport(c.OutOrStdout(), report, flags, ignored, err == nil); printErr != nil {
		return errors.Join(err, printErr)
	}
	if err == nil && report.Refused > 0 {
		return rowsRefused(report.Refused)
	}
	return err
}

// rowsRefused is a success but for so many rows.
type rowsRefused int64

func (n rowsRefused) Error() string {
	if n == 1 {
		return "1 row was refused"
	}
	return fmt.Sprintf("%d rows were refused", int64(n))
}

type reportLine struct {
	rows int64
	what string
	must bool // be told even when there are none
}

func writeReport(w io.Writer, r account.ImportReport, flags importFlags, ignored []string, complete bool) error {
	if flags.asJSON {
		return writeJSON(w, newImportJSON(r, flags.dryRun, ignored, complete))
	}
	imported := "imported"
	if flags.dryRun {
		imported = "would be imported"
	}
	lines := []reportLine{
		{r.Rows, "rows", true},
		{r.Imported, imported, true},
		{r.WithoutPassword, "  of them without a password", false},
		{r.Disabled, "  of them disabled", false},
		{r.AlreadyImported, "imported before", true},
		{r.Refused, "refused", true},
	}
	for _, reason := range r.Reasons {
		what := "  " + string(reason.Code)
		if reason.Field != "" {
			what = "  " + reason.Field + ": " + string(reason.Code)
		}
		lines = append(lines, reportLine{reason.Rows, what, true})
	}
	for _, line := range lines {
		if line.rows == 0 && !line.must {
			continue
		}
		if _, err := fmt.Fprintf(w, "%9d  %s\n", line.rows, line.what); err != nil {
			return err
		}
	}
	return nil
}

type importJSON struct {
	DryRun          bool               `json:"dry_run"`
	Complete        bool               `json:"complete"` // false: the import ended early
	Rows            int64              `json:"rows"`
	Imported        int64              `json:"imported"` // in a dry run: would be
	WithoutPassword int64              `json:"without_password"`
	Disabled        int64              `json:"disabled"`
	AlreadyImported int64              `json:"already_imported"`
	Refused         int64              `json:"refused"`
	Reasons         []importReasonJSON `json:"refused_by_reason"`
	IgnoredFields   []string           `json:"ignored_fields"`
}

type importReasonJSON struct {
	Field string `json:"field"` // empty: the row as a whole
	Code  string `json:"code"`
	Rows  int64  `json:"rows"`
}

func newImportJSON(r account.ImportReport, dryRun bool, ignored []string, complete bool) importJSON {
	out := importJSON{
		DryRun: dryRun, Complete: complete, Rows: r.Rows, Imported: r.Imported, WithoutPassword: r.WithoutPassword, Disabled: r.Disabled,
		AlreadyImported: r.AlreadyImported, Refused: r.Refused, Reasons: []importReasonJSON{}, IgnoredFields: append([]string{}, ignored...),
	}
	for _, reason := range r.Reasons {
		out.Reasons = append(out.Reasons, importReasonJSON{Field: reason.Field, Code: string(reason.Code), Rows: reason.Rows})
	}
	return out
}
