package sizing

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// limits are what the control groups of the process leave it; 0: no limit.
type limits struct {
	quota  float64 // cores' worth of time
	memory int64   // bytes
}

// mount is one mounted hierarchy of control groups.
type mount struct {
	root    string   // the group that is seen at point
	point   string   // as a path of fs.FS, without the leading slash
	options []string // version 1: the controllers
	unified bool     // version 2
}

// readLimits returns the smallest limits on the way from the process's groups up to
// the roots. What cannot be read is no limit, and is named in notes.
func readLimits(root fs.FS) (found limits, notes []string) {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return limits{}, []string{"The control group is not known, so no limit of it is: " + reason(err) + "."}
	}
	table, err := fs.ReadFile(root, "proc/self/mountinfo")
	if err != nil {
		return limits{}, []string{"The mounts are not known, so no limit of the control group is: " + reason(err) + "."}
	}
	mounts := parseMounts(string(table))
	for line := range strings.Lines(string(groups)) {
		controllers, group, ok := parseGroup(line)
		if !ok {
			continue
		}
		for _, m := range mounts {
			if m.unified != (controllers == nil) {
				continue
			}
			for _, dir := range m.dirs(group) {
				if m.holds(controllers, "cpu") {
					quota, err := readQuota(root, dir, m.unified)
					found.quota, notes = smaller(found.quota, quota), note(notes, err)
				}
				if m.holds(controllers, "memory") {
					memory, err := readMemory(root, dir, m.unified)
					found.memory, notes = smaller(found.memory, memory), note(notes, err)
				}
			}
		}
	}
	return found, notes
}

// parseGroup reads a line of /proc/self/cgroup (cgroups(7)): `4:cpu,cpuacct:/path`,
// or `0::/path` for version 2, which has no controllers there.
func parseGroup(line string) (controllers []string, group string, ok bool) {
	parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
	if len(parts) != 3 || !strings.HasPrefix(parts[2], "/") {
		return nil, "", false
	}
	if parts[1] != "" {
		controllers = strings.Split(parts[1], ",")
	}
	return controllers, parts[2], true
}

// parseMounts reads /proc/self/mountinfo (proc_pid_mountinfo(5)):
//
//	36 35 0:28 /root /point rw,relatime master:1 - cgroup cgroup rw,cpu
//
// with any number of fields before the dash.
func parseMounts(table string) []mount {
	var found []mount
	for line := range strings.Lines(table) {
		before, after, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 || right[0] != "cgroup" && right[0] != "cgroup2" {
			continue
		}
		point := strings.Trim(path.Clean(unescape(left[4])), "/")
		if !fs.ValidPath(point) {
			continue
		}
		found = append(found, mount{
			root: path.Clean(unescape(left[3])), point: point,
			options: strings.Split(right[2], ","), unified: right[0] == "cgroup2",
		})
	}
	return found
}

// unescape undoes what the kernel does to white space in mountinfo.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// holds reports whether the controller's files are in m. In version 2 they are where
// the controller is enabled, and else do not exist.
func (m mount) holds(controllers []string, controller string) bool {
	return m.unified || slices.Contains(controllers, controller) && slices.Contains(m.options, controller)
}

// dirs are the directories of the group and of all above it that are visible. Of a
// group outside what is mounted only the mounted root is: a container that does not
// see its path sees its group there.
func (m mount) dirs(group string) []string {
	relative, inside := group, true
	if m.root != "/" {
		relative, inside = strings.CutPrefix(group, m.root)
		inside = inside && (relative == "" || relative[0] == '/')
	}
	dirs := []string{m.point}
	if !inside || slices.Contains(strings.Split(relative, "/"), "..") {
		return dirs
	}
	for relative = path.Clean("/" + relative); relative != "/"; relative = path.Dir(relative) {
		if dir := path.Join(m.point, relative); fs.ValidPath(dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// readQuota returns the cores' worth of time that the group in dir may use.
func readQuota(root fs.FS, dir string, unified bool) (float64, error) {
	if unified {
		text, err := read(root, dir, "cpu.max") // "150000 100000" or "max 100000"
		if err != nil || text == "" {
			return 0, err
		}
		quota, period, _ := strings.Cut(text, " ")
		return parseQuota(path.Join(dir, "cpu.max"), quota, "max", period)
	}
	quota, err := read(root, dir, "cpu.cfs_quota_us")
	if err != nil || quota == "" {
		return 0, err
	}
	period, err := read(root, dir, "cpu.cfs_period_us")
	if err != nil {
		return 0, err
	}
	return parseQuota(path.Join(dir, "cpu.cfs_quota_us"), quota, "-1", period)
}

// parseQuota divides the microseconds of time by those of the period in which they
// may be used. none is the text of a quota without limit.
func parseQuota(file, quota, none, period string) (float64, error) {
	if quota == none {
		return 0, nil
	}
	q, err1 := strconv.ParseUint(quota, 10, 63)
	p, err2 := strconv.ParseUint(period, 10, 63)
	if err1 != nil || err2 != nil || q == 0 || p == 0 {
		return 0, fmt.Errorf("/%s says %.20q in a period of %.20q", file, quota, period)
	}
	return float64(q) / float64(p), nil
}

// unlimited is above every real memory limit and below what version 1 calls none:
// the largest number of pages, in bytes.
const unlimited = 1 << 60

// readMemory returns the bytes that the group in dir may use.
func readMemory(root fs.FS, dir string, unified bool) (int64, error) {
	file := "memory.limit_in_bytes"
	if unified {
		file = "memory.max"
	}
	text, err := read(root, dir, file)
	if err != nil || text == "" || unified && text == "max" {
		return 0, err
	}
	limit, err := strconv.ParseInt(text, 10, 64)
	if err != nil || limit <= 0 {
		return 0, fmt.Errorf("/%s says %.20q", path.Join(dir, file), text)
	}
	if limit >= unlimited {
		return 0, nil
	}
	return limit, nil
}

// read returns the file without white space around it, and "" where there is none:
// the root has no limits, nor has a group without the controller.
func read(root fs.FS, dir, name string) (string, error) {
	data, err := fs.ReadFile(root, path.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(data)), err
}

// smaller returns the smaller of two limits, of which 0 is none.
func smaller[T int64 | float64](a, b T) T {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

func note(notes []string, err error) []string {
	if err == nil {
		return notes
	}
	return append(notes, "A limit of the control group is not known: "+err.Error()+".")
}

func reason(err error) string {
	var fault *fs.PathError
	if errors.As(err, &fault) {
		return "/" + strings.TrimPrefix(fault.Path, "/") + ": " + fault.Err.Error()
	}
	return err.Error()
}
