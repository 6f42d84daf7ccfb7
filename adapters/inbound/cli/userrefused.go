package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode"

	"authserve/core/account"
)

// refusedRows writes the rows that an import refuses, as they are found. A file
// keeps the report of an earlier import until this one has something to tell.
type refusedRows struct {
	out      *bufio.Writer
	file     *os.File  // nil: standard error
	begun    bool      // there is nothing of an earlier import
	progress *progress // what must not stand on the same line
	err      error
}

// reportStart is what every report begins with; see refusedJSON.
const reportStart = `{"line":`

// openRefused writes into a file that only its owner can read, since the rows hold
// addresses, or without a path to standard error.
func openRefused(path string, stderr io.Writer, progress *progress) (*refusedRows, error) {
	if path == "" {
		return &refusedRows{out: bufio.NewWriter(stderr), begun: true, progress: progress}, nil
	}
	how, regular := os.O_RDWR|os.O_CREATE, true
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		how, regular = os.O_WRONLY, false // who also reads a pipe hears neither that its reader is late nor that it is gone
	}
	file, err := os.OpenFile(path, how, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	if regular {
		if err := checkReport(file); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	return &refusedRows{out: bufio.NewWriter(file), file: file, begun: !regular}, nil
}

// checkReport keeps a slip of the keyboard from emptying a key or a database.
func checkReport(file *os.File) error {
	start := make([]byte, len(reportStart))
	n, err := file.ReadAt(start, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if n > 0 && string(start) != reportStart {
		return usagef("--refused would overwrite a file that is no report of refused rows")
	}
	return nil
}

// begin removes what an earlier import left.
func (r *refusedRows) begin() error {
	if r.begun {
		return nil
	}
	if err := r.file.Chmod(0o600); err != nil && !errors.Is(err, os.ErrPermission) {
		return err // whose file it is decides who may read it
	}
	if err := r.file.Truncate(0); err != nil {
		return err
	}
	r.begun = true
	return nil
}

type refusedJSON struct {
	Line     int    `json:"line"`
	SourceID string `json:"source_id,omitempty"`
	Email    string `json:"email,omitempty"`
	Field    string `json:"field,omitempty"` // none: the row as a whole
	Code     string `json:"code"`
	Message  string `json:"message"`
}

func (r *refusedRows) write(refusal account.Refusal) error {
	line, err := json.Marshal(refusedJSON{
		Line: refusal.Line, SourceID: refusal.SourceID, Email: refusal.Email,
		Field: refusal.Field, Code: string(refusal.Code), Message: refusal.Message,
	})
	if err != nil {
		return err
	}
	if err := r.begin(); err != nil {
		return err
	}
	if r.progress != nil {
		r.progress.end()
	}
	_, err = r.out.Write(append(printable(line), '\n'))
	return errors.Join(r.err, err)
}

// printable escapes, as JSON does, what a terminal could obey: control characters
// but the line break, and what is invisible or turns the direction of the text.
// Bytes that are no UTF-8 become U+FFFD.
func printable(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for _, c := range string(text) {
		if c == '\n' || unicode.IsPrint(c) {
			out = append(out, string(c)...)
			continue
		}
		if c > 0xffff { // a surrogate pair (RFC 8259 section 7)
			c -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+c>>10, 0xdc00+c&0x3ff)
			continue
		}
		out = fmt.Appendf(out, `\u%04x`, c)
	}
	return out
}

// flush brings what was written so far to its reader. A fault is told by the next
// write, or by close.
func (r *refusedRows) flush() { r.err = errors.Join(r.err, r.out.Flush()) }

// close ends the report. That of an import that is complete replaces an earlier one
// also when no row was refused.
func (r *refusedRows) close(complete bool) error {
	if complete {
		r.err = errors.Join(r.err, r.begin())
	}
	r.flush()
	if r.file == nil {
		return r.err
	}
	return errors.Join(r.err, r.file.Close())
}
