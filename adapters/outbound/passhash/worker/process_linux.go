package worker

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unsupported says why there are no children on this system; empty: there are.
const unsupported = ""

// attributes are those of a new child. A process group of its own keeps the terminal's
// signals away. It stays in the session: where the kernel groups tasks by session
// (CONFIG_SCHED_AUTOGROUP, sched(7)), niceness counts only within one session, so in
// a session of its own the child would weigh as much as the whole service.
//
// Pdeathsig fires when the thread dies that started the child (go.dev/issue/27505).
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
}

// confine keeps what the calling thread starts from gaining rights by exec, as a file
// with capabilities would: all threads of a child inherit it, where the child's own
// call would reach one.
func confine() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	return nil
}

// closeOnExec keeps from children what this process was given by its own parent, as a
// shell or a supervisor does: all that Go opens is marked already. Kernels before 5.11
// cannot, and a worker does nothing with what it may inherit there.
func closeOnExec() {
	_ = unix.CloseRange(firstOther, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
}

// firstOther is the first descriptor behind the standard three.
const firstOther = 3

// restrain lowers the priority and the rights of this process.
func restrain(nice int) error {
	if err := lowerPriority(nice); err != nil {
		return err
	}
	askLongSlices(nice)
	// The parent's death is the child's (prctl(2)); again, because it is forgotten by an
	// exec that changes credentials. Who died before is known by the end of file.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	// Where memory runs out, a worker goes before the service, which gives its job to
	// another. A kernel that hides the file keeps its own choice.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte(firstToGo), 0)
	// There are passwords in this memory: nobody attaches to it, nothing dumps it.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return err
	}
	return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}

// firstToGo is the highest oom_score_adj (proc_pid_oom_score_adj(5)).
const firstToGo = "1000"

// lowerPriority raises the nice value of all threads to at least nice: on Linux
// PRIO_PROCESS means one thread, and new ones inherit from their creator. A thread
// that is being made during the call can miss it, so it is repeated with each job.
func lowerPriority(nice int) error {
	if unix.Getpgrp() != os.Getpid() {
		return fmt.Errorf("process %d does not lead its process group, others would be lowered too", os.Getpid())
	}
	// The service may have a low priority itself. What the system call returns is 20 less
	// the nice value (getpriority(2)).
	reversed, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return err
	}
	return unix.Setpriority(unix.PRIO_PGRP, 0, max(nice, niceRange-reversed))
}

const (
	// longSlice is longer than what a task has that asks for nothing, at most 3 ms. Much
	// longer ones would be kept where the scheduler owes the other task nothing.
	longSlice = 5 * time.Millisecond
	// mostRounds bounds askLongSlices where threads go on coming.
	mostRounds = 8
)

// askLongSlices lets any task that wakes up take the processor at once: the scheduler
// lets the present one finish its slice unless the other has asked for a shorter one
// (sched_setattr(2), Linux 6.12; EEVDF). The nice value alone leaves a request waiting
// for up to 3 ms. SCHED_IDLE would do it too, but beside busy neighbours it leaves a
// hash next to nothing. Threads inherit it, so it is there to stay once a round finds
// nothing to change. Older kernels ignore it.
func askLongSlices(nice int) {
	for changed, rounds := true, 0; changed && rounds < mostRounds; rounds++ {
		changed = false
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return
		}
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil {
				return
			}
			now, err := unix.SchedGetAttr(tid, 0)
			if err != nil || now.Runtime == uint64(longSlice) {
				continue // gone, or done
			}
			now.Nice, now.Runtime = int32(max(nice, int(now.Nice))), uint64(longSlice) //nolint:gosec // 0 to 19
			changed = unix.SchedSetAttr(tid, now, 0) == nil || changed
		}
	}
}

// niceRange turns what getpriority returns into a nice value.
const niceRange = 20

// stopped reports whether the child was stopped by a signal. It asks as the parent
// (waitid(2)), because /proc may hide a process that is not dumpable.
func stopped(pid int) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo == int32(unix.SIGCHLD)
}

// heapToAdvise is more than the hashes of usual settings take.
const heapToAdvise = 64 << 20

// preferHugePages lets the heap be made of huge pages where the system leaves that to
// programs (madvise in /sys/kernel/mm/transparent_hugepage/enabled). Argon2 and scrypt
// read their memory at random, and finding pages of 4 KiB is a twentieth of their time.
// The advice stays with the addresses, and the heap hands them out again.
func preferHugePages() {
	for _, which := range []int{unix.RLIMIT_AS, unix.RLIMIT_DATA} {
		var most unix.Rlimit
		if err := unix.Getrlimit(which, &most); err != nil || most.Cur != unix.RLIM_INFINITY {
			return // addresses are scarce, and without any the program ends
		}
	}
	heap := make([]byte, heapToAdvise) // addresses only: nothing of it is touched
	_ = unix.Madvise(heap, unix.MADV_HUGEPAGE)
	runtime.KeepAlive(heap)
	debug.FreeOSMemory()
}

func setNonblock(fd uintptr) error { return unix.SetNonblock(int(fd), true) }
