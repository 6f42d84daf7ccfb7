// Package sizing chooses how many passwords are hashed at a time: from the usable
// cores, from the CPU quota of the control group, or as configured, and says why in
// words. It also tells the control group's memory limit.
//
// The flow: /proc/self/cgroup names the process's group in each hierarchy, and
// /proc/self/mountinfo where the hierarchies are mounted and which part of them is
// visible, since a container often sees its own group as the root. The limits of the
// group and of all above it hold together, so the smallest wins. Versions 1 and 2 of
// control groups are read, also side by side
// (https://docs.kernel.org/admin-guide/cgroup-v2.html, cgroup-v1/).
package sizing
