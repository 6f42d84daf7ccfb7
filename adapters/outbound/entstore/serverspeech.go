package entstore

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// listenTime bounds listening to a server that did not behave as its URL says.
const listenTime = 2 * time.Second

// speech is the beginning of what a server says.
type speech []byte

// speechLength is that of a packet of MySQL up to what kind of packet it is.
const speechLength = 5

// listen connects and asks for TLS as a client of PostgreSQL does. MySQL speaks before
// it hears that. Empty: nobody says anything.
func listen(ctx context.Context, network, address string) speech {
	ctx, cancel := context.WithTimeout(ctx, listenTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // without it the read ends with the connection
	}
	ask, err := new(pgproto3.SSLRequest).Encode(nil)
	if err != nil {
		return nil
	}
	if _, err := conn.Write(ask); err != nil {
		return nil
	}
	said := make(speech, speechLength)
	n, _ := io.ReadFull(conn, said) // PostgreSQL says one byte, and waits
	return said[:n]
}

// isPostgres: the answer to SSLRequest is one byte (PostgreSQL
// documentation, "SSL Session Encryption").
func (s speech) isPostgres() bool { return string(s) == "S" || s.refusesTLS() }

// refusesTLS: PostgreSQL has none.
func (s speech) refusesTLS() bool { return string(s) == "N" }

// isMySQL: the first packet has the number 0 and is a handshake of version 10 or an
// error (MySQL Source Code Documentation, "Protocol::Handshake").
func (s speech) isMySQL() bool {
	return len(s) == speechLength && s[3] == 0 && (s[4] == 10 || s[4] == 0xff)
}
