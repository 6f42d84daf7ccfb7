//go:build !linux

package worker

import (
	"errors"
	"runtime"
	"syscall"
)

// unsupported says why there are no children on this system.
const unsupported = "Worker processes are for Linux; this is " + runtime.GOOS + "."

func attributes() *syscall.SysProcAttr { return nil }

func confine() error { return errors.ErrUnsupported }

func closeOnExec() {}

func restrain(int) error { return errors.ErrUnsupported }

func lowerPriority(int) error { return errors.ErrUnsupported }

func stopped(int) bool { return false }

func setNonblock(uintptr) error { return errors.ErrUnsupported }

func preferHugePages() {}
