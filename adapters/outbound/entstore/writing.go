package entstore

import (
	"context"
	"database/sql"
)

// writing is one transaction of Update. It ends once, by commit, refuse or give.
type writing struct {
	*sql.Tx
	batches *batches // nil: a database that shares commits by itself
	batch   *batch
	ended   bool
}

// begin begins a transaction of its own, or one within a batch: see batches.
func (s *Store) begin(ctx context.Context) (*writing, error) {
	b := s.pools.batches
	if b == nil {
		stx, err := s.pools.writer.BeginTx(ctx, nil)
		return &writing{Tx: stx}, err
	}
	mine, err := b.turns.take(ctx)
	if !mine {
		return nil, err
	}
	// From here on others may count on this turn being used: whatever becomes of ctx,
	// the batch goes on or ends. So statements end with ctx, and the transaction does not.
	stx, beginErr := s.pools.writer.BeginTx(context.WithoutCancel(ctx), nil)
	if beginErr != nil {
		b.turns.release()
		return nil, beginErr
	}
	w := &writing{Tx: stx, batches: b, batch: b.open}
	if err != nil {
		w.give()
		return nil, err
	}
	return w, nil
}

// leave ends the transaction and gives the turn on, with the batch open where somebody
// waits for it.
func (w *writing) leave(end func() error) error {
	w.ended = true
	if w.batches == nil {
		return end()
	}
	var next chan struct{}
	if w.batch.turns < mostTurns {
		next = w.batches.turns.next()
	}
	w.batches.patient = next != nil
	err := end()
	if next != nil {
		close(next)
	} else {
		w.batches.turns.release()
	}
	return err
}

// commit returns when the transaction lasts.
func (w *writing) commit(ctx context.Context) error {
	if w.batches == nil {
		return w.leave(w.Commit)
	}
	if err := ctx.Err(); err != nil {
		w.give()
		return err
	}
	if err := w.leave(w.Commit); err != nil {
		return err
	}
	return w.batch.wait(ctx)
}

// refuse takes the transaction back, since the caller wants no more of it. What the
// caller saw may be of others in the batch: an error tells that it did not last.
func (w *writing) refuse(ctx context.Context) error {
	w.give()
	if w.batch == nil {
		return nil
	}
	if err := w.batch.wait(ctx); ctx.Err() == nil {
		return err
	}
	return nil // nobody waits for more than the refusal
}

// give takes the transaction back, unless it has ended.
func (w *writing) give() {
	if !w.ended {
		_ = w.leave(w.Rollback)
	}
}
