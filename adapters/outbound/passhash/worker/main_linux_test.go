package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"authserve/adapters/outbound/passhash/worker"
)

// TestMain makes the test binary the program of its own children. The other modes are
// programs that are no workers, and a service that can be killed.
func TestMain(m *testing.M) {
	mode := ""
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	switch mode {
	case worker.Command:
		syscall.Exit(worker.Main(compute, os.Args[2:], os.Stdin, os.Stdout)) // os.Exit waits a second for the race detector
	case "service":
		os.Exit(service())
	case "fails":
		syscall.Exit(1)
	case "talks":
		fmt.Println("usage: authserve [command]")
		select {}
	case "hangs":
		_, _ = os.Stdin.Read(make([]byte, 1))
	case "tells and hangs":
		tell(os.Args[2])
		_, _ = os.Stdin.Read(make([]byte, 1))
	case "greets otherwise":
		frame, err := worker.HelloFrame("authserve hash-worker 0")
		_, _ = os.Stdout.Write(frame)
		fmt.Fprintln(os.Stderr, err)
		_, _ = os.Stdin.Read(make([]byte, 1))
	default:
		goleak.VerifyTestMain(m)
	}
}

// facts are what a child knows of itself.
type facts struct {
	Environment         []string
	Args                []string
	Dir                 string
	PID, Group, Session int
	Dumpable            int
	Threads             int // that compute at a time
	Cores               uint64
	Pipes, Others       []int // open descriptors
	OOMScoreAdj         string
	HugePages           int // addresses for which huge pages were asked, in KiB
}

// compute is what the children and the pools of the tests compute. The settings name
// the work.
func compute(job worker.Job) (worker.Result, error) {
	word, argument, _ := strings.Cut(job.Settings, " ")
	switch word {
	case "make":
		return worker.Result{Hash: job.Settings + string(job.Salt) + string(job.Password)}, nil
	case "verify":
		return worker.Result{Match: job.Hash == string(job.Password)}, nil
	case "who":
		return worker.Result{Hash: strconv.Itoa(os.Getpid())}, nil
	case "error":
		return worker.Result{Hash: "x"}, errors.New("no such \xff thing")
	case "panic":
		panic("at the disco")
	case "unsendable":
		return worker.Result{Hash: strings.Repeat("x", worker.MaxFrame)}, nil
	case "exit":
		syscall.Exit(3)
	case "garbage":
		_, _ = os.Stdout.WriteString(argument)
		<-make(chan int)
	case "other-id":
		frame, err := worker.ReplyFrame(1<<40, &worker.Result{Match: true}, "")
		_, _ = os.Stdout.Write(frame)
		return worker.Result{}, err
	case "both":
		frame, err := worker.ReplyFrame(1, &worker.Result{Match: true}, "fault")
		_, _ = os.Stdout.Write(frame)
		return worker.Result{}, err
	case "spin":
		tell(argument)
		for n := uint64(1); ; n++ {
			if n == 0 {
				return worker.Result{}, nil // in some hundred years
			}
		}
	case "work": // some 200 ms of it
		n := uint64(1)
		for range 400_000_000 {
			n = n*6364136223846793005 + 1442695040888963407
		}
		return worker.Result{Match: n != 0}, nil
	case "hang":
		return hang(argument)
	case "allocate":
		return allocate()
	case "facts":
		return tellFacts()
	}
	return worker.Result{}, fmt.Errorf("unknown work %q", word)
}

// tell writes the process id into the named pipe: somebody waits for it.
func tell(pipe string) {
	_ = os.WriteFile(pipe, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
}

// hang tells its process id and hangs for the first times that it is called for, and
// answers from then on.
func hang(argument string) (worker.Result, error) {
	count, dir, _ := strings.Cut(argument, " ")
	times, err := strconv.Atoi(count)
	if err != nil {
		return worker.Result{}, err
	}
	for i := range times {
		if os.Mkdir(filepath.Join(dir, strconv.Itoa(i)), 0o700) == nil {
			tell(filepath.Join(dir, "pipe"))
			<-make(chan int)
		}
	}
	return worker.Result{Hash: strconv.Itoa(os.Getpid())}, nil
}

// blockSize is what argon2id takes by default.
const blockSize = 19 << 20

// allocate uses as much memory as a hash, in words without pointers as argon2 does, and
// answers how much the heap has then.
func allocate() (worker.Result, error) {
	block := make([][128]uint64, blockSize/1024)
	for i := range block {
		block[i][i%128] = uint64(i)
	}
	sum := uint64(0)
	for i := range block {
		sum += block[i][5]
	}
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(samples)
	heap := uint64(0)
	for _, s := range samples {
		heap += s.Value.Uint64()
	}
	return worker.Result{Hash: strconv.FormatUint(heap, 10), Match: sum > 0}, nil
}

func tellFacts() (worker.Result, error) {
	f := facts{Environment: os.Environ(), Args: os.Args[1:], PID: os.Getpid(), Group: unix.Getpgrp(), Threads: runtime.GOMAXPROCS(0)}
	var err error
	if f.Dir, err = os.Getwd(); err != nil {
		return worker.Result{}, err
	}
	if f.Session, err = unix.Getsid(0); err != nil {
		return worker.Result{}, err
	}
	if f.Dumpable, err = unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return worker.Result{}, err
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		return worker.Result{}, err
	}
	f.Cores = limit.Cur + limit.Max
	for fd := range 1024 {
		var stat unix.Stat_t
		if unix.Fstat(fd, &stat) != nil {
			continue
		}
		if stat.Mode&unix.S_IFMT == unix.S_IFIFO {
			f.Pipes = append(f.Pipes, fd)
		} else if !ofTheRuntime(fd) {
			f.Others = append(f.Others, fd)
		}
	}
	score, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		return worker.Result{}, err
	}
	f.OOMScoreAdj = strings.TrimSpace(string(score))
	if f.HugePages, err = advisedHuge(); err != nil {
		return worker.Result{}, err
	}
	text, err := json.Marshal(f)
	return worker.Result{Hash: string(text)}, err
}

// advisedHuge is how much of this process is advised to be of huge pages, in KiB: flag hg
// in proc_pid_smaps(5). The process asks itself, since nobody else may look at it.
func advisedHuge() (sum int, err error) {
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return 0, err
	}
	size := 0
	for line := range strings.Lines(string(maps)) {
		name, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		switch name {
		case "Size":
			if size, err = strconv.Atoi(fields[0]); err != nil {
				return 0, err
			}
		case "VmFlags":
			if slices.Contains(fields, "hg") {
				sum += size
			}
		}
	}
	return sum, nil
}

// ofTheRuntime reports whether the descriptor is one that every Go program opens: for
// its poller, and for the CPU quota.
func ofTheRuntime(fd int) bool {
	var fs unix.Statfs_t
	if unix.Fstatfs(fd, &fs) != nil {
		return false
	}
	return slices.Contains([]int64{unix.ANON_INODE_FS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC}, fs.Type)
}

// service is a program with a pool of two: it prints the children's process ids, and
// lives until it is killed.
func service() int {
	pool, err := worker.New(worker.Config{Isolation: worker.Process, Slots: 2, Nice: 19, Compute: compute})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if err := pool.Settle(context.Background()); err != nil {
		return 1
	}
	for _, pid := range pool.State().Children {
		fmt.Println(pid)
	}
	fmt.Println("end")
	_, _ = os.Stdin.Read(make([]byte, 1))
	pool.Close()
	return 0
}
