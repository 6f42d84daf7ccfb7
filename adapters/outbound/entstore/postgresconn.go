package entstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5/pgconn"

	"authserve/ports"
)

// postgresConnector names what the driver leaves to guess.
type postgresConnector struct {
	driver.Connector
	network, address string // of the server
	encrypted        bool   // always: there is no second try without TLS
}

var _ driver.Connector = postgresConnector{}

// Connect implements driver.Connector.
func (c postgresConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	return conn, c.explain(ctx, err)
}

var errNotPostgres = errors.New("the server speaks the protocol of MySQL, and not that of PostgreSQL: URLs of MySQL and MariaDB begin with mysql://")

// explain listens to a server that answers, but not as PostgreSQL answers a login: the
// driver's errors of that have no type.
func (c postgresConnector) explain(ctx context.Context, err error) error {
	if err == nil || errors.As(err, new(*pgconn.PgError)) || pgconn.Timeout(err) || isDial(err) {
		return err
	}
	said := listen(ctx, c.network, c.address)
	switch {
	case said.isMySQL():
		return ports.ErrUnusable.Wrap(errNotPostgres) // what the driver says of it is cut off
	case c.encrypted && said.refusesTLS():
		return ports.ErrUnusable.Wrap(fmt.Errorf("the server has no TLS: %w", err))
	default:
		return err
	}
}

// isDial reports that no connection came about.
func isDial(err error) bool {
	var failed *net.OpError
	return errors.As(err, &failed) && failed.Op == "dial"
}
