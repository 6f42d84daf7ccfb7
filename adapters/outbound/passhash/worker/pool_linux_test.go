package worker_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"authserve/adapters/outbound/passhash/worker"
	"authserve/core/domain"
	"authserve/ports"
)

func TestAnswersOfChildren(t *testing.T) {
	t.Parallel()
	pool := newPool(t, 2, nil)
	self := strconv.Itoa(os.Getpid())
	cases := []struct {
		name string
		job  worker.Job
		want worker.Result
		err  string
	}{
		{"make", worker.Job{Settings: "make", Salt: []byte("s"), Password: []byte("p")}, worker.Result{Hash: "makesp"}, ""},
		{"match", worker.Job{Settings: "verify", Hash: "p", Password: []byte("p")}, worker.Result{Match: true}, ""},
		{"no match", worker.Job{Settings: "verify", Hash: "p", Password: []byte("q")}, worker.Result{}, ""},
		{"error", worker.Job{Settings: "error"}, worker.Result{}, "hash worker: no such ? thing"},
		{"panic", worker.Job{Settings: "panic"}, worker.Result{}, "hash worker: panic: at the disco"},
		{"answer too long", worker.Job{Settings: "unsendable"}, worker.Result{}, "are too long"},
		{"job too long", worker.Job{Settings: "make", Password: make([]byte, worker.MaxFrame)}, worker.Result{}, "are too long"},
	}
	for slot := range 2 {
		for _, c := range cases {
			got, err := pool.Run(slot, c.job)
			if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s in slot %d: got %+v, %v; want %+v, %q", c.name, slot, got, err, c.want, c.err)
			}
			if err != nil && domain.KindOf(err) != domain.KindInternal {
				t.Errorf("%s: got the kind %v: trouble with the job is no trouble of a dependency", c.name, domain.KindOf(err))
			}
		}
		if got, err := pool.Run(slot, worker.Job{Settings: "who"}); got.Hash == self || got.Hash == "" || err != nil {
			t.Errorf("got process %q, %v; want a child of %s", got.Hash, err, self)
		}
	}
	state := pool.State()
	if len(state.Ended) != 0 || state.InProcess != 0 || len(state.Children) != 2 || state.Isolation != worker.Process {
		t.Errorf("got %+v, want the two first children and no trouble", state)
	}
	if state.Why != "2 of 2 worker processes are ready." {
		t.Errorf("got %q", state.Why)
	}
}

// TestBusyIsNotStopped: a child that works for many watches is left alone.
func TestBusyIsNotStopped(t *testing.T) {
	t.Parallel()
	pool := newPool(t, 1, func(c *worker.Config) { c.Watch, c.Limit = time.Millisecond, time.Hour })
	if got, err := pool.Run(0, worker.Job{Settings: "work"}); !got.Match || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	if got := pool.State(); len(got.Ended) != 0 {
		t.Errorf("got %+v, want no child ended", got)
	}
}

// TestThreads: the thread that asked for the children may end without them.
func TestThreads(t *testing.T) {
	t.Parallel()
	made := make(chan *worker.Pool)
	go func() {
		runtime.LockOSThread() // it ends with the goroutine
		pool, err := worker.New(worker.Config{Isolation: worker.Process, Slots: 2, Compute: compute, Greeting: time.Minute})
		if err != nil {
			t.Error(err)
		}
		made <- pool
	}()
	pool := <-made
	if pool == nil {
		return
	}
	defer pool.Close()
	settle(t, pool)
	for range 100 {
		var done sync.WaitGroup
		done.Go(func() { // many threads come and go
			runtime.LockOSThread()
			mustMake(t, pool, 0)
		})
		done.Wait()
	}
	mustMake(t, pool, 1)
	if got := pool.State(); len(got.Ended) != 0 {
		t.Errorf("got %+v, want no child ended", got)
	}
}

// TestNoJobIsLostOrDoubled: many callers, and children that are killed all the time.
func TestNoJobIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	const slots, callers, each, killEvery = 2, 64, 5, 8
	pool := newPool(t, slots, nil)
	free := make(chan int, slots)
	for slot := range slots {
		free <- slot
	}
	var answers, refused atomic.Int64
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for i := range each {
				if n := answers.Load(); n%killEvery == 0 {
					for _, pid := range pool.State().Children[:min(1, len(pool.State().Children))] {
						_ = syscall.Kill(pid, syscall.SIGKILL)
					}
				}
				password := fmt.Sprintf("%d of %d", i, caller)
				for {
					slot := <-free
					got, err := pool.Run(slot, worker.Job{Settings: "make", Password: []byte(password)})
					free <- slot
					if errors.Is(err, ports.ErrOverloaded) { // both tries were killed
						refused.Add(1)
						continue
					}
					if got.Hash != "make"+password || err != nil {
						t.Errorf("got %+v, %v; want make%s", got, err, password)
					}
					answers.Add(1)
					break
				}
			}
		})
	}
	all.Wait()
	state := pool.State()
	if answers.Load() != callers*each || state.Ended[worker.Died] == 0 || state.InProcess != 0 {
		t.Errorf("got %d answers and %+v; want %d, and killed children", answers.Load(), state, callers*each)
	}
	t.Logf("%d children killed, %d jobs refused", state.Ended[worker.Died], refused.Load())
}
