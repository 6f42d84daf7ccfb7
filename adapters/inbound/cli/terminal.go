package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"authserve/core/domain"
)

// terminal asks questions whose answers must not be seen.
type terminal struct {
	fd  int
	out io.Writer
}

// openTerminal returns the terminal that in is, if it is one.
func openTerminal(in io.Reader, out io.Writer) (terminal, bool) {
	f, ok := in.(*os.File)
	if !ok {
		return terminal{}, false
	}
	fd := int(f.Fd())
	return terminal{fd: fd, out: out}, term.IsTerminal(fd)
}

// readPassword asks for one line without echo. When ctx ends or a signal arrives
// it gives the echo back before it returns; the read that is left behind ends
// with the process.
func (t terminal) readPassword(ctx context.Context, prompt string) (domain.Secret, error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	before, err := term.GetState(t.fd)
	if err != nil {
		return domain.Secret{}, fmt.Errorf("terminal: %w", err)
	}
	if _, err := fmt.Fprint(t.out, prompt); err != nil {
		return domain.Secret{}, err
	}
	type answer struct {
		line []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(t.fd)
		answers <- answer{line, err}
	}()
	select {
	case a := <-answers:
		_, _ = fmt.Fprintln(t.out)
		if a.err != nil {
			return domain.Secret{}, fmt.Errorf("read the password: %w", a.err)
		}
		return domain.NewSecret(string(a.line)), nil
	case <-ctx.Done():
		_, _ = fmt.Fprintln(t.out)
		if err := term.Restore(t.fd, before); err != nil {
			return domain.Secret{}, fmt.Errorf("terminal: %w", err)
		}
		return domain.Secret{}, ctx.Err()
	}
}
