package passhash_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"authserve/adapters/outbound/passhash"
	"authserve/adapters/outbound/system"
	"authserve/core/domain"
	"authserve/ports"
)

func newPool(tb testing.TB, cfg passhash.Config) *passhash.Pool {
	tb.Helper()
	pool, err := passhash.New(cfg, system.Random{}, system.Clock{})
	if err != nil {
		tb.Fatalf("New: %v", err)
	}
	tb.Cleanup(pool.Close)
	return pool
}

// occupy fills n slots with work that runs until the returned function is called.
func occupy(ctx context.Context, pool *passhash.Pool, n int) (release func()) {
	stop := make(chan struct{})
	for range n {
		go func() {
			_, _ = passhash.Run(ctx, pool, func() (bool, error) { <-stop; return true, nil })
		}()
	}
	synctest.Wait()
	return sync.OnceFunc(func() { close(stop) })
}

func TestNoMoreJobsRunThanWorkers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, passhash.Config{Workers: 3, Queue: 100})
		var mu sync.Mutex
		running, most, done := 0, 0, 0
		var callers sync.WaitGroup
		for range 60 {
			callers.Go(func() {
				_, err := passhash.Run(t.Context(), pool, func() (bool, error) {
					mu.Lock()
					running++
					most = max(most, running)
					mu.Unlock()
					<-time.After(time.Second) // of the bubble's clock
					mu.Lock()
					running--
					done++
					mu.Unlock()
					return true, nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		if got := most; got != 3 {
			t.Errorf("got %d jobs at a time, want 3", got)
		}
		if got := done; got != 60 {
			t.Errorf("got %d jobs done, want 60", got)
		}
	})
}

func TestFullQueueRefusesBeforeAnyWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, passhash.Config{Workers: 2, Queue: 3})
		release := occupy(t.Context(), pool, 5)
		_, err := passhash.Run(t.Context(), pool, func() (bool, error) {
			t.Error("refused work was done")
			return true, nil
		})
		var e *domain.Error
		if !errors.Is(err, ports.ErrOverloaded) || !errors.As(err, &e) || e.RetryAfter <= 0 {
			t.Errorf("got %v, want ErrOverloaded with RetryAfter", err)
		}
		release()
		synctest.Wait()
		if got, err := passhash.Run(t.Context(), pool, func() (bool, error) { return true, nil }); !got || err != nil {
			t.Errorf("after the queue emptied: got %v, %v", got, err)
		}
	})
}

func TestCallerThatLeavesTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, passhash.Config{Workers: 1, Queue: 1})
		release := occupy(t.Context(), pool, 1)
		for range 5 { // the place in the queue becomes free each time
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := passhash.Run(ctx, pool, func() (bool, error) {
				t.Error("work was done for a caller that had gone")
				return true, nil
			})
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ports.ErrOverloaded) {
				t.Errorf("got %v, want ErrOverloaded for the deadline", err)
			}
		}
		release()
	})
}

func TestEndedContextDoesNoWork(t *testing.T) {
	t.Parallel()
	pool := newPool(t, passhash.Config{Workers: 1})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pool.Hash(ctx, password(t, "a good password")); !errors.Is(err, context.Canceled) {
		t.Errorf("Hash: got %v, want context.Canceled", err)
	}
	if _, _, err := pool.Verify(ctx, password(t, "a good password"), pool.Dummy()); !errors.Is(err, context.Canceled) {
		t.Errorf("Verify: got %v, want context.Canceled", err)
	}
}

func TestSlotStaysTakenAfterItsCallerLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, passhash.Config{Workers: 1, Queue: 5})
		ctx, cancel := context.WithCancel(t.Context())
		release := occupy(ctx, pool, 1)
		cancel()
		synctest.Wait() // the caller is gone, its work is not

		var ran atomic.Bool
		go func() {
			_, _ = passhash.Run(t.Context(), pool, func() (bool, error) { ran.Store(true); return true, nil })
		}()
		synctest.Wait()
		if ran.Load() {
			t.Error("a second job ran while the abandoned one was under way")
		}
		release()
		synctest.Wait()
		if !ran.Load() {
			t.Error("the slot was not given back")
		}
	})
}

func TestCloseWaitsForAdmittedWorkAndRefusesMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := newPool(t, passhash.Config{Workers: 1, Queue: 5})
		ctx, cancel := context.WithCancel(t.Context())
		release := occupy(ctx, pool, 2)
		var closed atomic.Bool
		go func() { pool.Close(); closed.Store(true) }()
		synctest.Wait()
		if _, err := passhash.Run(t.Context(), pool, func() (bool, error) { return true, nil }); !errors.Is(err, ports.ErrUnavailable) {
			t.Errorf("after Close: got %v, want ErrUnavailable", err)
		}
		cancel() // callers leave; the one job under way goes on
		synctest.Wait()
		if closed.Load() {
			t.Error("Close returned while a job was under way")
		}
		release()
		synctest.Wait()
		if !closed.Load() {
			t.Error("Close did not return after the last job")
		}
	})
}

func TestPanicOfAJobIsAnError(t *testing.T) {
	t.Parallel()
	pool := newPool(t, passhash.Config{Workers: 1})
	_, err := passhash.Run(t.Context(), pool, func() (bool, error) { panic("broken") })
	if err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("got %v, want the panic as an error", err)
	}
	if got, err := passhash.Run(t.Context(), pool, func() (bool, error) { return true, nil }); !got || err != nil {
		t.Errorf("the next job: got %v, %v", got, err)
	}
}

func TestNewNamesEveryFault(t *testing.T) {
	t.Parallel()
	_, err := passhash.New(passhash.Config{
		Algorithm: "md5", Argon2Memory: 1 << 20, BcryptCost: 9, Workers: -1, Queue: -1,
	}, system.Random{}, system.Clock{})
	for _, want := range []string{"md5", "memory", "bcrypt cost", "workers"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that says %q", err, want)
		}
	}
	for name, cfg := range map[string]passhash.Config{
		"little memory": {Argon2Memory: 15, Argon2Parallelism: 2},
		"many passes":   {Argon2Time: 11},
		"many lanes":    {Argon2Parallelism: 9},
		"bcrypt 15":     {BcryptCost: 15},
	} {
		if _, err := passhash.New(cfg, system.Random{}, system.Clock{}); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
