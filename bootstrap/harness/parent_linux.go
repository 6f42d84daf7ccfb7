package harness

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// ChildAttributes make a process end with the one that starts it, however that ends.
// In truth it ends with the thread that starts it (go.dev/issue/27505), and Go ends
// those alone whose goroutine has ended locked to them (runtime.LockOSThread).
func ChildAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// EndWithParent lets this process be asked to end (SIGTERM) when its parent has ended:
// `go run` hands no signal on, and whoever ends it means the program. Where it cannot,
// the program runs to its end.
func EndWithParent() { _ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGTERM), 0, 0, 0) }
