package worker_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"authserve/adapters/outbound/passhash/worker"
)

// ends records what a pool tells of.
type ends struct {
	mu      sync.Mutex
	started []int
	ended   map[worker.Reason][]int
	inside  []int
}

func (e *ends) events() worker.Events {
	e.ended = map[worker.Reason][]int{}
	return worker.Events{
		Started: func(_, pid int) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.started = append(e.started, pid)
		},
		Ended: func(_, pid int, reason worker.Reason, _ error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.ended[reason] = append(e.ended[reason], pid)
		},
		InProcess: func(slot int) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.inside = append(e.inside, slot)
		},
	}
}

// newPool starts a pool of real children.
func newPool(t *testing.T, slots int, change func(*worker.Config)) *worker.Pool {
	t.Helper()
	cfg := worker.Config{Isolation: worker.Process, Slots: slots, Nice: 19, Compute: compute, Greeting: time.Minute}
	if change != nil {
		change(&cfg)
	}
	pool, err := worker.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	settle(t, pool)
	return pool
}

func settle(t *testing.T, pool *worker.Pool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := pool.Settle(ctx); err != nil {
		t.Fatal(err)
	}
}

// mustMake gives the slot a job and fails the test without the right answer.
func mustMake(t *testing.T, pool *worker.Pool, slot int) {
	t.Helper()
	got, err := pool.Run(slot, worker.Job{Settings: "make", Salt: []byte("salt"), Password: []byte("pass")})
	if want := (worker.Result{Hash: "makesaltpass"}); got != want || err != nil {
		t.Errorf("slot %d: got %+v, %v; want %+v", slot, got, err, want)
	}
}

// outcome is what a job in the background came to.
type outcome struct {
	result worker.Result
	err    error
}

// hanging gives the slot a job that hangs for the first times. pids reads who hangs.
func hanging(t *testing.T, pool *worker.Pool, slot, times int) (next func() int, done <-chan outcome) {
	t.Helper()
	dir := t.TempDir()
	answers := make(chan outcome, 1)
	next = pidPipe(t, filepath.Join(dir, "pipe"))
	go func() {
		result, err := pool.Run(slot, worker.Job{Settings: fmt.Sprintf("hang %d %s", times, dir)})
		answers <- outcome{result, err}
	}()
	return next, answers
}

// pidPipe makes a named pipe, and a function that waits for the next process id in it.
func pidPipe(t *testing.T, name string) func() int {
	t.Helper()
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	// Open for writing too, so that it has no end.
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if err := f.SetReadDeadline(time.Now().Add(time.Minute)); err != nil { //nolint:forbidigo // a real pipe has the real clock
		t.Fatal(err)
	}
	lines := bufio.NewScanner(f)
	return func() int {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("nobody wrote: %v", lines.Err())
		}
		pid, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
}

func signal(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatalf("signal %v to %d: %v", s, pid, err)
	}
}

// awaitDeath waits until the process is no more, whoever's child it is.
func awaitDeath(t *testing.T, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(time.Minute/time.Millisecond))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n != 1 || err != nil {
			t.Fatalf("process %d lives: %v", pid, err)
		}
		return
	}
}

// eventually looks until the condition holds, and fails the test after a minute.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		}
	}
}

// status reads a field of /proc/<pid>/status, and stat one of /proc/<pid>/task/*/stat
// after the program's name, counted from 3 as in proc_pid_stat(5).
func status(t *testing.T, path, field string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("%s has no %s", path, field)
	return ""
}

func stat(t *testing.T, path string, field int) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(data[strings.LastIndex(string(data), ")")+1:]))[field-3]
}
