package userfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"

	"authserve/core/account"
	"authserve/core/domain"
)

// Format is how a file holds users.
type Format string

// The formats.
const (
	JSONL  Format = "jsonl"  // one JSON object a line (https://jsonlines.org)
	CSV    Format = "csv"    // RFC 4180, in UTF-8, with a header
	SQLite Format = "sqlite" // a table or view of a database file
)

// Formats lists them all.
func Formats() []Format { return []Format{JSONL, CSV, SQLite} }

// Source is where users are to be read from.
type Source struct {
	Format Format
	Path   string    // of a file; "-": Stdin, which SQLite cannot be read from
	Stdin  io.Reader //
	Table  string    // of SQLite
}

// maxRow bounds a row, in bytes: rows of users are some hundred.
const maxRow = 64 << 10

// File is an open file of users.
type File struct {
	rows    iter.Seq2[account.ImportRow, error]
	close   func() error
	cancel  context.CancelFunc
	ignored names
}

// Open opens s and checks that accounts can be made from what it has. The reading
// ends when ctx does. Close the file after use.
func Open(ctx context.Context, s Source) (*File, error) {
	ctx, cancel := context.WithCancel(ctx)
	f := &File{close: func() error { return nil }, cancel: cancel}
	if err := f.open(ctx, s); err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", s.name(), err), f.Close())
	}
	return f, nil
}

func (s Source) name() string {
	if s.Path == "-" {
		return "standard input"
	}
	return s.Path
}

func (f *File) open(ctx context.Context, s Source) error {
	if s.Format == SQLite {
		return f.openSQLite(ctx, s)
	}
	in := s.Stdin
	if s.Path != "-" {
		file, err := os.Open(s.Path)
		if err != nil {
			return errors.Unwrap(err) // the path is named by Open
		}
		in, f.close = file, file.Close
	}
	in = newContextReader(ctx, in)
	switch s.Format {
	case JSONL:
		f.openJSONL(in)
		return nil
	case CSV:
		return f.openCSV(in)
	default:
		return fmt.Errorf("there is no format %q", s.Format)
	}
}

// Rows reads the rows, once.
func (f *File) Rows() iter.Seq2[account.ImportRow, error] { return f.rows }

// Ignored returns the names of what was left out so far, in the order of their
// first row.
func (f *File) Ignored() []string { return slices.Clone(f.ignored.list) }

// Close closes the file.
func (f *File) Close() error {
	f.cancel()
	return f.close()
}

// all gives what next returns, up to io.EOF or an error that does not concern one
// row alone.
func all(next func() (account.ImportRow, error)) iter.Seq2[account.ImportRow, error] {
	return func(yield func(account.ImportRow, error) bool) {
		for {
			row, err := next()
			if errors.Is(err, io.EOF) || !yield(row, err) {
				return
			}
			if err != nil && !errors.As(err, new(*domain.Error)) {
				return
			}
		}
	}
}

// names collects names that are no fields.
type names struct {
	list []string
	seen map[string]bool
}

// Bounds of what is kept of names that a file chose.
const (
	maxNames   = 100
	maxNameLen = 64 // bytes
)

func (n *names) add(name string) {
	if n.seen[name] || len(n.list) >= maxNames {
		return
	}
	if n.seen == nil {
		n.seen = map[string]bool{}
	}
	n.seen[name] = true
	if len(name) > maxNameLen {
		name = strings.ToValidUTF8(name[:maxNameLen], "") + "..."
	}
	if quoted := strconv.Quote(name); name == "" || quoted != `"`+name+`"` {
		name = quoted // it would not print as one word
	}
	n.list = append(n.list, name)
}
