package cli_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"authserve/core/domain"
	"authserve/ports"
)

// Texts of files, of their names and of other programs' schemas reach standard
// error, and must not command the terminal that shows it.
func TestStandardErrorCannotCommandATerminal(t *testing.T) {
	t.Parallel()
	const (
		// An OSC, a carriage return, a C1 CSI as a rune and as a byte, DEL, and a
		// right-to-left override.
		hostile = "Zoë 北京 😀\x1b]0;x\a\r\t\u009b31m\x9b31m\x7f\u202e\U000e0041"
		shown   = `Zoë 北京 😀\u001b]0;x\u0007\u000d\u0009\u009b31m` + "\ufffd" + `31m\u007f\u202e\udb40\udc41`
	)
	plain := errors.New("no such function: " + hostile)
	field := domain.FieldError{Field: hostile, Code: domain.CodeInvalidFormat, Message: hostile}
	for name, c := range map[string]struct {
		err  error
		args []string
		want string
	}{
		"failure":   {plain, []string{"serve"}, "authserve: no such function: " + shown + "\n"},
		"cause":     {ports.ErrUnavailable.Wrap(plain), []string{"serve"}, "\n  cause: no such function: " + shown + "\n"},
		"field":     {domain.Invalid(field), []string{"serve"}, "\n  " + shown + ": " + shown + "\n"},
		"usage":     {nil, []string{"serve", hostile}, "\nRun 'authserve serve --help' for usage.\n"},
		"file name": {nil, []string{"user", "import", "--format", "csv", "absent" + hostile}, "authserve: read absent" + shown + ": no such file or directory\n"},
		"warning":   {nil, []string{"config", "check"}, "warning: mind the gap" + shown + "\n"},
		"lines":     {errors.New("two faults:\n- one\n- two"), []string{"serve"}, "authserve: two faults:\n- one\n- two\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, &calls{err: c.err, warning: hostile}, "", c.args...)
			if !strings.Contains(got.err, c.want) {
				t.Errorf("exit %d, stderr %q; want %q in it", got.code, got.err, c.want)
			}
			if i := strings.IndexFunc(got.err, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("stderr %q holds a control character at byte %d", got.err, i)
			}
		})
	}
}
