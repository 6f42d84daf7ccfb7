package worker_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"authserve/adapters/outbound/passhash/worker"
	"authserve/ports"
)

func TestKilledInMidJob(t *testing.T) {
	t.Parallel()
	var e ends
	pool := newPool(t, 1, func(c *worker.Config) { c.Events = e.events() })
	next, done := hanging(t, pool, 0, 1)
	killed := next()
	signal(t, killed, syscall.SIGKILL)
	got := <-done
	if got.err != nil || got.result.Hash == "" || got.result.Hash == strconv.Itoa(killed) {
		t.Errorf("got %+v, want the answer of another child than %d", got, killed)
	}
	mustMake(t, pool, 0)
	state := pool.State()
	if state.Ended[worker.Died] != 1 || len(state.Children) != 1 || state.InProcess != 0 {
		t.Errorf("got %+v, want one dead child and one that lives", state)
	}
	if !strings.Contains(state.LastError, "signal: killed") {
		t.Errorf("got the error %q, want it to tell of the signal", state.LastError)
	}
	pool.Close()
	if len(e.started) != 2 || len(e.ended[worker.Died]) != 1 || e.ended[worker.Died][0] != killed || len(e.ended[worker.Closed]) != 1 || len(e.inside) != 0 {
		t.Errorf("got the events %+v, want two started, one died, one closed", &e)
	}
}

func TestKilledInBothTries(t *testing.T) {
	t.Parallel()
	pool := newPool(t, 1, nil)
	next, done := hanging(t, pool, 0, 2)
	signal(t, next(), syscall.SIGKILL)
	signal(t, next(), syscall.SIGKILL)
	if got := <-done; !errors.Is(got.err, ports.ErrOverloaded) || !strings.Contains(got.err.Error(), "died") {
		t.Errorf("got %+v, want %v", got, ports.ErrOverloaded)
	}
	mustMake(t, pool, 0)
	if got := pool.State(); got.Ended[worker.Died] != 2 || len(got.Children) != 1 || got.InProcess != 0 {
		t.Errorf("got %+v, want two dead children and one that lives", got)
	}
}

func TestKilledWithoutJob(t *testing.T) {
	t.Parallel()
	pool := newPool(t, 2, nil)
	for _, pid := range pool.State().Children {
		signal(t, pid, syscall.SIGKILL)
		awaitDeath(t, pid)
	}
	eventually(t, "both are missed", func() bool { return pool.State().Ended[worker.Died] == 2 })
	if got := pool.State(); got.Isolation != worker.Process || !strings.Contains(got.Why, "0 of 2") || !strings.Contains(got.Why, "signal: killed") {
		t.Errorf("got %+v, want processes and the trouble", got)
	}
	// Not even one try of the job is lost: the child dies before the job is its own.
	next, done := hanging(t, pool, 0, 1)
	signal(t, next(), syscall.SIGKILL)
	if got := <-done; got.err != nil || got.result.Hash == "" {
		t.Errorf("got %+v, want an answer", got)
	}
	mustMake(t, pool, 1)
	if got := pool.State(); got.InProcess != 0 || len(got.Children) != 2 {
		t.Errorf("got %+v, want two children and nothing inside", got)
	}
}

func TestStoppedInMidJob(t *testing.T) {
	t.Parallel()
	pool := newPool(t, 1, func(c *worker.Config) { c.Watch, c.Limit = 10*time.Millisecond, time.Hour })
	next, done := hanging(t, pool, 0, 1)
	stopped := next()
	signal(t, stopped, syscall.SIGSTOP)
	if got := <-done; got.err != nil || got.result.Hash == "" || got.result.Hash == strconv.Itoa(stopped) {
		t.Errorf("got %+v, want the answer of another child than %d", got, stopped)
	}
	if got := pool.State(); got.Ended[worker.Stopped] != 1 || len(got.Children) != 1 {
		t.Errorf("got %+v, want one stopped child and one that lives", got)
	}
}

// TestStoppedBeforeJob has a job that does not fit into the pipe of a child that reads
// nothing.
func TestStoppedBeforeJob(t *testing.T) {
	t.Parallel()
	pool := newPool(t, 1, func(c *worker.Config) { c.Watch, c.Limit = 10*time.Millisecond, time.Hour })
	signal(t, pool.State().Children[0], syscall.SIGSTOP)
	job := worker.Job{Settings: "verify ", Hash: "p", Password: []byte("p")}
	frame, err := worker.RequestFrame(1, job)
	if err != nil {
		t.Fatal(err)
	}
	const pipe = 64 << 10 // its capacity (pipe(7))
	job.Settings += strings.Repeat("x", pipe+1-len(frame))
	if got, err := pool.Run(0, job); !got.Match || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	if got := pool.State(); got.Ended[worker.Stopped] != 1 {
		t.Errorf("got %+v, want one stopped child", got)
	}
}

func TestSilent(t *testing.T) {
	t.Parallel()
	pool := newPool(t, 1, func(c *worker.Config) { c.Watch, c.Limit = time.Millisecond, 50*time.Millisecond })
	_, done := hanging(t, pool, 0, 2)
	if got := <-done; !errors.Is(got.err, ports.ErrOverloaded) || !strings.Contains(got.err.Error(), "no answer in time") {
		t.Errorf("got %+v, want %v", got, ports.ErrOverloaded)
	}
	if got := pool.State(); got.Ended[worker.Silent] != 2 {
		t.Errorf("got %+v, want two silent children", got)
	}
}

func TestSickChildren(t *testing.T) {
	t.Parallel()
	cases := []struct {
		settings string
		reason   worker.Reason
	}{
		{"exit", worker.Died},
		{"garbage $argon2id$ this is text", worker.Garbage},
		{"garbage \x00\x00\x00\x08{\"id\":1}", worker.Garbage},
		{"garbage \x00\x00\x00\x16{\"id\":1,\"result\":null}", worker.Garbage},
		{"other-id", worker.Garbage},
		{"both", worker.Garbage},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%.12q", c.settings), func(t *testing.T) {
			t.Parallel()
			pool := newPool(t, 1, nil)
			if got, err := pool.Run(0, worker.Job{Settings: c.settings}); !errors.Is(err, ports.ErrOverloaded) || got != (worker.Result{}) {
				t.Errorf("got %+v, %v; want %v", got, err, ports.ErrOverloaded)
			}
			if got := pool.State(); got.Ended[c.reason] != 2 || len(got.Ended) != 1 {
				t.Errorf("got %+v, want two children that ended for %s", got, c.reason)
			}
			mustMake(t, pool, 0)
		})
	}
}
