package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"authserve/adapters/inbound/cli"
	"authserve/core/account"
)

// openPTY returns both ends of a new pseudo terminal.
func openPTY(t *testing.T) (user, program *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { _ = user.Close() })
	fd := int(user.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatalf("TIOCGPTN: %v", err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatalf("TIOCSPTLCK: %v", err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return user, program
}

func echoes(t *testing.T, f *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Errorf("TCGETS: %v", err)
		return false
	}
	return state.Lflag&unix.ECHO != 0
}

func TestPasswordFromTerminal(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, typed string
		code        int
		password    string
		err         string
	}{
		{"twice the same", "s3cret\ns3cret\n", 0, "s3cret", ""},
		{"two different", "s3cret\nsecret\n", 1, "", "the two passwords differ"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			user, program := openPTY(t)
			if _, err := io.WriteString(user, c.typed); err != nil {
				t.Fatal(err)
			}
			r := &calls{}
			var stdout, stderr bytes.Buffer
			code := cli.Run(t.Context(), r.actions(), cli.Streams{In: program, Out: &stdout, Err: &stderr},
				strings.Fields("user create --email a@b.c --role admin"))
			if code != c.code || r.account.Password.Reveal() != c.password || !strings.Contains(stderr.String(), c.err) {
				t.Errorf("code %d, password %q, stderr %q; want %d, %q, %q", code, r.account.Password.Reveal(), stderr.String(), c.code, c.password, c.err)
			}
			if strings.Contains(stdout.String()+stderr.String(), c.typed[:6]) {
				t.Errorf("the password was shown: %q %q", stdout.String(), stderr.String())
			}
			if !echoes(t, program) {
				t.Error("the terminal was left without echo")
			}
		})
	}
}

func TestInterruptedPromptGivesTheEchoBack(t *testing.T) {
	t.Parallel()
	_, program := openPTY(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for ctx.Err() == nil && echoes(t, program) {
			runtime.Gosched()
		}
		cancel()
	}()
	var stderr bytes.Buffer
	code := cli.Run(ctx, (&calls{}).actions(), cli.Streams{In: program, Out: io.Discard, Err: &stderr},
		strings.Fields("user create --email a@b.c --role admin"))
	cancel()
	<-watched
	if code != cli.ExitFailure || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("code %d, stderr %q; want 1 and that it was interrupted", code, stderr.String())
	}
	if !echoes(t, program) {
		t.Error("the terminal was left without echo")
	}
}

func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	user, program := openPTY(t)
	shown := make(chan struct{})
	screen := make(chan string, 1)
	go func() {
		var all []byte
		for buffer := make([]byte, 1024); ; {
			n, err := user.Read(buffer)
			before := bytes.Contains(all, []byte(" rows: "))
			all = append(all, buffer[:n]...)
			if !before && bytes.Contains(all, []byte(" rows: ")) {
				close(shown)
			}
			if err != nil {
				screen <- string(all)
				return
			}
		}
	}()
	actions := (&calls{}).actions()
	actions.ImportUsers = func(ctx context.Context, _ cli.Config, _ iter.Seq2[account.ImportRow, error], o account.ImportOptions) (account.ImportReport, error) {
		report := account.ImportReport{Rows: 6, Imported: 1, AlreadyImported: 2, Refused: 3}
		for batches := time.NewTicker(20 * time.Millisecond); ; {
			o.Progress(report)
			select {
			case <-shown:
				err := o.Refused(account.Refusal{Line: 7, Code: "c", Message: "m"})
				o.Progress(report)
				return report, err
			case <-ctx.Done():
				return report, ctx.Err()
			case <-batches.C:
			}
		}
	}
	cli.Run(t.Context(), actions, cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: program}, strings.Fields("user import --format jsonl -"))
	if err := program.Close(); err != nil {
		t.Fatal(err)
	}
	const (
		line    = "\r\x1b[K6 rows: 1 imported, 2 imported before, 3 refused"
		refusal = "\r\x1b[K{\"line\":7,\"code\":\"c\",\"message\":\"m\"}\r\n"
		end     = "authserve: 3 rows were refused\r\n"
	)
	got := <-screen
	if rest := strings.ReplaceAll(got, line, ""); !strings.HasPrefix(rest, refusal) || !strings.HasSuffix(rest, end) {
		t.Errorf("the terminal got %q; want %q some times, %q on a line of its own, and %q", got, line, refusal, end)
	}
}
