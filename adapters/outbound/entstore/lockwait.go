package entstore

import (
	"context"
	"database/sql"
	"sync"
	"time"
)

// patience is how long a wait for the lock of migrations is nobody's business.
const patience = time.Second

// take waits for the lock, and tells plan.waiting when that takes long.
func (plan migrations) take(ctx context.Context, db *sql.DB) (unlock func() error, err error) {
	defer tellWaiting(ctx, plan.waiting, func(ctx context.Context) (string, error) {
		look := plan.look()
		defer func() { _ = look.Close() }()
		return plan.holder(ctx, look)
	})()
	return plan.lock(ctx, db)
}

// tellWaiting tells who holds a lock, once, unless the wait for it ends before patience
// does. The returned function is called at the end of the wait.
func tellWaiting(ctx context.Context, tell func(holder string), holder func(context.Context) (string, error)) (end func()) {
	if tell == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var told sync.WaitGroup
	told.Go(func() {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		who, err := holder(ctx)
		switch {
		case ctx.Err() != nil: // it came meanwhile
		case err != nil || who == "":
			tell("another process")
		default:
			tell(who)
		}
	})
	return func() { cancel(); told.Wait() }
}
