package entstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/mattn/go-sqlite3"

	"authserve/core/domain"
	"authserve/ent"
	"authserve/ports"
)

// ErrSchemaNewer says that a newer version of the program migrated the database.
var ErrSchemaNewer = domain.NewError(domain.KindUnavailable, "schema_newer", "The schema of the database is newer than this program.")

// errClosed: a Tx was used after its door had closed. It is a bug of the caller.
var errClosed = domain.NewError(domain.KindInternal, "store_tx_closed", "A transaction was used after its end.")

// translate turns an error of Ent, database/sql or SQLite into one of ports.
func translate(ctx context.Context, err error) error {
	var fault sqlite3.Error
	switch {
	case err == nil:
		return nil
	case ent.IsNotFound(err), errors.Is(err, sql.ErrNoRows):
		return ports.ErrNotFound.Wrap(err)
	case ctx.Err() != nil:
		// Whatever it looks like (interrupted, transaction done), this is its cause.
		return ports.ErrUnavailable.Wrap(fmt.Errorf("%w: %w", ctx.Err(), err))
	case errors.Is(err, sql.ErrTxDone):
		return errClosed.Wrap(err)
	case errors.As(err, &fault):
		return translateSQLite(fault)
	default:
		return ports.ErrUnavailable.Wrap(err)
	}
}

func translateSQLite(fault sqlite3.Error) error {
	switch {
	case fault.Code == sqlite3.ErrReadonly:
		return ports.ErrReadOnly.Wrap(fault)
	case fault.ExtendedCode == sqlite3.ErrConstraintForeignKey:
		return ports.ErrNotFound.Wrap(fault)
	case fault.ExtendedCode == sqlite3.ErrConstraintUnique, fault.ExtendedCode == sqlite3.ErrConstraintPrimaryKey:
		return ports.Conflict(conflictField(fault)).Wrap(fault)
	default:
		return ports.ErrUnavailable.Wrap(fault)
	}
}

// conflictField names the field of a unique or primary key violation as ports
// does. SQLite names the columns only in its text ("UNIQUE constraint failed:
// accounts.email_canonical"); that the violation is one is known by code.
func conflictField(fault sqlite3.Error) string {
	_, column, _ := strings.Cut(fault.Error(), ": ")
	switch column {
	case "accounts.email_canonical":
		return "email"
	case "accounts.username_canonical":
		return "username"
	case "credentials.id":
		return "account_id"
	case "idempotency_records.id":
		return "key"
	}
	_, name, _ := strings.Cut(column, ".")
	return name
}

// isBusy reports whether another process held the lock for too long.
func isBusy(err error) bool {
	var fault sqlite3.Error
	return errors.As(err, &fault) && (fault.Code == sqlite3.ErrBusy || fault.Code == sqlite3.ErrLocked)
}
