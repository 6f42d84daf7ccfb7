package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"authserve/adapters/inbound/cli"
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
