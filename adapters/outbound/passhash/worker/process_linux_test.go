package worker_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"authserve/adapters/outbound/passhash/worker"
	"authserve/ports"
)

func TestWhatAChildIs(t *testing.T) {
	t.Setenv("AUTHSERVE_MASTER_KEY", "s3cret") // not parallel for it
	fd, err := unix.Dup(2)                     // a descriptor that is not for children and that exec would leave open
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	ours := stat(t, "/proc/self/stat", 19)
	pool := newPool(t, 1, nil)
	answer, err := pool.Run(0, worker.Job{Settings: "facts"})
	if err != nil {
		t.Fatal(err)
	}
	var got facts
	if err := json.Unmarshal([]byte(answer.Hash), &got); err != nil {
		t.Fatal(err)
	}
	session, err := unix.Getsid(0)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Environment) != 0 {
		t.Errorf("got the environment %q, want none", got.Environment)
	}
	if !slices.Equal(got.Args, []string{worker.Command, "19"}) {
		t.Errorf("got the arguments %q", got.Args)
	}
	if got.Dir != "/" {
		t.Errorf("got the directory %q, want /", got.Dir)
	}
	if got.Group != got.PID || got.Session != session {
		t.Errorf("got group %d and session %d, want its own %d and ours %d", got.Group, got.Session, got.PID, session)
	}
	if got.Dumpable != 0 || got.Cores != 0 {
		t.Errorf("got dumpable %d and a core limit of %d, want 0 and 0", got.Dumpable, got.Cores)
	}
	if got.Threads != 1 {
		t.Errorf("got GOMAXPROCS %d, want 1", got.Threads)
	}
	if !slices.Equal(got.Pipes, []int{0, 1}) || !slices.Equal(got.Others, []int{2}) {
		t.Errorf("got pipes %v and other files %v, want 0 and 1, and 2", got.Pipes, got.Others)
	}
	if got.OOMScoreAdj != "1000" {
		t.Errorf("got oom_score_adj %q, want 1000", got.OOMScoreAdj)
	}
	// The runtime asks for a few by itself. Kernels without huge pages have no such directory.
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err == nil && got.HugePages < 64<<10 {
		t.Errorf("got %d KiB advised to be of huge pages, want the heap among it: 64 MiB and more", got.HugePages)
	}
	checkThreads(t, got.PID, ours)
}

// checkThreads holds every thread of a child to its low priority and rights, and those
// of this process to the nice value they had.
func checkThreads(t *testing.T, pid int, ours string) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*")
	if err != nil || len(tasks) < 2 {
		t.Fatalf("got %d threads, %v; want some", len(tasks), err)
	}
	for _, task := range tasks {
		if nice := stat(t, task+"/stat", 19); nice != "19" {
			t.Errorf("%s: got the nice value %s, want 19", task, nice)
		}
		tid, err := strconv.Atoi(filepath.Base(task))
		if err != nil {
			t.Fatal(err)
		}
		// Kernels before 6.12 have no slices of a task's own, and say 0.
		if attr, err := unix.SchedGetAttr(tid, 0); err == nil && attr.Runtime != 0 && attr.Runtime != uint64(5*time.Millisecond) {
			t.Errorf("%s: got a slice of %v, want 5 ms", task, time.Duration(attr.Runtime))
		}
		if got := status(t, task+"/status", "NoNewPrivs"); got != "1" {
			t.Errorf("%s: got NoNewPrivs %s, want 1", task, got)
		}
	}
	self, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range self { // a thread may be gone by now
		if data, err := os.ReadFile(task + "/stat"); err == nil && len(data) > 0 {
			if nice := stat(t, task+"/stat", 19); nice != ours {
				t.Errorf("%s: a thread of the service has the nice value %s, want %s", task, nice, ours)
			}
		}
	}
}

// child starts a child by hand and waits for its greeting.
func child(t *testing.T, args ...string) (cmd *exec.Cmd, in io.WriteCloser, out *bufio.Reader) {
	t.Helper()
	cmd = exec.CommandContext(context.Background(), "/proc/self/exe", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	startFromItsThread(t, cmd)
	out = bufio.NewReader(stdout)
	want, err := worker.HelloFrame("authserve hash-worker 1")
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(out, got); err != nil || string(got) != string(want) {
		t.Fatalf("got the greeting %q, %v; want %q", got, err, want)
	}
	return cmd, in, out
}

// startFromItsThread starts cmd from a thread that lives as long as t: a child is
// killed when the thread dies that started it.
func startFromItsThread(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	started, end := make(chan error), make(chan struct{})
	t.Cleanup(func() { close(end) })
	go func() {
		runtime.LockOSThread()
		started <- cmd.Start()
		<-end
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
}

func send(t *testing.T, in io.Writer, id uint64, job worker.Job) {
	t.Helper()
	frame, err := worker.RequestFrame(id, job)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write(frame); err != nil {
		t.Fatal(err)
	}
}

func TestEndOfFile(t *testing.T) {
	t.Parallel()
	cmd, in, _ := child(t, worker.Command, "0")
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("without a job: %v", err)
	}
	cmd, in, _ = child(t, worker.Command, "0")
	pipe := filepath.Join(t.TempDir(), "pipe")
	next := pidPipe(t, pipe)
	send(t, in, 1, worker.Job{Settings: "spin " + pipe})
	if got := next(); got != cmd.Process.Pid {
		t.Fatalf("got process %d, want %d", got, cmd.Process.Pid)
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("during a job: %v", err)
	}
}

func TestSignalsForTheServiceAreIgnored(t *testing.T) {
	t.Parallel()
	cmd, in, out := child(t, worker.Command, "0")
	for id := range uint64(3) {
		for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
			signal(t, cmd.Process.Pid, s)
		}
		send(t, in, id+1, worker.Job{Settings: "verify", Hash: "a", Password: []byte("a")})
		if got, result, fault, err := worker.ReadReply(out); got != id+1 || result == nil || !result.Match || fault != "" || err != nil {
			t.Fatalf("got %d, %+v, %q, %v", got, result, fault, err)
		}
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestChildRefusesNonsense(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"20"}, {"-1"}, {"x"}, {"1", "2"}} {
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe", append([]string{worker.Command}, args...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		out, err := cmd.Output()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || len(out) != 0 {
			t.Errorf("%q: got %q, %v; want the exit code 2", args, out, err)
		}
	}
	// In the process group of others it would lower their priority.
	if out, err := exec.CommandContext(t.Context(), "/proc/self/exe", worker.Command, "19").Output(); err == nil || len(out) != 0 {
		t.Errorf("in our process group: got %q, %v; want a refusal", out, err)
	}
	// Two jobs at a time, and garbage.
	for name, data := range map[string]string{"garbage": "what is this?", "half": "\x00\x00\x01\x00{"} {
		cmd, in, _ := child(t, worker.Command, "0")
		if _, err := io.WriteString(in, data); err != nil {
			t.Error(err)
		}
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: got %v", name, err)
		}
	}
	cmd, in, _ := child(t, worker.Command, "0")
	defer func() { _ = in.Close() }()
	pipe := filepath.Join(t.TempDir(), "pipe")
	next := pidPipe(t, pipe)
	send(t, in, 1, worker.Job{Settings: "spin " + pipe})
	next()
	send(t, in, 2, worker.Job{Settings: "make"})
	send(t, in, 3, worker.Job{Settings: "make"})
	if err := cmd.Wait(); err == nil {
		t.Error("two jobs at a time: got the exit code 0")
	}
}

