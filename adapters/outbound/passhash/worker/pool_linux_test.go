package worker_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

func TestNoChildCanBeStarted(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("not a program"), 0o600); err != nil {
		t.Fatal(err)
	}
	noFormat := filepath.Join(t.TempDir(), "noformat")
	if err := os.WriteFile(noFormat, []byte("not a program"), 0o700); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name, program, mode string
		greeting            time.Duration
		reason              worker.Reason
		why                 string
	}{
		{"there is none", "/does/not/exist", "", time.Minute, worker.NoStart, "no such file"},
		{"it is not executable", text, "", time.Minute, worker.NoStart, "permission denied"},
		{"it is no program", noFormat, "", time.Minute, worker.NoStart, "exec format error"},
		{"it fails", self, "fails", time.Minute, worker.NoGreeting, "exit status 1"},
		{"it talks", self, "talks", time.Minute, worker.NoGreeting, "no greeting"},
		{"it hangs", self, "hangs", 20 * time.Millisecond, worker.NoGreeting, "signal: killed"},
		{"it greets otherwise", self, "greets otherwise", time.Minute, worker.NoGreeting, "no greeting"},
		{"it has other arguments", self, worker.Command, time.Minute, worker.NoGreeting, "exit status 2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := worker.Config{
				Isolation: worker.Auto, Compute: compute, Slots: 2, InProcess: 1,
				Program: c.program, Args: []string{c.mode}, Greeting: c.greeting, Backoff: time.Hour,
			}
			pool, err := worker.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			for range 3 {
				mustMake(t, pool, 0)
				mustMake(t, pool, 1)
			}
			got := pool.State()
			if got.Isolation != worker.None || got.InProcess != 6 || len(got.Children) != 0 || got.Ended[c.reason] != 2 || len(got.Ended) != 1 {
				t.Errorf("got %+v, want 6 jobs inside and one start by slot that ended with %s", got, c.reason)
			}
			pool.Close() // a start that has begun is counted by now
			starts := 0
			for _, n := range pool.State().Ended {
				starts += n
			}
			if starts != 2 {
				t.Errorf("got %d starts, want one by slot and no other before its time", starts)
			}
			if !strings.HasPrefix(got.Why, "No worker process can be started: ") || !strings.Contains(got.Why, c.why) {
				t.Errorf("got the reason %q, want it to tell %q", got.Why, c.why)
			}

			cfg.Isolation = worker.Process
			if pool, err := worker.New(cfg); err == nil {
				pool.Close()
				t.Error("got a pool without children where children are required")
			} else if !strings.Contains(err.Error(), c.why) {
				t.Errorf("got %v, want it to tell %q", err, c.why)
			}
		})
	}
}

func TestRecovers(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "program")
	pool := newPool(t, 1, func(c *worker.Config) {
		c.Isolation, c.Program, c.Backoff = worker.Auto, program, time.Millisecond
	})
	mustMake(t, pool, 0)
	if got := pool.State(); got.Isolation != worker.None || got.InProcess != 1 {
		t.Errorf("got %+v, want a job inside the process", got)
	}
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	inside := func() int { return pool.State().InProcess }
	eventually(t, "a job in a child", func() bool {
		before := inside()
		mustMake(t, pool, 0)
		return inside() == before
	})
	if got := pool.State(); got.Isolation != worker.Process || len(got.Children) != 1 || got.Ended[worker.Died] != 0 {
		t.Errorf("got %+v, want a child", got)
	}
	// And again, when it stops working later.
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	next, done := hanging(t, pool, 0, 1)
	signal(t, next(), syscall.SIGKILL)
	if got := <-done; got.err != nil || got.result.Hash != strconv.Itoa(os.Getpid()) {
		t.Errorf("got %+v, want the answer of this process", got)
	}
}

// TestJobsDoNotWaitForTheNextTry has a program that fails at first and then hangs.
func TestJobsDoNotWaitForTheNextTry(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program, pipe := filepath.Join(dir, "program"), filepath.Join(dir, "pipe")
	next := pidPipe(t, pipe)
	pool := newPool(t, 1, func(c *worker.Config) {
		c.Isolation, c.Program, c.Args = worker.Auto, program, []string{"tells and hangs", pipe}
		c.Backoff, c.Greeting = time.Millisecond, time.Hour
	})
	mustMake(t, pool, 0)
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	started := make(chan int, 1)
	go func() { started <- next() }()
	eventually(t, "the next try", func() bool {
		mustMake(t, pool, 0)
		return len(started) == 1
	})
	mustMake(t, pool, 0)
	if got := pool.State(); got.Isolation != worker.None || got.Ended[worker.NoGreeting] != 0 {
		t.Errorf("got %+v, want a child that is waited for by nobody", got)
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
