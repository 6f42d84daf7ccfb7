package cli

import (
	"context"
	"io"
)

// until reads what r has, and fails with ctx's error as soon as ctx ends, also while r
// waits: nobody may ever write into a pipe or type on a terminal. Nothing is read from r
// before the first Read. done gives up what was not read; a read of r that still waits
// goes on until r ends or the process does.
func until(ctx context.Context, r io.Reader) (reader io.Reader, done func()) {
	out, in := io.Pipe()
	stop := context.AfterFunc(ctx, func() { _ = in.CloseWithError(ctx.Err()) }) // never fails
	return &untilReader{from: r, to: in, PipeReader: out}, func() {
		stop()
		_ = out.Close() // never fails
	}
}

// untilReader starts to read at its first Read.
type untilReader struct {
	*io.PipeReader
	from  io.Reader
	to    *io.PipeWriter
	begun bool
}

var _ io.Reader = (*untilReader)(nil)

// Read implements io.Reader.
func (u *untilReader) Read(p []byte) (int, error) {
	if !u.begun {
		u.begun = true
		go func() {
			_, err := io.Copy(u.to, u.from)
			_ = u.to.CloseWithError(err) // never fails; nil is the end
		}()
	}
	return u.PipeReader.Read(p)
}
