//go:build !linux

package harness

import "syscall"

// ChildAttributes are for Linux: elsewhere a process outlives one that is killed.
func ChildAttributes() *syscall.SysProcAttr { return nil }

// EndWithParent is for Linux.
func EndWithParent() {}
