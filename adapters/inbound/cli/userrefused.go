package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unicode"

	"golang.org/x/term"

	"authserve/core/account"
)

// refusedRows writes the rows that an import refuses, as they are found.
type refusedRows struct {
	out      *bufio.Writer
	file     *os.File        // nil: standard error
	progress *importProgress // what must not stand on the same line
	err      error
}

// openRefused writes into a file that only its owner can read, since the rows hold
// addresses, or without a path to standard error.
func openRefused(path string, stderr io.Writer, progress *importProgress) (*refusedRows, error) {
	if path == "" {
		return &refusedRows{out: bufio.NewWriter(stderr), progress: progress}, nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	return &refusedRows{out: bufio.NewWriter(file), file: file}, nil
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
	if r.progress != nil {
		r.progress.end()
	}
	_, err = r.out.Write(append(printable(line), '\n'))
	return errors.Join(r.err, err)
}

// printable escapes what JSON allows and a terminal could obey.
func printable(line []byte) []byte {
	out := make([]byte, 0, len(line))
	for _, c := range string(line) {
		if unicode.IsPrint(c) {
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

func (r *refusedRows) close() error {
	r.flush()
	if r.file == nil {
		return r.err
	}
	return errors.Join(r.err, r.file.Close())
}

// importProgress tells on a terminal how far the import is, about every half second.
type importProgress struct {
	terminal io.Writer // nil: there is none
	due      *time.Ticker
	shown    bool
}

const progressInterval = 500 * time.Millisecond

func newImportProgress(stderr io.Writer) *importProgress {
	p := &importProgress{}
	if f, ok := stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.terminal, p.due = f, time.NewTicker(progressInterval)
	}
	return p
}

// eraseLine goes to the start of the line and clears it (ECMA-48, EL).
const eraseLine = "\r\x1b[K"

func (p *importProgress) show(r account.ImportReport) {
	if p.terminal == nil {
		return
	}
	select {
	case <-p.due.C:
		_, _ = fmt.Fprintf(p.terminal, "%s%d rows: %d imported, %d imported before, %d refused", eraseLine, r.Rows, r.Imported, r.AlreadyImported, r.Refused)
		p.shown = true
	default:
	}
}

// end clears the line for something else.
func (p *importProgress) end() {
	if p.shown {
		_, _ = io.WriteString(p.terminal, eraseLine)
		p.shown = false
	}
}
