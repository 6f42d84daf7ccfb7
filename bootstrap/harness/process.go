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
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
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
	done chan struct{}
	err  error
	log  *recorder
}

// Environ is the environment of a service of its own in dir: free ports, log in
// JSON, and nothing inherited but what a process needs.
func Environ(dir string, extra ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + os.TempDir(),
		"AUTHSERVE_DATA_DIR=" + filepath.Join(dir, "data"),
		"AUTHSERVE_HTTP_ADDR=127.0.0.1:0", "AUTHSERVE_OPS_ADDR=127.0.0.1:0", "AUTHSERVE_LOG_FORMAT=json",
	}, extra...)
}

// Start runs `authserve serve` in dir and returns when it says that it listens.
func Start(ctx context.Context, binary, dir string, environ []string, args ...string) (*Process, error) {
	p := &Process{done: make(chan struct{}), log: &recorder{}}
	p.cmd = exec.CommandContext(ctx, binary, append([]string{"serve"}, args...)...) //nolint:gosec // the binary under test
	p.cmd.Dir, p.cmd.Env = dir, environ
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stderr = p.log
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
	return p, nil
}

const startTimeout = time.Minute

// follow records the log and waits for the line that names the ports.
func (p *Process) follow(stdout io.Reader, listening chan<- error) {
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	said := false
	for lines.Scan() {
		_, _ = p.log.Write(append(bytes.Clone(lines.Bytes()), '\n'))
		var line struct {
			Msg  string `json:"msg"`
			HTTP string `json:"http_addr"`
			Ops  string `json:"ops_addr"`
		}
		if !said && json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "listening" {
			p.HTTP, p.Ops, said = "http://"+line.HTTP, "http://"+line.Ops, true
			listening <- nil
		}
	}
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
	cmd.Dir, cmd.Env, cmd.Stdin = dir, environ, strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = nil
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode(), err
}

// recorder is a buffer for several writers.
type recorder struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

// String returns what was written.
func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}
