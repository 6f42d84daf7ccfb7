package queue_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"authserve/adapters/outbound/passhash/queue"
	"authserve/adapters/outbound/system"
	"authserve/core/domain"
	"authserve/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ordinary is the ticket of the tests in which all jobs are alike.
var ordinary = queue.Ticket{Kind: "argon2id"}

// of is the ticket of the tests that tell networks apart.
func of(network string) queue.Ticket { return queue.Ticket{Network: network, Kind: "argon2id"} }

// late is the ticket of background work.
func late(network string) queue.Ticket {
	return queue.Ticket{Network: network, Kind: "argon2id", Background: true}
}

func newQueue(tb testing.TB, cfg queue.Config) *queue.Queue {
	tb.Helper()
	q, err := queue.New(cfg, system.Clock{}) // in a bubble, the bubble's
	if err != nil {
		tb.Fatalf("New: %v", err)
	}
	tb.Cleanup(q.Close)
	return q
}

// work is what a job does.
type work = func(slot int) (bool, error)

func nothing(int) (bool, error) { return true, nil }

// lasting is work that takes d by the bubble's clock.
func lasting(d time.Duration) work {
	return func(int) (bool, error) { <-time.After(d); return true, nil }
}

func unreachable(t *testing.T) work {
	t.Helper()
	return func(int) (bool, error) { t.Error("refused work was done"); return true, nil }
}

// occupy brings n jobs that run until the returned function is called.
func occupy(ctx context.Context, q *queue.Queue, n int, ticket queue.Ticket) (release func()) {
	stop := make(chan struct{})
	for range n {
		go func() {
			_, _ = queue.Do(ctx, q, ticket, func(int) (bool, error) { <-stop; return true, nil })
		}()
	}
	synctest.Wait()
	return sync.OnceFunc(func() { close(stop) })
}

// doFor is Do for a caller with a deadline.
func doFor(t *testing.T, q *queue.Queue, limit time.Duration, ticket queue.Ticket, w work) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	_, err := queue.Do(ctx, q, ticket, w)
	return err
}

// later does work in a goroutine and returns where its error will be, and waits until
// the job has come.
func later(t *testing.T, q *queue.Queue, ticket queue.Ticket, w work) *result {
	t.Helper()
	var r result
	go func() {
		_, err := queue.Do(t.Context(), q, ticket, w)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ended, r.err = true, err
	}()
	synctest.Wait()
	return &r
}

// result is how a job ended, if it has.
type result struct {
	mu    sync.Mutex
	ended bool
	err   error
}

func (r *result) get() (ended bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended, r.err
}

// teach lets q measure one job.
func teach(t *testing.T, q *queue.Queue, d time.Duration) {
	t.Helper()
	if _, err := queue.Do(t.Context(), q, ordinary, lasting(d)); err != nil {
		t.Fatal(err)
	}
}

// retryAfter is what an ErrOverloaded tells, 0 for any other error.
func retryAfter(err error) time.Duration {
	var e *domain.Error
	if !errors.Is(err, ports.ErrOverloaded) || !errors.As(err, &e) {
		return 0
	}
	return e.RetryAfter
}

// checkEmpty tells whether q has forgotten all that came.
func checkEmpty(t *testing.T, q *queue.Queue) {
	t.Helper()
	if running, waiting := q.Depth(); running != 0 || waiting != 0 {
		t.Errorf("got %d running and %d waiting, want none", running, waiting)
	}
	if got := queue.Networks(q); got != 0 {
		t.Errorf("got %d networks remembered, want none", got)
	}
	if got := queue.Admitted(q); got != 0 {
		t.Errorf("got %d jobs counted by the estimates, want none", got)
	}
	if got := q.Wait(); got != 0 {
		t.Errorf("got a wait of %v, want none", got)
	}
}

// journal collects what the hooks tell.
type journal struct {
	mu     sync.Mutex
	waited []time.Duration
	whys   map[queue.Reason]int
}

func (j *journal) events() queue.Events {
	return queue.Events{
		Waited: func(_ context.Context, _ queue.Ticket, d time.Duration) {
			j.mu.Lock()
			defer j.mu.Unlock()
			j.waited = append(j.waited, d)
		},
		Refused: func(_ context.Context, _ queue.Ticket, why queue.Reason) {
			j.mu.Lock()
			defer j.mu.Unlock()
			if j.whys == nil {
				j.whys = map[queue.Reason]int{}
			}
			j.whys[why]++
		},
	}
}

// refused returns how many jobs were refused for why, and for any reason.
func (j *journal) refused(why queue.Reason) (n, all int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, count := range j.whys {
		all += count
	}
	return j.whys[why], all
}
