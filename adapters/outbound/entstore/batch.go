package entstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/mattn/go-sqlite3"

	"authserve/ports"
)

// mostTurns bounds how many transactions share one commit, and with it how long the
// first of them waits for the others.
const mostTurns = 32

// batches lets the transactions of SQLite's one writer share their commits, whose price
// is that of the disk: whoever ends while others wait leaves SQLite's transaction open,
// the next goes on inside it, in a savepoint of its own, and the last one commits. None
// returns before that, so what is acknowledged lasts as before, and nobody outside sees
// less than all of one. Where nobody waits, everything is as without.
//
// A transaction that fails takes itself back to its savepoint. In the rare case in
// which SQLite rolls back everything (a write that is interrupted, a full disk), those
// before it in the batch run again, as Update may.
type batches struct {
	intact func() error // fails where what is committed now would be lost
	turns  turns
	// What follows belongs to whoever has the connection.
	open    *batch // nil: SQLite's transaction has not begun
	patient bool   // the end that comes now leaves the batch open
}

// batch is one transaction of SQLite.
type batch struct {
	conn    batchConn
	turns   int           // savepoints, and what came before the first
	members int           // those that count on its commit
	ended   chan struct{} // closed when it is committed or rolled back
	err     error         // then: why nothing of it was kept
}

// errBatchLost makes those run again whose batch somebody else spoiled.
var errBatchLost = fmt.Errorf("another transaction of the batch took it back: %w", sqlite3.Error{Code: sqlite3.ErrBusy})

// wait returns what became of the batch.
func (b *batch) wait(ctx context.Context) error {
	select {
	case <-b.ended:
		return b.err
	default:
	}
	select {
	case <-b.ended:
		return b.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// batchConn is the writer's connection.
type batchConn struct {
	*sqlite3.SQLiteConn
	batches *batches
}

var _ driver.ConnBeginTx = batchConn{}

// BeginTx implements driver.ConnBeginTx: it joins the open batch, or opens one.
func (c batchConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if c.batches.open != nil && c.AutoCommit() { // a savepoint would begin a transaction of its own
		_ = c.lost()
	}
	open := c.batches.open
	if open == nil {
		if _, err := c.SQLiteConn.BeginTx(ctx, opts); err != nil {
			return nil, err
		}
		c.batches.open = &batch{conn: c, turns: 1, ended: make(chan struct{})}
		return batchTx{c}, nil
	}
	open.turns++
	if err := c.exec("SAVEPOINT member"); err != nil { //nolint:contextcheck // others share what an interruption would spoil
		return nil, errors.Join(err, c.end("ROLLBACK", errBatchLost)) //nolint:contextcheck // as above
	}
	return batchTx{c}, nil
}

// Close implements driver.Conn.
func (c batchConn) Close() error {
	if c.batches.open != nil {
		_ = c.end("ROLLBACK", errBatchLost)
	}
	return c.SQLiteConn.Close()
}

func (c batchConn) exec(statement string) error {
	_, err := c.ExecContext(context.Background(), statement, nil)
	return err
}

// commit ends the batch with all that its members wrote.
func (c batchConn) commit() error {
	if c.AutoCommit() {
		return c.lost()
	}
	if err := c.batches.intact(); err != nil {
		err = ports.ErrUnusable.Wrap(err)
		return errors.Join(err, c.end("ROLLBACK", err))
	}
	return c.end("COMMIT", nil)
}

// end ends SQLite's transaction and tells the members. Errors: of the statement.
func (c batchConn) end(statement string, verdict error) error {
	open := c.batches.open
	c.batches.open = nil
	err := c.exec(statement)
	if err != nil && !c.AutoCommit() {
		_ = c.exec("ROLLBACK")
	}
	open.err = errors.Join(verdict, err)
	close(open.ended)
	return err
}

// batchTx is one transaction of a batch.
type batchTx struct{ batchConn }

// Commit implements driver.Tx.
func (t batchTx) Commit() error {
	open, patient := t.batches.open, t.patience()
	if t.AutoCommit() {
		return t.lost()
	}
	if open.members > 0 {
		if err := t.exec("RELEASE member"); err != nil {
			return errors.Join(err, t.end("ROLLBACK", errBatchLost))
		}
	}
	open.members++
	if patient {
		return nil
	}
	return t.commit()
}

// Rollback implements driver.Tx.
func (t batchTx) Rollback() error {
	open, patient := t.batches.open, t.patience()
	if t.AutoCommit() {
		return t.lost()
	}
	if open.members == 0 {
		return t.end("ROLLBACK", nil)
	}
	if err := errors.Join(t.exec("ROLLBACK TO member"), t.exec("RELEASE member")); err != nil {
		return errors.Join(err, t.end("ROLLBACK", errBatchLost))
	}
	if patient {
		return nil
	}
	return t.commit()
}

func (t batchTx) patience() bool {
	patient := t.batches.patient
	t.batches.patient = false
	return patient
}

// lost tells the members that SQLite has rolled back by itself.
func (c batchConn) lost() error {
	open := c.batches.open
	c.batches.open = nil
	open.err = errBatchLost
	close(open.ended)
	return errBatchLost
}

// turns is whose turn it is to write, first come first served.
type turns struct {
	mu    sync.Mutex
	taken bool
	queue []chan struct{}
}

// take waits for the turn. Errors: ctx ended before it came. Beside an error mine tells
// that it came all the same, and must be given on.
func (t *turns) take(ctx context.Context) (mine bool, err error) {
	t.mu.Lock()
	if !t.taken {
		t.taken = true
		t.mu.Unlock()
		return true, nil
	}
	turn := make(chan struct{})
	t.queue = append(t.queue, turn)
	t.mu.Unlock()
	select {
	case <-turn:
		return true, nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	at := slices.Index(t.queue, turn)
	if at >= 0 {
		t.queue = slices.Delete(t.queue, at, at+1)
	}
	t.mu.Unlock()
	if at < 0 { // somebody is about to give it
		<-turn
	}
	return at < 0, ctx.Err()
}

// next takes the longest waiting one off the queue; nil: nobody waits. It must be
// called with the turn, which the caller gives to the result by closing it.
func (t *turns) next() chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) == 0 {
		return nil
	}
	turn := t.queue[0]
	t.queue = slices.Delete(t.queue, 0, 1)
	return turn
}

// waiting is how many wait.
func (t *turns) waiting() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.queue)
}

// release gives the turn on.
func (t *turns) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) == 0 {
		t.taken = false
		return
	}
	close(t.queue[0])
	t.queue = slices.Delete(t.queue, 0, 1)
}