// TestDeathOfTheService kills a service, whose children then get the end of file; and
// another whose children are stopped, which the kernel must kill.
func TestDeathOfTheService(t *testing.T) {
	t.Parallel()
	for _, stop := range []bool{false, true} {
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "service")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = in.Close() }()
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var children []int
		for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "end"; {
			pid, err := strconv.Atoi(lines.Text())
			if err != nil {
				t.Fatal(err)
			}
			children = append(children, pid)
		}
		if len(children) != 2 {
			t.Errorf("got the children %v, want two", children)
		}
		for _, pid := range children {
			if stop {
				signal(t, pid, syscall.SIGSTOP)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for _, pid := range children {
			awaitDeath(t, pid)
		}
		if err := cmd.Wait(); err == nil {
			t.Error("the service ended by itself")
		}
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	pool := newPool(t, 3, func(c *worker.Config) { c.Watch, c.Grace = time.Hour, 20*time.Millisecond })
	children := pool.State().Children
	next, done := hanging(t, pool, 0, 2)
	busy := next()
	stopped := children[slices.IndexFunc(children, func(pid int) bool { return pid != busy })]
	signal(t, stopped, syscall.SIGSTOP)
	pool.Close()
	for _, pid := range children {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d after Close: got %v, want none, not even a zombie", pid, err)
		}
	}
	if got := <-done; !errors.Is(got.err, ports.ErrUnavailable) {
		t.Errorf("the job of the time: got %+v, want %v", got, ports.ErrUnavailable)
	}
	if _, err := pool.Run(1, worker.Job{Settings: "make"}); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("a later job: got %v, want %v", err, ports.ErrUnavailable)
	}
	if got := pool.State(); got.Ended[worker.Closed] != 3 || len(got.Ended) != 1 || len(got.Children) != 0 || got.InProcess != 0 {
		t.Errorf("got %+v, want three closed children", got)
	}
	pool.Close()
}

// TestCloseAtOnce closes pools whose children are about to start.
func TestCloseAtOnce(t *testing.T) {
	t.Parallel()
	for range 10 {
		pool, err := worker.New(worker.Config{Isolation: worker.Auto, Slots: 4, Compute: compute, Grace: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		pool.Close()
		if got := pool.State(); got.Ended[worker.Closed] != 4 || len(got.Children) != 0 {
			t.Errorf("got %+v, want four closed children", got)
		}
	}
}

// TestMemoryOfAChild: the memory of two jobs never adds up, and what is kept goes back
// when no job comes.
func TestMemoryOfAChild(t *testing.T) {
	t.Parallel()
	const bound = 2*blockSize + 15<<20
	pool := newPool(t, 1, nil)
	path := "/proc/" + strconv.Itoa(pool.State().Children[0]) + "/status"
	for i := range 30 {
		got, err := pool.Run(0, worker.Job{Settings: "allocate"})
		if err != nil {
			t.Fatal(err)
		}
		heap, err := strconv.ParseUint(got.Hash, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if heap < blockSize || heap > bound {
			t.Fatalf("job %d: got a heap of %d KiB, want %d to %d", i, heap>>10, blockSize>>10, bound>>10)
		}
	}
	if instrumented() {
		return // the race detector's shadow of the memory is not ours
	}
	if most := kib(t, path, "VmHWM"); most > bound>>10 {
		t.Errorf("got %d KiB at most, want %d", most, bound>>10)
	}
	t.Logf("at most %d KiB, at the end %d KiB", kib(t, path, "VmHWM"), kib(t, path, "VmRSS"))
	eventually(t, "memory goes back", func() bool { return kib(t, path, "VmRSS") < 15<<10 })
	t.Logf("later %d KiB", kib(t, path, "VmRSS"))
}

func kib(t *testing.T, path, field string) int {
	t.Helper()
	text, _, _ := strings.Cut(status(t, path, field), " ")
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// instrumented reports whether this program was built with the race detector.
func instrumented() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
