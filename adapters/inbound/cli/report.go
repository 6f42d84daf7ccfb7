package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"authserve/core/domain"
)

// usageError is a call that makes no sense.
type usageError struct{ message string }

func (e usageError) Error() string { return e.message }

func usagef(format string, args ...any) error {
	return usageError{message: fmt.Sprintf(format, args...)}
}

// failure marks the error of an action, to tell it from what cobra says of the
// command line.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// action makes the errors of f failures, apart from usage errors.
func action(f func(c *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		err := f(c, args)
		if err == nil || errors.As(err, &usageError{}) {
			return err
		}
		return failure{err}
	}
}

// report tells what went wrong and returns the exit code. What it tells holds texts
// of files, of their names and of other programs.
func report(w io.Writer, c *cobra.Command, err error) int {
	var text bytes.Buffer
	code := describe(&text, c, err)
	_, _ = w.Write(printable(text.Bytes()))
	return code
}

func describe(w *bytes.Buffer, c *cobra.Command, err error) int {
	var failed failure
	if !errors.As(err, &failed) {
		fmt.Fprintf(w, "authserve: %v\nRun '%s --help' for usage.\n", err, c.CommandPath())
		return ExitUsage
	}
	var known *domain.Error
	var refused rowsRefused
	switch {
	case errors.As(err, &refused):
		fmt.Fprintf(w, "authserve: %v\n", refused)
		return ExitRefused
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(w, "authserve: interrupted")
	case errors.As(err, &known):
		fmt.Fprintf(w, "authserve: %s\n", known.Message)
		for _, f := range known.Fields {
			fmt.Fprintf(w, "  %s: %s\n", f.Field, f.Message)
		}
		if cause := known.Unwrap(); cause != nil {
			fmt.Fprintf(w, "  cause: %v\n", cause)
		}
	default:
		fmt.Fprintf(w, "authserve: %v\n", failed.error)
	}
	return ExitFailure
}
