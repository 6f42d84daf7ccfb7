package userfile

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"authserve/core/account"
)

func (f *File) openCSV(in io.Reader) error {
	limited := &rowLimiter{in: in, left: 2 * maxRow}
	buffered := bufio.NewReaderSize(limited, maxRow)
	if mark, err := buffered.Peek(len(byteOrderMark)); err == nil && string(mark) == byteOrderMark {
		_, _ = buffered.Discard(len(byteOrderMark))
	}
	reader := csv.NewReader(buffered)
	reader.ReuseRecord = true
	header, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("the file is empty: its first line must name the columns")
	}
	if err != nil {
		return fmt.Errorf("the names of the columns: %w", err)
	}
	columns, err := f.columns(header)
	if err != nil {
		return err
	}
	rows := &csvRows{reader: reader, columns: columns, line: 1}
	f.rows = all(func() (account.ImportRow, error) {
		limited.left = maxRow
		return rows.next()
	})
	return nil
}

// csvRows reads the rows below the header.
type csvRows struct {
	reader  *csv.Reader
	columns []column
	line    int // of the last row
}

func (c *csvRows) next() (account.ImportRow, error) {
	cells, err := c.reader.Read()
	var wrong *csv.ParseError
	switch {
	case errors.Is(err, csv.ErrFieldCount) && errors.As(err, &wrong):
		return malformed(wrong.StartLine, "The row has more or fewer columns than the header.")
	case errors.As(err, &wrong):
		return malformed(wrong.StartLine, fmt.Sprintf("The quotes are not as RFC 4180 has them, or one is missing; left out up to line %d.", wrong.Line))
	case err != nil:
		return account.ImportRow{}, fmt.Errorf("after the row on line %d: %w", c.line, err)
	}
	c.line, _ = c.reader.FieldPos(0)
	b := builder{row: account.ImportRow{Line: c.line}}
	for i, column := range c.columns {
		if !column.known {
			continue
		}
		if !utf8.ValidString(cells[i]) {
			return malformed(c.line, "The row is not valid UTF-8.")
		}
		b.set(column.field, column.name, value{text: cells[i]})
	}
	return b.finish()
}

// rowLimiter fails when one row needs too much: a quote that is opened and not
// closed takes all that follows for one value.
type rowLimiter struct {
	in   io.Reader
	left int
}

var errLongRow = errors.New("a row is longer than 64 KiB: a quote may be missing")

// Read implements io.Reader.
func (l *rowLimiter) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errLongRow
	}
	n, err := l.in.Read(p)
	l.left -= n
	return n, err
}
