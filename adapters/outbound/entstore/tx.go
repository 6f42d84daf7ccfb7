package entstore

import (
	"context"
	"database/sql"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"authserve/core/domain"
	"authserve/ent"
	"authserve/ports"
)

// View implements ports.Store with a read transaction on the readers.
func (s *Store) View(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	stx, err := s.reader.BeginTx(ctx, nil)
	if err != nil {
		return translate(ctx, err)
	}
	// There is nothing to commit, so the outcome of the end says nothing.
	defer func() { _ = stx.Rollback() }()
	return fn(ctx, &tx{sql: stx, denied: ports.ErrReadOnly})
}

// Update implements ports.Store with a write transaction on the one writer. While
// another process holds the lock it tries again, until the busy timeout or the
// context ends.
func (s *Store) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	for attempts := s.settings.busyTimeout / busyStep; ; attempts-- {
		err := s.update(ctx, fn)
		if !isBusy(err) || attempts <= 1 || ctx.Err() != nil {
			return err
		}
	}
}

func (s *Store) update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	stx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return translate(ctx, err)
	}
	// After the commit this does nothing; before it stand an error, a panic or
	// runtime.Goexit inside fn.
	defer func() { _ = stx.Rollback() }()
	t := &tx{sql: stx}
	if err := fn(ctx, t); err != nil {
		return err
	}
	if t.denied != nil {
		return t.denied
	}
	return translate(ctx, stx.Commit())
}

// tx is one open door.
type tx struct {
	sql *sql.Tx
	ent *ent.Client // see client
	// denied is why nothing may be written: the door is View, or an earlier
	// statement failed in a way after which SQLite may have rolled back by itself,
	// so that later ones would be transactions of their own.
	denied error
}

var _ ports.Tx = (*tx)(nil)

// client is Ent inside the transaction. Many a View does without.
func (t *tx) client() *ent.Client {
	if t.ent == nil {
		t.ent = ent.NewClient(ent.Driver(begun{entsql.NewDriver(dialect.SQLite, entsql.Conn{ExecQuerier: t.sql})}))
	}
	return t.ent
}

// write returns the client for a method that writes.
func (t *tx) write() (*ent.Client, error) {
	if t.denied != nil {
		return nil, t.denied
	}
	return t.client(), nil
}

// begun is a driver inside a transaction that has begun: where Ent would begin one
// of its own, for a write of several statements, it goes on in this one.
type begun struct{ *entsql.Driver }

var _ dialect.Driver = begun{}

// Tx implements dialect.Driver.
func (d begun) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(d), nil }

// fault translates the error of a statement and remembers whether the
// transaction can go on.
func (t *tx) fault(ctx context.Context, err error) error {
	err = translate(ctx, err)
	if t.denied == nil && domain.KindOf(err) == domain.KindUnavailable && err != nil {
		t.denied = err
	}
	return err
}

// Accounts implements ports.Tx.
func (t *tx) Accounts() ports.Accounts { return accounts{t} }

// Credentials implements ports.Tx.
func (t *tx) Credentials() ports.Credentials { return credentials{t} }

// Sessions implements ports.Tx.
func (t *tx) Sessions() ports.Sessions { return sessions{t} }

// Keys implements ports.Tx.
func (t *tx) Keys() ports.Keys { return keys{t} }

// Outbox implements ports.Tx.
func (t *tx) Outbox() ports.Outbox { return outbox{t} }

// Audit implements ports.Tx.
func (t *tx) Audit() ports.Audit { return audit{t} }

// Idempotency implements ports.Tx.
func (t *tx) Idempotency() ports.Idempotency { return idempotency{t} }

// Imports implements ports.Tx.
func (t *tx) Imports() ports.Imports { return imports{t} }

// Guards implements ports.Tx.
func (t *tx) Guards() ports.Guards { return guards{t} }
