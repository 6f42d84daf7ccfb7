package cli_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"authserve/adapters/inbound/cli"
	"authserve/core/account"
)

func writeFile(t *testing.T, name, text string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func openFile(t *testing.T, path string) *os.File {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

func wantFile(t *testing.T, path, want string, mode fs.FileMode) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil || string(text) != want {
		t.Errorf("the file holds %q, %v; want %q", text, err, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
		t.Errorf("the file is %v, %v; want mode %v", info, err, mode)
	}
}

func TestRefusedRowsDoNotOverwriteStandardInput(t *testing.T) {
	t.Parallel()
	users := writeFile(t, "users.csv", usersCSV, 0o644)
	got := runImportFrom(t, &importer{}, openFile(t, users), "--format", "csv", "--refused", users, "-")
	if got.code != cli.ExitUsage || !strings.Contains(got.err, "--refused would overwrite the file to import") {
		t.Errorf("got %+v; want 2", got)
	}
	wantFile(t, users, usersCSV, 0o644)
	other := filepath.Join(t.TempDir(), "refused.jsonl")
	if got := runImportFrom(t, &importer{}, openFile(t, users), "--format", "csv", "--refused", other, "-"); got.code != cli.ExitRefused {
		t.Errorf("into another file: %+v; want 3", got)
	}
	// Nothing of a device is overwritten.
	if got := runImportFrom(t, &importer{}, openFile(t, os.DevNull), "--format", "jsonl", "--refused", os.DevNull, "-"); got.code != cli.ExitOK {
		t.Errorf("from and into %s: %+v; want 0", os.DevNull, got)
	}
}

func TestRefusedRowsOverwriteNothingButAReport(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"SQLite format 3\x00 and what follows", "c2VjcmV0", "x", `{"line"`} {
		other := writeFile(t, "other", text, 0o640)
		i := &importer{}
		got := runImport(t, i, usersCSV, "--format", "csv", "--refused", other, "-")
		if got.code != cli.ExitUsage || !strings.Contains(got.err, "--refused would overwrite a file that is no report") || len(i.rows) != 0 {
			t.Errorf("got %+v; want 2, and nothing imported", got)
		}
		wantFile(t, other, text, 0o640)
	}
}

func TestAnEarlierReportOfRefusedRows(t *testing.T) {
	t.Parallel()
	const (
		earlier = `{"line":1,"code":"earlier","message":"Of an earlier import."}` + "\n"
		sound   = "email,password\na@b.c,\n"
		unsound = "email,password\nx,\n"
		now     = `{"line":2,"email":"x","field":"email","code":"invalid_format","message":"This is not an e-mail address."}` + "\n"
	)
	failed := errors.New("disk is gone")
	for name, c := range map[string]struct {
		rows string
		err  error
		code int
		want string
		mode fs.FileMode
	}{
		"refused rows replace it":                  {unsound, nil, cli.ExitRefused, now, 0o600},
		"refused rows of a failure replace it":     {unsound, failed, cli.ExitFailure, now, 0o600},
		"a success without refused rows clears it": {sound, nil, cli.ExitOK, "", 0o600},
		"a failure without refused rows leaves it": {sound, failed, cli.ExitFailure, earlier, 0o644},
		"a failure before all rows leaves it":      {"email,password\n", failed, cli.ExitFailure, earlier, 0o644},
		"a source that is none leaves it":          {"", nil, cli.ExitFailure, earlier, 0o644},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := writeFile(t, "refused.jsonl", earlier, 0o644)
			if got := runImport(t, &importer{err: c.err}, c.rows, "--format", "csv", "--refused", path, "-"); got.code != c.code {
				t.Errorf("got %+v; want %d", got, c.code)
			}
			wantFile(t, path, c.want, c.mode)
		})
	}
}

// Until a row is refused the import may turn out to have nothing to tell.
func TestAnEarlierReportStaysUntilARowIsRefused(t *testing.T) {
	t.Parallel()
	const earlier = `{"line":1}`
	path := writeFile(t, "refused.jsonl", earlier, 0o600)
	i := &importer{progress: func(*account.ImportReport) { wantFile(t, path, earlier, 0o600) }}
	runImport(t, i, "email,password\na@b.c,\n", "--format", "csv", "--refused", path, "-")
	wantFile(t, path, "", 0o600)
}

// A pipe that was opened for reading as well would take the rows for a reader that
// is late or gone.
func TestRefusedRowsIntoAPipeWithoutAReader(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close() }()
	path := "/dev/fd/" + strconv.Itoa(int(writer.Fd()))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no /dev/fd here: %v", err)
	}
	actions := (&calls{}).actions()
	actions.ImportUsers = func(_ context.Context, _ cli.Config, _ iter.Seq2[account.ImportRow, error], o account.ImportOptions) (account.ImportReport, error) {
		refuse := func() error { return o.Refused(account.Refusal{Line: 2, Code: "c", Message: "m"}) }
		if err := refuse(); err != nil {
			t.Errorf("the first row: %v", err)
		}
		o.Progress(account.ImportReport{Rows: 1, Refused: 1})
		first := make([]byte, 100)
		if n, err := reader.Read(first); err != nil || !strings.HasPrefix(string(first[:n]), `{"line":2,`) {
			t.Errorf("the pipe held %q, %v; want the first row", first[:n], err)
		}
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
		return account.ImportReport{Rows: 2, Refused: 2}, refuse()
	}
	var stderr bytes.Buffer
	code := cli.Run(t.Context(), actions, cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: &stderr},
		[]string{"user", "import", "--format", "jsonl", "--refused", path, "-"})
	if code != cli.ExitFailure || !strings.Contains(stderr.String(), "broken pipe") {
		t.Errorf("exit %d, stderr %q; want 1, since nobody read the second row", code, stderr.String())
	}
}
