package queue_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"authserve/adapters/outbound/passhash/queue"
	"authserve/adapters/outbound/system"
)

// A thousand callers of 50 networks in closed loops, some of them impatient, for 20
// seconds; the refused wait as long as they are told.
func TestQueueRecoversFromAStorm(t *testing.T) {
	t.Parallel()
	const lasts, period = 30 * time.Millisecond, 20 * time.Second
	synctest.Test(t, func(t *testing.T) {
		var log journal
		q := newQueue(t, queue.Config{Slots: 2, Waiting: 64, Events: log.events()})
		storm, cancel := context.WithTimeout(t.Context(), period)
		defer cancel()
		var c tally
		calls := 0
		var callers sync.WaitGroup
		for i := range 1000 {
			callers.Go(func() {
				for storm.Err() == nil {
					ctx, cancel := context.WithTimeout(storm, time.Duration(1+i%5)*time.Second)
					stays, _ := ctx.Deadline()
					if i%10 == 0 {
						stays = system.Clock{}.Now().Add(100 * time.Millisecond)
						time.AfterFunc(100*time.Millisecond, cancel)
					}
					c.add(&calls)
					ticket := of(strconv.Itoa(i % 50))
					ticket.Background = i%7 == 0
					_, err := queue.Do(ctx, q, ticket, func(int) (bool, error) {
						if now := (system.Clock{}).Now(); now.After(stays) {
							t.Errorf("a job began %v after its caller left", now.Sub(stays))
						}
						<-time.After(lasts)
						if ctx.Err() != nil {
							c.add(&c.wasted)
						}
						return true, nil
					})
					cancel()
					switch after := retryAfter(err); {
					case err == nil:
						c.add(&c.done)
					case after > 0:
						c.add(&c.refused)
						select {
						case <-time.After(after):
						case <-storm.Done():
						}
					case !errors.Is(err, context.Canceled) && storm.Err() == nil:
						t.Errorf("got %v, want ErrOverloaded or the caller's leaving", err)
					}
				}
			})
		}
		callers.Wait()
		<-time.After(lasts) // the last two, whose callers left
		synctest.Wait()
		if capacity := 2 * int(period/lasts); c.done+c.wasted < capacity*95/100 || c.wasted > capacity/50 {
			t.Errorf("got %d jobs done and %d wasted, want nearly %d and next to none", c.done, c.wasted, capacity)
		}
		if c.refused == 0 {
			t.Error("nobody was refused: this was no storm")
		}
		if _, refused := log.refused(queue.QueueFull); refused+len(log.waited) != calls {
			t.Errorf("got %d refusals and %d beginnings told for %d calls", refused, len(log.waited), calls)
		}
		checkEmpty(t, q)
		came := time.Now() //nolint:forbidigo // the bubble's clock
		if err := doFor(t, q, time.Second, ordinary, func(int) (bool, error) {
			if waited := time.Since(came); waited != 0 { //nolint:forbidigo // the bubble's clock
				t.Errorf("the next job waited %v, want it to begin at once", waited)
			}
			<-time.After(lasts)
			return true, nil
		}); err != nil {
			t.Errorf("the next job: %v", err)
		}
		release := occupy(t.Context(), q, 2, ordinary)
		if got := q.Wait(); got != lasts {
			t.Errorf("got a wait of %v for a busy queue, want %v", got, lasts)
		}
		release()
	})
}
