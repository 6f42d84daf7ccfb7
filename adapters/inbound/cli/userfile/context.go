package userfile

import (
	"context"
	"io"
)

// contextReader ends a reading when its context ends, also one that waits for a
// pipe or a terminal. The read that is left behind then ends with the process.
type contextReader struct {
	done   <-chan struct{}
	cause  func() error // once done is closed
	chunks chan chunk
	spare  chan []byte
	rest   []byte // unread part of used
	used   []byte
	err    error
}

type chunk struct {
	data []byte
	err  error
}

func newContextReader(ctx context.Context, in io.Reader) *contextReader {
	r := &contextReader{done: ctx.Done(), cause: ctx.Err, chunks: make(chan chunk), spare: make(chan []byte, 2)}
	for range cap(r.spare) {
		r.spare <- make([]byte, maxRow)
	}
	go r.pump(in)
	return r
}

func (r *contextReader) pump(in io.Reader) {
	for {
		var c chunk
		select {
		case c.data = <-r.spare:
		case <-r.done:
			return
		}
		n, err := in.Read(c.data)
		c.data, c.err = c.data[:n], err
		select {
		case r.chunks <- c:
		case <-r.done:
			return
		}
		if err != nil {
			return
		}
	}
}

// Read implements io.Reader.
func (r *contextReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		if r.used != nil {
			r.spare <- r.used[:cap(r.used)]
			r.used = nil
		}
		select {
		case c := <-r.chunks:
			r.used, r.rest, r.err = c.data, c.data, c.err
		case <-r.done:
			return 0, r.cause()
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
