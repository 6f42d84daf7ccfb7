package entstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"authserve/core/domain"
	"authserve/ent"
	"authserve/ports"
)

// ErrSchemaNewer says that a newer version of the program migrated the database.
var ErrSchemaNewer = domain.NewError(domain.KindUnavailable, "schema_newer", "The schema of the database is newer than this program.")

// errClosed: a Tx was used after its door had closed. It is a bug of the caller.
var errClosed = domain.NewError(domain.KindInternal, "store_tx_closed", "A transaction was used after its end.")

// translate turns an error of Ent, database/sql or the driver into one of ports.
func (s *Store) translate(ctx context.Context, err error) error {
	return s.translateKey(ctx, err, primaryKey)
}

// primaryKey is what callers call most primary keys.
const primaryKey = "id"

// translateKey is translate where the primary key has another name for callers.
func (s *Store) translateKey(ctx context.Context, err error, primary string) error {
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
	}
	f, _ := s.engine.fault(err)
	switch f.kind {
	case referenceFault:
		return ports.ErrNotFound.Wrap(err)
	case uniqueFault:
		return ports.Conflict(conflictField(f.key, primary)).Wrap(err)
	case otherFault, transientFault, unusableFault:
	}
	return unavailable(s.engine, err)
}

// unavailable is ErrUnavailable, with ErrUnusable inside where err is a fault that
// waiting does not mend.
func unavailable(e engine, err error) error {
	if f, _ := e.fault(err); f.kind == unusableFault {
		err = ports.ErrUnusable.Wrap(err)
	}
	return ports.ErrUnavailable.Wrap(err)
}

// isTransient reports whether the transaction lost against another one.
func (s *Store) isTransient(err error) bool {
	f, _ := s.engine.fault(err)
	return f.kind == transientFault
}

// conflictField names the field of a unique value as ports does.
func conflictField(key, primary string) string {
	switch key {
	case "accounts_email_canonical", "accounts.email_canonical", "accounts.accounts_email_canonical":
		return "email"
	case "accounts_username_canonical", "accounts.username_canonical", "accounts.accounts_username_canonical":
		return "username"
	case "one_time_tokens_slot", "one_time_tokens.one_time_tokens_slot",
		"one_time_tokens.account_id, one_time_tokens.purpose, one_time_tokens.slot":
		return "slot"
	default:
		return primary
	}
}
