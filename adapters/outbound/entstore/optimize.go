package entstore

import (
	"context"
	"database/sql"
	"errors"
)

// Optimize lets SQLite renew the statistics by which it plans, where tables have
// grown or shrunk tenfold since it last did; mostly that is nothing. Other databases do
// that by themselves.
//
// 0x10002 is what https://sqlite.org/pragma.html#pragma_optimize advises for a
// connection that does not run the queries itself: all tables are looked at, and
// SQLite bounds how much of each it reads.
func (s *Store) Optimize(ctx context.Context) error {
	if s.pools.batches == nil {
		return nil
	}
	return s.translate(ctx, s.alone(ctx, func(writer *sql.Conn) error {
		_, err := writer.ExecContext(ctx, "PRAGMA optimize=0x10002")
		return err
	}))
}

// alone runs do on SQLite's writer in a turn of its own, outside of any batch: what
// goes wrong in it, an interruption above all, must not be others' loss.
func (s *Store) alone(ctx context.Context, do func(writer *sql.Conn) error) error {
	b := s.pools.batches
	mine, err := b.turns.take(ctx)
	if !mine {
		return err
	}
	defer b.turns.release()
	writer, connErr := s.pools.writer.Conn(context.WithoutCancel(ctx)) // nobody has it without the turn
	if connErr != nil {
		return connErr
	}
	if b.open != nil { // whoever gave the turn on left the end of the batch to us
		_ = b.open.conn.commit() //nolint:contextcheck // its members are told; none of them must lose it to ours
	}
	if err = errors.Join(err, ctx.Err()); err == nil {
		err = do(writer)
	}
	return errors.Join(err, writer.Close())
}
