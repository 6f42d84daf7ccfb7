package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"authserve/adapters/inbound/cli"
	"authserve/core/account"
	"authserve/core/domain"
)

// importer stands for the use case: it counts rows as imported, and refuses those
// that have an error of their own or whose address holds none of the sign.
type importer struct {
	err      error                       // at the end
	progress func(*account.ImportReport) // between the rows and the end
	config   cli.Config
	rows     []account.ImportRow
	dryRun   bool
}

func (i *importer) run(_ context.Context, c cli.Config, rows iter.Seq2[account.ImportRow, error], o account.ImportOptions) (account.ImportReport, error) {
	i.config, i.dryRun = c, o.DryRun
	var report account.ImportReport
	for row, err := range rows {
		if err != nil && domain.KindOf(err) == domain.KindInternal {
			return report, err
		}
		report.Rows++
		if err == nil && strings.Contains(row.Email, "@") {
			i.rows = append(i.rows, row)
			report.Imported++
			continue
		}
		report.Refused++
		refusal := account.Refusal{Line: row.Line, SourceID: row.SourceID, Email: row.Email, Field: "email", Code: domain.CodeInvalidFormat, Message: "This is not an e-mail address."}
		if err != nil {
			refusal = account.Refusal{Line: row.Line, Code: account.CodeMalformedRow, Message: "This is no row."}
		}
		report.Reasons = append(report.Reasons, account.ImportReason{Field: refusal.Field, Code: refusal.Code, Rows: 1})
		if err := o.Refused(refusal); err != nil {
			return report, err
		}
	}
	o.Progress(report)
	if i.progress != nil {
		i.progress(&report)
	}
	return report, i.err
}

func runImport(t *testing.T, i *importer, stdin string, args ...string) result {
	t.Helper()
	return runImportFrom(t, i, strings.NewReader(stdin), args...)
}

func runImportFrom(t *testing.T, i *importer, stdin io.Reader, args ...string) result {
	t.Helper()
	actions := (&calls{}).actions()
	actions.ImportUsers = i.run
	var stdout, stderr bytes.Buffer
	code := cli.Run(t.Context(), actions, cli.Streams{In: stdin, Out: &stdout, Err: &stderr}, append([]string{"user", "import"}, args...))
	return result{code, stdout.String(), stderr.String()}
}

const usersCSV = "id,email,hashed_password,is_superuser\n1,ada@example.org,x,1\n2,nobody,x,0\n3,x\n4,eve@example.org,x,0\n"

func TestUserImport(t *testing.T) {
	t.Parallel()
	i := &importer{}
	got := runImport(t, i, usersCSV, "--format", "csv", "-", "--config", "my.yaml")
	want := result{
		code: cli.ExitRefused,
		out: `        4  rows
        2  imported
        0  imported before
        2  refused
        1    email: invalid_format
        1    malformed_row
`,
		err: `{"line":3,"source_id":"2","email":"nobody","field":"email","code":"invalid_format","message":"This is not an e-mail address."}
{"line":4,"code":"malformed_row","message":"This is no row."}
warning: not imported: is_superuser
authserve: 2 rows were refused
`,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if len(i.rows) != 2 || i.rows[1].Email != "eve@example.org" || i.dryRun || i.config.File != "my.yaml" {
		t.Errorf("imported %+v", i)
	}
	if got := runImport(t, &importer{}, "email,password\na@b.c,\n", "--format=csv", "-"); got.code != cli.ExitOK || got.err != "" {
		t.Errorf("without a refused row: %+v", got)
	}
	one := runImport(t, &importer{}, "email,password\nx,\n", "--format=csv", "-", "--dry-run")
	if one.code != cli.ExitRefused || !strings.Contains(one.err, "authserve: 1 row was refused\n") || !strings.Contains(one.out, "        0  would be imported\n") {
		t.Errorf("a dry run: %+v", one)
	}
}

func TestUserImportAsJSON(t *testing.T) {
	t.Parallel()
	i := &importer{progress: func(r *account.ImportReport) { r.WithoutPassword, r.Disabled, r.AlreadyImported = 7, 8, 9 }}
	got := runImport(t, i, usersCSV, "--format", "csv", "--json", "--dry-run", "-")
	want := `{"dry_run":true,"complete":true,"rows":4,"imported":2,"without_password":7,"disabled":8,"already_imported":9,"refused":2,` +
		`"refused_by_reason":[{"field":"email","code":"invalid_format","rows":1},{"field":"","code":"malformed_row","rows":1}],"ignored_fields":["is_superuser"]}`
	if compact(t, got.out) != want || got.code != cli.ExitRefused || !i.dryRun {
		t.Errorf("exit %d, %s; want %s", got.code, got.out, want)
	}
	got = runImport(t, &importer{}, "", "--format", "jsonl", "--json", "-")
	want = `{"dry_run":false,"complete":true,"rows":0,"imported":0,"without_password":0,"disabled":0,"already_imported":0,"refused":0,"refused_by_reason":[],"ignored_fields":[]}`
	if compact(t, got.out) != want || got.code != cli.ExitOK {
		t.Errorf("of nothing: exit %d, %s; want %s", got.code, got.out, want)
	}
	text := runImport(t, i, usersCSV, "--format", "csv", "-")
	if !strings.Contains(text.out, "        7    of them without a password\n        8    of them disabled\n        9  imported before\n") {
		t.Errorf("as text: %s", text.out)
	}
}

func TestRefusedRowsGoIntoTheirFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "refused.jsonl")
	if err := os.WriteFile(path, []byte(`{"line":1} of an earlier run, and longer than what comes now: `+strings.Repeat("x", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	written := 0
	i := &importer{progress: func(*account.ImportReport) {
		text, _ := os.ReadFile(path)
		written = bytes.Count(text, []byte("\n"))
	}}
	got := runImport(t, i, usersCSV, "--format", "csv", "--refused", path, "-")
	text, err := os.ReadFile(path)
	if err != nil || bytes.Count(text, []byte("\n")) != 2 || !strings.HasPrefix(string(text), `{"line":3,`) || !strings.HasSuffix(string(text), "}\n") {
		t.Errorf("the file is %q, %v", text, err)
	}
	if written != 2 {
		t.Errorf("%d rows were written before the end; want them as they are found", written)
	}
	if got.code != cli.ExitRefused || strings.Contains(got.err, "nobody") {
		t.Errorf("got %+v; want nothing of the rows on standard error", got)
	}
	fresh := filepath.Join(t.TempDir(), "new.jsonl")
	runImport(t, &importer{}, usersCSV, "--format", "csv", "--refused", fresh, "-")
	if info, err := os.Stat(fresh); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the mode of the file is %v, %v; want it private", info, err)
	}
}

func TestRefusedRowsCannotCommandATerminal(t *testing.T) {
	t.Parallel()
	got := runImport(t, &importer{}, "email,password\nü\u009b31m\u202e\U000e0041,\n", "--format", "csv", "-")
	if want := `"email":"ü\u009b31m\u202e\udb40\udc41"`; !strings.Contains(got.err, want) {
		t.Errorf("stderr = %q; want %s in it", got.err, want)
	}
}

func TestAnImportThatEndedEarlySaysHowToGoOn(t *testing.T) {
	t.Parallel()
	const hint = "What is imported stays; the same command goes on with the rest.\n"
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"interrupted": {fmt.Errorf("store: %w", context.Canceled), "authserve: interrupted\n"},
		"failed":      {errors.New("disk is gone"), "authserve: disk is gone\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runImport(t, &importer{err: c.err}, usersCSV, "--format", "csv", "-")
			if got.code != cli.ExitFailure || !strings.Contains(got.err, hint+c.want) || !strings.Contains(got.out, "        2  imported\n") {
				t.Errorf("got %+v; want 1, how far it came, and a hint", got)
			}
			got = runImport(t, &importer{err: c.err}, usersCSV, "--format", "csv", "--json", "--dry-run", "-")
			if got.code != cli.ExitFailure || strings.Contains(got.err, hint) || !strings.Contains(got.out, `"complete": false`) {
				t.Errorf("dry run: %+v", got)
			}
		})
	}
	got := runImport(t, &importer{err: errors.New("no configuration")}, "", "--format", "jsonl", "-")
	if got != (result{code: cli.ExitFailure, err: "authserve: no configuration\n"}) {
		t.Errorf("before the first row: %+v", got)
	}
}

func TestImportsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	users := filepath.Join(dir, "users.csv")
	if err := os.WriteFile(users, []byte(usersCSV), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(users, link); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"":                                    "accepts 1 arg",
		"--format csv":                        "accepts 1 arg",
		users:                                 "--format must be given: one of jsonl, csv, sqlite",
		"--format xml " + users:               "--format must be given: one of jsonl, csv, sqlite",
		"--format csv --table users " + users: "--table is for --format sqlite",
		"--format sqlite -":                   "cannot be read from standard input",
		"--format csv --refused " + link + " " + users: "--refused would overwrite the file to import",
	} {
		got := runImport(t, &importer{}, "", strings.Fields(args)...)
		if got.code != cli.ExitUsage || !strings.Contains(got.err, want) {
			t.Errorf("%s: %+v; want 2 and %q", args, got, want)
		}
	}
	for args, want := range map[string]string{
		"--format csv absent.csv":                              "authserve: read absent.csv: no such file",
		"--format sqlite " + users:                             "file is not a database",
		"--format csv --refused " + dir + "/no/where " + users: "no/where",
	} {
		got := runImport(t, &importer{}, "", strings.Fields(args)...)
		if got.code != cli.ExitFailure || !strings.Contains(got.err, want) || got.out != "" {
			t.Errorf("%s: %+v; want 1 and %q", args, got, want)
		}
	}
	if text, err := os.ReadFile(users); err != nil || string(text) != usersCSV {
		t.Errorf("the file to import is now %q, %v", text, err)
	}
}

func TestAFullDiskEndsTheImportOnce(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no /dev/full here")
	}
	rows := "email,password\n" + strings.Repeat("nobody,\n", 1000)
	got := runImport(t, &importer{}, rows, "--format", "csv", "--refused", "/dev/full", "-")
	if got.code != cli.ExitFailure || strings.Count(got.err, "no space left") != 1 {
		t.Errorf("got %+v; want 1, and the reason once", got)
	}
}

func TestUserImportNamesEveryFieldInItsHelp(t *testing.T) {
	t.Parallel()
	help := runImport(t, &importer{}, "", "--help").out
	for _, name := range []string{
		"email", "password_hash", "hashed_password", "password", "id", "source_id", "username", "display_name", "full_name", "name",
		"is_active", "active", "disabled", "email_verified", "is_verified", "created_at", "date_joined", "--dry-run", "--refused file", "--table name", "3",
	} {
		words := strings.FieldsFunc(help, func(c rune) bool { return strings.ContainsRune(" \n,()", c) })
		if !strings.Contains(name, " ") && !slices.Contains(words, name) || !strings.Contains(help, name) {
			t.Errorf("the help lacks %q", name)
		}
	}
}
