package cli_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"authserve/adapters/inbound/cli"
	"authserve/core/account"
	"authserve/ports"
)

// mover is a store that moves a few bytes.
type mover struct {
	err error
	got string
}

func (m *mover) run(t *testing.T, in string, args ...string) result {
	t.Helper()
	report := ports.TransferReport{{Name: "accounts", Rows: 3, Sum: "0123456789abcdef0123"}, {Name: "sessions", Sum: "ff"}}
	actions := (&calls{}).actions()
	actions.Export = func(_ context.Context, _ cli.Config, w io.Writer, progress func(ports.TransferReport)) (ports.TransferReport, error) {
		progress(report[:1])
		_, err := io.WriteString(w, "rows\n")
		return report, errors.Join(m.err, err)
	}
	actions.Import = func(_ context.Context, _ cli.Config, r io.Reader, _ func(ports.TransferReport)) (ports.TransferReport, error) {
		text, err := io.ReadAll(r)
		m.got = string(text)
		return report, errors.Join(m.err, err)
	}
	var stdout, stderr bytes.Buffer
	code := cli.Run(t.Context(), actions, cli.Streams{In: strings.NewReader(in), Out: &stdout, Err: &stderr}, args)
	return result{code, stdout.String(), stderr.String()}
}

const moved = "accounts  3 rows  0123456789abcdef\nsessions  0 rows  ff\n"

func TestExportIntoAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "all.jsonl")
	if got := (&mover{}).run(t, "", "export", "--output", path); got.code != cli.ExitOK || got.out != moved {
		t.Errorf("got %+v; want\n%s", got, moved)
	}
	wantFile(t, path, "rows\n", 0o600)
	if got := (&mover{}).run(t, "", "export", "--output", path); got.code != cli.ExitFailure || !strings.Contains(got.err, "exists") {
		t.Errorf("into a file that is there: %+v", got)
	}
	wantFile(t, path, "rows\n", 0o600)
}

func TestFailedExportLeavesNoFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "all.jsonl")
	if got := (&mover{err: errors.New("disk is gone")}).run(t, "", "export", "--output", path); got.code != cli.ExitFailure || got.out != "" {
		t.Errorf("got %+v; want 1 and no report", got)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file: %v; want none", err)
	}
}

func TestExportToStandardOutput(t *testing.T) {
	t.Parallel()
	if got := (&mover{}).run(t, "", "export", "-o", "-"); got.code != cli.ExitOK || got.out != "rows\n" || got.err != moved {
		t.Errorf("got %+v; want the rows alone, and the report beside", got)
	}
	if got := (&mover{}).run(t, "", "export"); got.code != cli.ExitUsage || !strings.Contains(got.err, "--output is missing") {
		t.Errorf("without a target: %+v", got)
	}
}

// What a shell makes of standard output would be for everybody to read.
func TestTheExampleOfAnExportKeepsItPrivate(t *testing.T) {
	t.Parallel()
	got := (&mover{}).run(t, "", "export", "--help")
	for line := range strings.Lines(got.out) {
		if strings.Contains(line, "> ") && !strings.Contains(line, "umask 077") {
			t.Errorf("without umask 077: %s", line)
		}
	}
	if !strings.Contains(got.out, "umask 077") {
		t.Errorf("got %+v; want an example with umask 077", got)
	}
}

// A pipe that nobody writes into must not keep the command from ending.
func TestReadingStandardInputEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"import", "-"}, {"user", "import", "--format", "jsonl", "-"}} {
		in, open := io.Pipe()
		ctx, interrupt := context.WithCancel(t.Context())
		actions := (&calls{}).actions()
		actions.Import = func(_ context.Context, _ cli.Config, r io.Reader, _ func(ports.TransferReport)) (ports.TransferReport, error) {
			_, err := io.ReadAll(r)
			return nil, err
		}
		actions.ImportUsers = func(_ context.Context, _ cli.Config, rows iter.Seq2[account.ImportRow, error], _ account.ImportOptions) (account.ImportReport, error) {
			for _, err := range rows {
				return account.ImportReport{}, err
			}
			return account.ImportReport{}, nil
		}
		go func() {
			_, _ = io.WriteString(open, "{") // returns when it was read
			interrupt()
		}()
		var stdout, stderr bytes.Buffer
		code := cli.Run(ctx, actions, cli.Streams{In: in, Out: &stdout, Err: &stderr}, args)
		if code != cli.ExitFailure || !strings.Contains(stderr.String(), "interrupted") {
			t.Errorf("%v: exit code %d, %q; want it interrupted", args, code, stderr.String())
		}
		_ = open.Close()
	}
}

func TestImportReadsFileOrStandardInput(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "all.jsonl", "from the file", 0o600)
	for _, c := range []struct{ from, want string }{{path, "from the file"}, {"-", "from the pipe"}} {
		m := &mover{}
		got := m.run(t, "from the pipe", "import", "--json", c.from)
		want := `[{"table":"accounts","rows":3,"sum":"0123456789abcdef0123"},{"table":"sessions","rows":0,"sum":"ff"}]`
		if got.code != cli.ExitOK || strings.Join(strings.Fields(got.out), "") != want || m.got != c.want {
			t.Errorf("%s: got %+v with %q; want %s", c.from, got, m.got, want)
		}
	}
	if got := (&mover{}).run(t, "", "import", filepath.Join(t.TempDir(), "none")); got.code != cli.ExitFailure || !strings.Contains(got.err, "no such file") {
		t.Errorf("no file: %+v", got)
	}
	if got := (&mover{err: ports.ErrNotEmpty}).run(t, "", "import", path); got.code != cli.ExitFailure || got.out != "" {
		t.Errorf("a failure: %+v", got)
	}
}
