package entstore_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/mattn/go-sqlite3"

	"authserve/adapters/outbound/entstore"
)

// TestRefusalsAreToldFromBadDays has what servers at hand do not say: MySQL has other
// numbers than MariaDB, and no test fills a disk of a server.
func TestRefusalsAreToldFromBadDays(t *testing.T) {
	t.Parallel()
	of := func(number uint16, state string) error {
		e := &mysql.MySQLError{Number: number, Message: "Can't create table `x` (errno: 150 \"Foreign key constraint is incorrectly formed\")"}
		copy(e.SQLState[:], state)
		return e
	}
	pg := func(code string) error { return &pgconn.PgError{Code: code} }
	lite := func(code sqlite3.ErrNo) error { return sqlite3.Error{Code: code} }
	full := &mysql.MySQLError{Number: 1005, SQLState: [5]byte([]byte("HY000")), Message: "Can't create table `x` (errno: 28 \"No space left on device\")"}
	for _, database := range []struct {
		url             string
		refusals, other []error
	}{
		{
			"sqlite:///nowhere/x.db",
			[]error{lite(sqlite3.ErrError), lite(sqlite3.ErrConstraint), lite(sqlite3.ErrMismatch), lite(sqlite3.ErrTooBig), lite(sqlite3.ErrRange)},
			[]error{lite(sqlite3.ErrBusy), lite(sqlite3.ErrLocked), lite(sqlite3.ErrFull), lite(sqlite3.ErrIoErr), lite(sqlite3.ErrInterrupt), lite(sqlite3.ErrNomem), lite(sqlite3.ErrSchema)},
		},
		{
			"postgres://u@h/d",
			[]error{pg("42601"), pg("42P01"), pg("42P07"), pg("23505"), pg("23502"), pg("22P02"), pg("2BP01"), pg("0A000"), pg("54011"), pg("P0001")},
			// A lost connection, no connection left, a full disk, a lock that did not come, a
			// cancelled statement, a shutdown, a deadlock, a server that is read only now.
			[]error{pg("08006"), pg("53300"), pg("53100"), pg("55P03"), pg("57014"), pg("57P01"), pg("40001"), pg("40P01"), pg("25006"), pg("")},
		},
		{
			"mysql://u@h/d",
			[]error{
				of(1064, "42000"), of(1146, "42S02"), of(1050, "42S01"), of(1062, "23000"), of(1452, "23000"), of(1138, "22004"), of(1292, "22007"),
				of(1265, "01000"), of(1366, "HY000"), of(1364, "HY000"), of(1215, "HY000"), of(1832, "HY000"), of(1833, "HY000"), of(3780, "HY000"),
				of(3819, "HY000"), of(3822, "HY000"), of(1826, "HY000"), of(4025, "23000"), of(1846, "0A000"), of(1005, "HY000"),
			},
			// A deadlock, a lock that did not come, no connection left for all and for one user, a
			// full disk, a shutdown, a killed statement, a timeout, too many statements, a server
			// that is read only now.
			[]error{
				of(1213, "40001"), of(1205, "HY000"), of(1040, "08004"), of(1203, "42000"), of(1226, "42000"), of(1021, "HY000"), full,
				of(1053, "08S01"), of(1317, "70100"), of(3024, "HY000"), of(1969, "70100"), of(1461, "42000"), of(1290, "HY000"), of(1836, "HY000"),
			},
		},
	} {
		m := newMigrator(t, entstore.Config{URL: database.url})
		for _, err := range database.refusals {
			if !m.Refuses(fmt.Errorf("a step: %w", err)) {
				t.Errorf("%s: %#v is tried again for ever", m.Dialect(), err)
			}
		}
		for _, err := range append(database.other, driver.ErrBadConn, context.DeadlineExceeded, errors.New("read: connection reset by peer")) {
			if m.Refuses(fmt.Errorf("a step: %w", err)) {
				t.Errorf("%s: %#v ends a start", m.Dialect(), err)
			}
		}
	}
}
