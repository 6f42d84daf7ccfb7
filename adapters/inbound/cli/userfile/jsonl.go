package userfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"authserve/core/account"
)

// byteOrderMark begins files of some Windows programs.
const byteOrderMark = "\ufeff"

func (f *File) openJSONL(in io.Reader) {
	lines := &lineReader{in: bufio.NewReaderSize(in, maxRow)}
	var decoder jsontext.Decoder
	f.rows = all(func() (account.ImportRow, error) {
		line, err := lines.next()
		switch {
		case errors.Is(err, errLongLine):
			return malformed(lines.number, "The line is longer than 64 KiB.")
		case err != nil:
			return account.ImportRow{}, fmt.Errorf("line %d: %w", lines.number, err)
		}
		decoder.Reset(bytes.NewBuffer(line))
		return f.object(&decoder, lines.number)
	})
}

// object reads one line's object. jsontext is strict: RFC 8259, valid UTF-8, no
// name twice.
func (f *File) object(decoder *jsontext.Decoder, line int) (account.ImportRow, error) {
	const notAnObject = "The line is not one JSON object."
	b := builder{row: account.ImportRow{Line: line}}
	token, err := decoder.ReadToken()
	if err != nil || token.Kind() != jsontext.KindBeginObject {
		return malformed(line, notAnObject)
	}
	for decoder.PeekKind() != jsontext.KindEndObject {
		token, err := decoder.ReadToken()
		if err != nil {
			return broken(b, err)
		}
		if err := f.member(&b, decoder, token.String()); err != nil {
			return broken(b, err)
		}
	}
	if _, err := decoder.ReadToken(); err != nil {
		return broken(b, err)
	}
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return malformed(line, notAnObject)
	}
	return b.finish()
}

// member reads the value of one name.
func (f *File) member(b *builder, decoder *jsontext.Decoder, name string) error {
	known, isField := fieldOf(name)
	if !isField {
		f.ignored.add(name)
		return decoder.SkipValue()
	}
	switch decoder.PeekKind() {
	case jsontext.KindBeginObject, jsontext.KindBeginArray:
		if err := decoder.SkipValue(); err != nil {
			return err
		}
		b.set(known, name, value{})
		b.fault(known, account.CodeMalformedRow, "This must not be an object or a list.")
		return nil
	default:
	}
	token, err := decoder.ReadToken()
	if err != nil {
		return err
	}
	v := value{text: token.String(), literal: token.Kind() != jsontext.KindString}
	if token.Kind() == jsontext.KindNull {
		v = value{}
	}
	b.set(known, name, v)
	return nil
}

// broken is the row of a line that is not well-formed, with as much of it as was
// read. The decoder's words are not repeated: they can quote the line.
func broken(b builder, err error) (account.ImportRow, error) {
	message := "The line is not well-formed JSON in UTF-8."
	if errors.Is(err, jsontext.ErrDuplicateName) {
		message = "The line has the same name twice."
	}
	_, fault := malformed(b.row.Line, message)
	return b.row, fault
}

var errLongLine = errors.New("the line is too long")

// lineReader reads lines that are not blank.
type lineReader struct {
	in     *bufio.Reader
	number int // of the last line
}

// next returns a line, which is good until the next call. Errors: errLongLine, after
// which reading can go on, and those of the file, with io.EOF at its end.
func (l *lineReader) next() ([]byte, error) {
	for {
		line, err := l.in.ReadSlice('\n')
		if len(line) == 0 && err != nil {
			return nil, err
		}
		if l.number++; l.number == 1 {
			line = bytes.TrimPrefix(line, []byte(byteOrderMark))
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, l.skip()
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case len(bytes.TrimSpace(line)) > 0:
			return line, nil
		}
	}
}

// skip leaves the rest of a long line behind.
func (l *lineReader) skip() error {
	for {
		switch _, err := l.in.ReadSlice('\n'); {
		case err == nil, errors.Is(err, io.EOF):
			return errLongLine
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}
