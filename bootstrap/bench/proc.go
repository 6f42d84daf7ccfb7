package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the unit of CPU times in /proc, 100 a second on every Linux.
const clockTick = 10 * time.Millisecond

// process is what /proc/PID/stat tells.
type process struct {
	pid, parent int
	cpu         time.Duration // its own, and that of its children that ended
}

// processTree is the process and everything below it, that first.
func processTree(root int) ([]process, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	below := map[int][]process{}
	var tree []process
	for _, file := range files {
		p, err := readProcess(file)
		switch {
		case gone(err):
		case err != nil:
			return nil, err
		case p.pid == root:
			tree = append(tree, p)
		default:
			below[p.parent] = append(below[p.parent], p)
		}
	}
	if len(tree) == 0 {
		return nil, fmt.Errorf("process %d: %w", root, os.ErrProcessDone)
	}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, below[tree[i].pid]...)
	}
	return tree, nil
}

func readProcess(file string) (process, error) {
	stat, err := os.ReadFile(file) //nolint:gosec // of /proc
	if err != nil {
		return process{}, err
	}
	// The name, in parentheses, may hold anything; the numbers follow the last one.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	number := func(s string) int {
		n, convErr := strconv.Atoi(s)
		err = errors.Join(err, convErr)
		return n
	}
	p := process{pid: number(filepath.Base(filepath.Dir(file))), parent: number(fields[1])}
	for _, i := range []int{11, 12, 13, 14} { // utime stime cutime cstime
		p.cpu += time.Duration(number(fields[i])) * clockTick
	}
	return p, err
}

// cpuTime is the CPU time that the process and all below it have used.
func cpuTime(root int) (time.Duration, error) {
	tree, err := processTree(root)
	var sum time.Duration
	for _, p := range tree {
		sum += p.cpu
	}
	return sum, err
}

// footprint is the memory of a process tree.
type footprint struct {
	mib       float64 // proportional set size
	processes int
	resident  bool // some process shows nobody its PSS: what is resident is counted, which is more
}

// memoryOf adds up the proportional set sizes of the process and all below it.
func memoryOf(root int) (footprint, error) {
	return sumOf(root, func(pid int, f *footprint) (float64, error) {
		mib, err := field(pid, "smaps_rollup", "Pss")
		if errors.Is(err, fs.ErrPermission) { // processes that are not dumpable hide it
			f.resident = true
			return field(pid, "status", "VmRSS")
		}
		return mib, err
	})
}

// residentOf adds up what is resident of the process and all below it. It costs them
// nothing.
func residentOf(root int) (footprint, error) {
	return sumOf(root, func(pid int, f *footprint) (float64, error) {
		f.resident = true
		return field(pid, "status", "VmRSS")
	})
}

func sumOf(root int, mib func(pid int, f *footprint) (float64, error)) (footprint, error) {
	tree, err := processTree(root)
	var f footprint
	for _, p := range tree {
		m, err := mib(p.pid, &f)
		if gone(err) {
			continue
		}
		if err != nil {
			return footprint{}, err
		}
		f.mib += m
		f.processes++
	}
	return f, err
}

// peakOf is the resident memory of one process at its peak, in MiB.
func peakOf(pid int) (float64, error) { return field(pid, "status", "VmHWM") }

// field is a figure in MiB of a file of /proc/PID.
func field(pid int, file, name string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0, err
	}
	lines := strings.Split(string(text), "\n")
	at := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, name+":") })
	if at < 0 { // a process that has ended and was not waited for
		return 0, os.ErrProcessDone
	}
	kib, err := strconv.ParseFloat(strings.Fields(lines[at])[1], 64)
	return kib / 1024, err
}

// gone reports that a process ended while it was looked at.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) || errors.Is(err, os.ErrProcessDone)
}
