package entstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"authserve/core/domain"
	"authserve/ent"
	"authserve/ports"
)

// View implements ports.Store with a read transaction on the readers.
func (s *Store) View(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	stx, err := s.pools.reader.BeginTx(ctx, nil)
	if err != nil {
		return s.translate(ctx, err)
	}
	// There is nothing to commit, so the outcome of the end says nothing.
	defer func() { _ = stx.Rollback() }()
	return fn(ctx, &tx{Store: s, sql: stx, denied: ports.ErrReadOnly})
}

// Update implements ports.Store with a write transaction. One that lost against
// another one runs again, a bounded number of times: after a deadlock, a
// serialization failure, or while another process holds SQLite's lock.
func (s *Store) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	for n := 1; ; n++ {
		err := s.update(ctx, fn)
		if err == nil || !s.isTransient(err) || ctx.Err() != nil {
			return err
		}
		pause, ok := s.engine.again(n)
		if !ok || !rest(ctx, pause) {
			return err
		}
		s.repeats.Add(ctx, 1)
	}
}

// rest reports whether ctx goes on after the pause.
func rest(ctx context.Context, pause time.Duration) bool {
	if pause == 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Store) update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	w, err := s.begin(ctx)
	if err != nil {
		return s.translate(ctx, err)
	}
	// After the commit this does nothing; before it stand an error, a panic or
	// runtime.Goexit inside fn.
	defer w.give()
	t := &tx{Store: s, sql: w.Tx}
	if err := fn(ctx, t); err != nil {
		if t.denied != nil {
			return err
		}
		if lost := w.refuse(ctx); lost != nil {
			return s.translate(ctx, lost)
		}
		return err
	}
	if t.denied != nil {
		return t.denied
	}
	return s.translate(ctx, w.commit(ctx))
}

// tx is one open door.
type tx struct {
	*Store
	sql *sql.Tx
	ent *ent.Client // see client
	// denied is why nothing may be written: the door is View, or an earlier
	// statement failed in a way after which the database may have rolled back by
	// itself, so that later ones would be transactions of their own.
	denied error
}

var _ ports.Tx = (*tx)(nil)

// client is Ent inside the transaction. Many a View does without.
func (t *tx) client() *ent.Client {
	if t.ent == nil {
		t.ent = ent.NewClient(ent.Driver(begun{entsql.NewDriver(t.engine.dialect(), entsql.Conn{ExecQuerier: t.sql})}))
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
	return t.deny(t.translate(ctx, err))
}

func (t *tx) deny(err error) error {
	if t.denied == nil && domain.KindOf(err) == domain.KindUnavailable && err != nil {
		t.denied = err
	}
	return err
}

// attempt runs a write that a constraint can refuse. Where that happens the
// transaction goes on as if the write had not been tried. primary is what callers
// call the primary key.
func (t *tx) attempt(ctx context.Context, primary string, write func() error) error {
	if t.engine.poisons() {
		if err := t.exec(ctx, "SAVEPOINT attempt"); err != nil {
			return t.fault(ctx, err)
		}
	}
	err := write()
	if err == nil {
		return nil
	}
	err = t.deny(t.translateKey(ctx, err, primary))
	if t.engine.poisons() && t.denied == nil {
		if back := t.exec(ctx, "ROLLBACK TO SAVEPOINT attempt"); back != nil {
			return t.fault(ctx, errors.Join(back, err))
		}
	}
	return err
}

func (t *tx) exec(ctx context.Context, query string, args ...any) error {
	_, err := t.sql.ExecContext(ctx, query, args...)
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

// OneTimeTokens implements ports.Tx.
func (t *tx) OneTimeTokens() ports.OneTimeTokens { return oneTimeTokens{t} }

// Throttles implements ports.Tx.
func (t *tx) Throttles() ports.Throttles { return throttles{t} }

// Erasures implements ports.Tx.
func (t *tx) Erasures() ports.Erasures { return erasures{t} }

// PersonalData implements ports.Tx.
func (t *tx) PersonalData() ports.PersonalData { return personalData{t} }

// Guards implements ports.Tx.
func (t *tx) Guards() ports.Guards { return guards{t} }
