package worker_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"authserve/adapters/outbound/passhash/worker"
)

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
