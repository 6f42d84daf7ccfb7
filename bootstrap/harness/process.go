package harness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Build compiles the program into dir, with the flags that `go build` has by
// default, and returns its path.
func Build(ctx context.Context, dir string) (string, error) {
	if err := touchSources(); err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "authserve")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "authserve") //nolint:gosec // our own module
	build.Dir = moduleRoot()
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
}

// touchSources looks at every source of the program, so that `go test` knows them
// as inputs of the test and does not answer from its cache after they changed.
func touchSources() error {
	return filepath.WalkDir(moduleRoot(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return err
		}
		switch filepath.Ext(path) {
		case ".go", ".sql", ".mod", ".sum":
			_, err = os.Stat(path)
		}
		return err
	})
}

func moduleRoot() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// SpecPath is the contract that answers are held against.
func SpecPath() string { return filepath.Join(moduleRoot(), "docs", "api", "openapi.yaml") }

// Process is one running service.
type Process struct {
	HTTP string // base URL of the API
	Ops  string // base URL of the operations listener

	cmd  *exec.Cmd
	dir  string
	done chan struct{}
	err  error
	log  recorder
}

// Environ is the environment of a service of its own in dir: free ports, log in
// JSON, limits raised, and nothing inherited but what a process needs.
func Environ(dir string, extra ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + os.TempDir(),
		"AUTHSERVE_DATA_DIR=" + filepath.Join(dir, "data"),
		"AUTHSERVE_HTTP_ADDR=127.0.0.1:0", "AUTHSERVE_OPS_ADDR=127.0.0.1:0", "AUTHSERVE_LOG_FORMAT=json",
	}, append(raisedLimits(), extra...)...)
}

// raisedLimits are rate limits that one machine does not reach, with the counting on:
// tests and benchmarks call from one address as a whole town would.
func raisedLimits() []string {
	environ := []string{"AUTHSERVE_RATE_LIMIT_FREE_FAILURES=100", "AUTHSERVE_RATE_LIMIT_MAX_FAILURES=100"}
	for _, policy := range []string{"LOGIN", "REGISTER", "MAIL", "TOKEN", "SESSION", "GLOBAL", "ACCOUNT", "ACCOUNT_NETWORK", "MAILBOX", "MAILBOX_NETWORK"} {
		environ = append(environ, "AUTHSERVE_RATE_LIMIT_"+policy+"_BURST=1000000")
	}
	return environ
}

// Start runs `authserve serve` in dir and returns when it says that it listens.
func Start(ctx context.Context, binary, dir string, environ []string, args ...string) (*Process, error) {
	log, err := newRecorder()
	if err != nil {
		return nil, err
	}
	p := &Process{dir: dir, done: make(chan struct{}), log: log}
	p.cmd = exec.CommandContext(ctx, binary, append([]string{"serve"}, args...)...) //nolint:gosec // the binary under test
	p.cmd.Dir, p.cmd.Env, p.cmd.SysProcAttr = dir, environ, ChildAttributes()
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stderr = p.log.file
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	listening := make(chan error, 1)
	go p.follow(stdout, listening)
	wait, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	select {
	case err = <-listening:
	case <-wait.Done():
		err = errors.Join(fmt.Errorf("the service does not say that it listens: %w", wait.Err()), p.Kill())
	}
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, p.log.String())
	}
	if w := witness.Load(); w != nil {
		w.service(p, dir)
	}
	return p, nil
}

const startTimeout = time.Minute

// follow waits for the line that names the ports, and records the log.
func (p *Process) follow(stdout io.Reader, listening chan<- error) {
	lines := bufio.NewReader(stdout)
	said := false
	for !said {
		text, err := lines.ReadBytes('\n')
		_, _ = p.log.file.Write(text)
		if err != nil {
			break
		}
		var line struct {
			Msg  string `json:"msg"`
			HTTP string `json:"http_addr"`
			Ops  string `json:"ops_addr"`
		}
		if json.Unmarshal(text, &line) == nil && line.Msg == "listening" {
			p.HTTP, p.Ops, said = "http://"+line.HTTP, "http://"+line.Ops, true
			listening <- nil
		}
	}
	_, _ = io.Copy(p.log.file, lines)
	p.err = p.cmd.Wait()
	if !said {
		listening <- fmt.Errorf("the service ended before it listened: %w", errors.Join(p.err, errEnded))
	}
	close(p.done)
}

var errEnded = errors.New("process ended")

// Terminate sends SIGTERM and returns the exit code once the process has ended.
func (p *Process) Terminate() (int, error) { return p.end(syscall.SIGTERM) }

// Kill ends the process as kill -9 does.
func (p *Process) Kill() error {
	_, err := p.end(syscall.SIGKILL)
	return err
}

func (p *Process) end(sig syscall.Signal) (int, error) {
	if w := witness.Load(); w != nil {
		defer w.files(p.dir)
	}
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return -1, err
	}
	return p.Wait(), nil
}

// Signal sends sig and does not wait.
func (p *Process) Signal(sig syscall.Signal) error { return p.cmd.Process.Signal(sig) }

// Wait returns the exit code once the process has ended; -1 after a signal.
func (p *Process) Wait() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log is everything that the process has written so far, on both streams.
func (p *Process) Log() string { return p.log.String() }

// Run runs one command of the program to its end.
func Run(ctx context.Context, binary, dir string, environ []string, stdin string, args ...string) (stdout, stderr string, exit int, err error) {
	cmd := exec.CommandContext(ctx, binary, args...) //nolint:gosec // the binary under test
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.SysProcAttr = dir, environ, strings.NewReader(stdin), ChildAttributes()
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	if w := witness.Load(); w != nil {
		if slices.Contains(args, "--password-stdin") {
			w.Secret("password", strings.TrimSpace(stdin))
		}
		w.keep("output of "+strings.Join(args, " "), func() []byte { return append(out.Bytes(), errOut.Bytes()...) })
	}
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = nil
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode(), err
}

// recorder is a file without a name, so that a long log costs no memory here.
type recorder struct{ file *os.File }

func newRecorder() (recorder, error) {
	file, err := os.CreateTemp("", "authserve-log-")
	if err != nil {
		return recorder{}, err
	}
	return recorder{file}, os.Remove(file.Name())
}

// String returns what was written.
func (r recorder) String() string {
	text, err := io.ReadAll(io.NewSectionReader(r.file, 0, math.MaxInt64))
	if err != nil {
		return err.Error()
	}
	return string(text)
}
