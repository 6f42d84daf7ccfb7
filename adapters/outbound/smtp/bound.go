package smtp

import (
	"errors"
	"net"
)

// maxReplies is how much a server may say during one message, in bytes, its certificates
// included. Replies are collected in memory.
const maxReplies = 256 << 10

var errTooMuch = errors.New("the server does not come to an end")

// boundedConn refuses to read on after so many bytes. One goroutine reads at a time.
type boundedConn struct {
	net.Conn
	left int
}

// Read implements net.Conn.
func (c *boundedConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTooMuch
	}
	if len(p) > c.left {
		p = p[:c.left]
	}
	n, err := c.Conn.Read(p)
	c.left -= n
	return n, err
}
