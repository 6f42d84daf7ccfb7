package e2e_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"authserve/bootstrap/harness"
)

// workers are the processes that hash passwords for pid, from /proc.
func workers(t *testing.T, pid int) (found []int) {
	t.Helper()
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range commands {
		command, _ := os.ReadFile(file) // gone meanwhile: not one of ours
		stat, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "stat"))
		_, fields, _ := strings.Cut(string(stat), ") ")
		state := strings.Fields(fields)
		if strings.Contains(string(command), "\x00hash-worker\x00") && len(state) > 1 && state[0] != "Z" && state[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			found = append(found, child)
		}
	}
	return found
}

// awaitWorkers waits until as many workers run as want says.
func awaitWorkers(t *testing.T, pid int, want func(n int) bool) []int {
	t.Helper()
	var found []int
	await(t, func() bool {
		found = workers(t, pid)
		return want(len(found))
	})
	return found
}

func some(n int) bool { return n > 0 }

func none(n int) bool { return n == 0 }

func signalAll(pids []int, sig syscall.Signal) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, sig) // gone meanwhile
	}
}

// withAccount starts the service and registers one account.
func withAccount(t *testing.T, extra ...string) (*harness.Process, harness.Client) {
	t.Helper()
	p := start(t, extra...)
	c := harness.NewClient(p.HTTP)
	if a, err := c.Register(t.Context(), "ada@example.com"); err != nil || a.Status != http.StatusCreated {
		t.Fatalf("register: %d %s, %v", a.Status, a.Body, err)
	}
	return p, c
}

// logIn logs in and accepts no other answer than a right one.
func logIn(t *testing.T, c harness.Client) {
	t.Helper()
	if a, _, err := c.Login(t.Context(), "ada@example.com"); err != nil || a.Status != http.StatusOK {
		t.Errorf("login: %d %s, %v", a.Status, a.Body, err)
	}
	body := map[string]string{"identifier": "ada@example.com", "password": "not the password of ada"}
	if a, err := c.Do(t.Context(), http.MethodPost, pathLogin, body, ""); err != nil || a.Status != http.StatusUnauthorized {
		t.Errorf("login with a wrong password: %d %s, %v", a.Status, a.Body, err)
	}
}

func TestWorkersAreOfLowestPriorityAndLeastAuthority(t *testing.T) {
	t.Parallel()
	p, c := withAccount(t, "AUTHSERVE_PASSWORD_ISOLATION=process")
	logIn(t, c)
	for _, pid := range awaitWorkers(t, p.PID(), some) {
		dir := "/proc/" + strconv.Itoa(pid)
		stat, err := os.ReadFile(dir + "/stat")
		if err != nil {
			t.Fatal(err)
		}
		_, fields, _ := strings.Cut(string(stat), ") ")
		if nice := strings.Fields(fields)[16]; nice != "19" {
			t.Errorf("worker %d has nice value %s", pid, nice)
		}
		if environ, err := os.ReadFile(dir + "/environ"); err == nil && len(environ) > 0 {
			t.Errorf("worker %d has an environment", pid)
		}
		if files, err := os.ReadDir(dir + "/fd"); err == nil && len(files) > 16 {
			t.Errorf("worker %d has %d descriptors: it inherited some", pid, len(files))
		}
	}
}

func TestLoginsSurviveWorkersThatAreKilled(t *testing.T) {
	t.Parallel()
	p, c := withAccount(t)
	ctx, cancel := context.WithCancel(t.Context())
	var killer sync.WaitGroup
	killed := 0
	killer.Go(func() {
		for ctx.Err() == nil && killed < 20 {
			// The next ones must have taken over first: a job is tried twice.
			for _, pid := range workers(t, p.PID()) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
				killed++
				logIn(t, c)
			}
		}
	})
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for range 10 {
				a, _, err := c.Login(t.Context(), "ada@example.com")
				if err != nil || a.Status != http.StatusOK && a.Status != http.StatusServiceUnavailable {
					t.Errorf("login: %d %s, %v; want right or not now", a.Status, a.Body, err)
				}
			}
		})
	}
	callers.Wait()
	cancel()
	killer.Wait()
	if killed == 0 {
		t.Error("no worker was killed")
	}
	awaitWorkers(t, p.PID(), some)
	logIn(t, c)
}

