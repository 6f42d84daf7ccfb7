package worker_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"authserve/adapters/outbound/passhash/worker"
	"authserve/core/domain"
	"authserve/ports"
)

func inProcess(t *testing.T, slots, atATime int, compute worker.Compute) *worker.Pool {
	t.Helper()
	pool, err := worker.New(worker.Config{Isolation: worker.None, Slots: slots, InProcess: atATime, Compute: compute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func TestConfigNamesEveryFault(t *testing.T) {
	t.Parallel()
	_, err := worker.New(worker.Config{Isolation: "much", Nice: 20, InProcess: -1, Watch: -1})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{`unknown isolation "much"`, "nothing to compute", "slots must be positive", "0 to 19", "negative duration"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to have %q", err, want)
		}
	}
}

func TestInsideTheProcess(t *testing.T) {
	t.Parallel()
	pool := inProcess(t, 2, 1, func(j worker.Job) (worker.Result, error) {
		if j.Settings == "panic" {
			panic("at the disco")
		}
		return worker.Result{Hash: j.Settings + string(j.Password)}, nil
	})
	if got, err := pool.Run(1, worker.Job{Settings: "a", Password: []byte("b")}); got.Hash != "ab" || err != nil {
		t.Errorf("got %+v, %v; want ab", got, err)
	}
	if _, err := pool.Run(0, worker.Job{Settings: "panic"}); err == nil || domain.KindOf(err) != domain.KindInternal {
		t.Errorf("got %v, want an internal error of the panic", err)
	}
	got := pool.State()
	if got.Isolation != worker.None || got.InProcess != 2 || len(got.Children) != 0 || got.Why == "" {
		t.Errorf("got %+v, want two jobs and the reason", got)
	}
	if err := pool.Settle(t.Context()); err != nil {
		t.Error(err)
	}
	pool.Close()
	pool.Close()
	if _, err := pool.Run(0, worker.Job{}); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("after Close: got %v, want %v", err, ports.ErrUnavailable)
	}
}

func TestFewJobsAtATimeInsideTheProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const slots, limit = 16, 3
		release := make(chan struct{})
		var begun atomic.Int64
		pool := inProcess(t, slots, limit, func(worker.Job) (worker.Result, error) {
			begun.Add(1)
			<-release
			return worker.Result{}, nil
		})
		var callers sync.WaitGroup
		for slot := range slots {
			callers.Go(func() {
				if _, err := pool.Run(slot, worker.Job{}); err != nil {
					t.Errorf("slot %d: %v", slot, err)
				}
			})
		}
		for ended := range slots - limit + 1 {
			synctest.Wait()
			if got := begun.Load() - int64(ended); got != limit {
				t.Errorf("after %d jobs: got %d at a time, want %d", ended, got, limit)
			}
			release <- struct{}{}
		}
		close(release)
		callers.Wait()
	})
}

func TestSlotIsNeverShared(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}), make(chan struct{})
	pool := inProcess(t, 2, 2, func(worker.Job) (worker.Result, error) {
		close(begun)
		<-release
		return worker.Result{Match: true}, nil
	})
	var first sync.WaitGroup
	first.Go(func() {
		if got, err := pool.Run(0, worker.Job{}); !got.Match || err != nil {
			t.Errorf("the first job: got %+v, %v", got, err)
		}
	})
	<-begun
	if _, err := pool.Run(0, worker.Job{}); err == nil || !strings.Contains(err.Error(), "two jobs at a time") {
		t.Errorf("got %v, want the second job refused", err)
	}
	close(release)
	first.Wait()
}
