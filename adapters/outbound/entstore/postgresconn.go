package entstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"

	"authserve/ports"
)

// postgresConnector names what the driver leaves to guess.
type postgresConnector struct {
	driver.Connector
	encrypted bool // always: the other errors of a try without TLS stand beside its refusal
}

var _ driver.Connector = postgresConnector{}

// Connect implements driver.Connector.
func (c postgresConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	return conn, c.explain(err)
}

var errNotPostgres = errors.New("the server does not speak the protocol of PostgreSQL (URLs of MySQL and MariaDB begin with mysql://)")

// explain goes by the driver's texts: these errors have no type.
func (c postgresConnector) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), "received unexpected message"):
		return ports.ErrUnusable.Wrap(errNotPostgres) // what the driver says of it is cut off
	case c.encrypted && strings.Contains(err.Error(), "server refused TLS connection"):
		return ports.ErrUnusable.Wrap(err)
	default:
		return err
	}
}