func TestLoginsSurviveWorkersThatAreStopped(t *testing.T) {
	t.Parallel()
	p, c := withAccount(t)
	stopped := awaitWorkers(t, p.PID(), some)
	signalAll(stopped, syscall.SIGSTOP)
	logIn(t, c)
	logIn(t, c)
	if !strings.Contains(p.Log(), `"reason":"stopped"`) {
		t.Error("the log does not tell of the stopped worker")
	}
}

// With its file not executable the program cannot be started again, whoever asks.
func TestLoginsGoOnWhereNoProcessCanBeStarted(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "authserve")
	if out, err := exec.CommandContext(t.Context(), "cp", binary, program).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	dir := t.TempDir()
	p, err := harness.Start(t.Context(), program, dir, harness.Environ(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = p.Terminate() })
	c := harness.NewClient(p.HTTP)
	if a, err := c.Register(t.Context(), "ada@example.com"); err != nil || a.Status != http.StatusCreated {
		t.Fatalf("register: %d %s, %v", a.Status, a.Body, err)
	}
	if err := os.Chmod(program, 0o600); err != nil {
		t.Fatal(err)
	}
	signalAll(awaitWorkers(t, p.PID(), some), syscall.SIGKILL)
	awaitWorkers(t, p.PID(), none)
	for range 3 {
		logIn(t, c)
	}
	if err := os.Chmod(program, 0o700); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool {
		logIn(t, c)
		return len(workers(t, p.PID())) > 0
	})
}

// A program of ordinary priority on the only core leaves the workers next to nothing.
func TestLoginsRecoverFromStarvation(t *testing.T) {
	t.Parallel()
	runtime.LockOSThread() // processes inherit the core from the thread that starts them
	defer runtime.UnlockOSThread()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	for cpu := 0; one.Count() == 0; cpu++ {
		if all.IsSet(cpu) {
			one.Set(cpu)
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	_, c := withAccount(t)
	ctx, cancel := context.WithCancel(t.Context())
	burner := exec.CommandContext(ctx, "sh", "-c", "while :; do :; done")
	err := burner.Start()
	if again := unix.SchedSetaffinity(0, &all); err != nil || again != nil {
		t.Fatal(err, again)
	}
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			a, _, err := c.Login(t.Context(), "ada@example.com")
			refused := a.Status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") != ""
			if err != nil || a.Status != http.StatusOK && !refused {
				t.Errorf("login of the starved: %d %s, %v; want right or refused with Retry-After", a.Status, a.Body, err)
			}
		})
	}
	callers.Wait()
	cancel()
	_ = burner.Wait() // it was killed
	await(t, func() bool {
		a, _, err := c.Login(t.Context(), "ada@example.com")
		return err == nil && a.Status == http.StatusOK
	})
}

func TestWorkersEndWithTheService(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, err := harness.Start(t.Context(), binary, dir, harness.Environ(dir, "AUTHSERVE_PASSWORD_ISOLATION=process"))
	if err != nil {
		t.Fatal(err)
	}
	before := awaitWorkers(t, p.PID(), some)
	signalAll(before[:1], syscall.SIGSTOP) // not even a stopped one stays behind
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range before {
		await(t, func() bool { return !alive(pid) })
	}
}

// alive reports whether pid is a hash worker that still runs.
func alive(pid int) bool {
	command, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return err == nil && strings.Contains(string(command), "hash-worker")
}

func TestHiddenCommandIsNoneForUsers(t *testing.T) {
	t.Parallel()
	stdout, _, code := command(t, t.TempDir(), "", "--help")
	if code != 0 || strings.Contains(stdout, "hash-worker") {
		t.Errorf("exit %d; the help shows the hidden command", code)
	}
	if _, _, code := command(t, t.TempDir(), "", "hash-worker"); code != 2 {
		t.Errorf("called by hand: exit %d; want a usage error", code)
	}
}
