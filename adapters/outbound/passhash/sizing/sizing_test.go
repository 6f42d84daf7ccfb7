package sizing_test

import (
	"io/fs"
	"math"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"authserve/adapters/outbound/passhash/sizing"
)

const (
	mountV2     = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
	mountHybrid = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
	mountCPU    = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
	mountMemory = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
	groupsV1    = "9:name=systemd:/a\n5:cpuset:/\n4:memory:/a/b\n1:cpu,cpuacct:/a/b\n"
)

// tree makes a file system of pairs of path and content.
func tree(groups, mounts string, files ...string) fs.FS {
	fsys := fstest.MapFS{}
	files = append(files, "proc/self/cgroup", groups, "proc/self/mountinfo", "22 1 254:0 / / rw - ext4 /dev/vda rw\n"+mounts)
	for i := 0; i < len(files); i += 2 {
		fsys[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return fsys
}

func TestPlan(t *testing.T) {
	t.Parallel()
	const gib = 1 << 30
	cases := []struct {
		name              string
		root              fs.FS
		cores, configured int
		workers, inside   int
		quota             float64
		memory            int64
		why               string // is part of the reasons
	}{
		{"no /proc", fstest.MapFS{}, 4, 0, 4, 3, 0, 0, "The control group is not known, so no limit of it is: /proc/self/cgroup: file does not exist."},
		{"no mounts", fstest.MapFS{"proc/self/cgroup": {Data: []byte("0::/\n")}}, 4, 0, 4, 3, 0, 0, "The mounts are not known"},
		{"one core", tree("0::/\n", mountV2), 1, 0, 1, 1, 0, 0, "1 usable core, no CPU quota"},
		{"no core is one core", tree("0::/\n", mountV2), 0, 0, 1, 1, 0, 0, ""},
		{"no cgroup mounted", tree("0::/\n", ""), 2, 0, 2, 1, 0, 0, "2 usable cores, no CPU quota below that: 2 at a time in processes of low priority, or 1 inside the service."},
		{"v2, root without files", tree("0::/\n", mountV2), 8, 0, 8, 7, 0, 0, ""},
		{"v2, max", tree("0::/a\n", mountV2, "sys/fs/cgroup/a/cpu.max", "max 100000\n", "sys/fs/cgroup/a/memory.max", "max\n"), 8, 0, 8, 7, 0, 0, ""},
		{
			"v2, quota", tree("0::/a\n", mountV2, "sys/fs/cgroup/a/cpu.max", "400000 100000\n", "sys/fs/cgroup/a/memory.max", "1073741824\n"), 8, 0, 3, 3, 4, gib,
			"A CPU quota of 4 cores holds for 8 usable cores: 3 at a time",
		},
		{"v2, memory in words", tree("0::/a\n", mountV2, "sys/fs/cgroup/a/memory.max", "1073741824\n"), 8, 0, 8, 7, 0, gib, "The control group may use 1024 MiB of memory."},
		{"v2, broken quota rounds down", tree("0::/a\n", mountV2, "sys/fs/cgroup/a/cpu.max", "390000 100000\n"), 8, 0, 2, 2, 3.9, 0, "quota of 3.9 cores"},
		{"v2, quota below two", tree("0::/a\n", mountV2, "sys/fs/cgroup/a/cpu.max", "150000 100000\n"), 8, 0, 1, 1, 1.5, 0, ""},
		{"v2, quota below one", tree("0::/a\n", mountV2, "sys/fs/cgroup/a/cpu.max", "10000 100000\n"), 8, 0, 1, 1, 0.1, 0, ""},
		{"v2, quota of all cores", tree("0::/a\n", mountV2, "sys/fs/cgroup/a/cpu.max", "200000 100000\n"), 2, 0, 2, 1, 2, 0, "no CPU quota below that"},
		{"v2, quota above the cores", tree("0::/a\n", mountV2, "sys/fs/cgroup/a/cpu.max", "400000 100000\n"), 2, 0, 2, 1, 4, 0, ""},
		{"v2, the smallest on the way is above", tree("0::/a/b/c\n", mountV2,
			"sys/fs/cgroup/a/cpu.max", "300000 100000\n", "sys/fs/cgroup/a/b/cpu.max", "max 100000\n", "sys/fs/cgroup/a/b/c/cpu.max", "600000 100000\n",
			"sys/fs/cgroup/a/memory.max", "max\n", "sys/fs/cgroup/a/b/memory.max", "1073741824\n", "sys/fs/cgroup/a/b/c/memory.max", "2147483648\n"), 8, 0, 2, 2, 3, gib, ""},
		{"v2, the smallest on the way is below", tree("0::/a/b\n", mountV2,
			"sys/fs/cgroup/a/cpu.max", "600000 100000\n", "sys/fs/cgroup/a/b/cpu.max", "300000 50000\n"), 8, 0, 5, 5, 6, 0, ""},
		{"v2, siblings do not count", tree("0::/a\n", mountV2, "sys/fs/cgroup/b/cpu.max", "100000 100000\n", "sys/fs/cgroup/a/b/cpu.max", "100000 100000\n"), 8, 0, 8, 7, 0, 0, ""},
		{"v2, container sees its group as the root", tree("0::/\n", mountV2, "sys/fs/cgroup/cpu.max", "300000 100000\n", "sys/fs/cgroup/memory.max", "1073741824\n"), 4, 0, 2, 2, 3, gib, ""},
		{"v2, path of the host is not visible", tree("0::/docker/abc\n", mountV2, "sys/fs/cgroup/cpu.max", "300000 100000\n"), 4, 0, 2, 2, 3, 0, ""},
		{"v2, path above the namespace", tree("0::/../x\n", mountV2, "sys/fs/cgroup/cpu.max", "300000 100000\n", "sys/fs/cgroup/x/cpu.max", "100000 100000\n"), 4, 0, 2, 2, 3, 0, ""},
		{"v2, mounted part", tree("0::/docker/abc/x\n", strings.Replace(mountV2, "/ /sys", "/docker/abc /sys", 1),
			"sys/fs/cgroup/cpu.max", "500000 100000\n", "sys/fs/cgroup/x/cpu.max", "300000 100000\n"), 8, 0, 2, 2, 3, 0, ""},
		{"v2, another mounted part", tree("0::/docker/abcd\n", strings.Replace(mountV2, "/ /sys", "/docker/abc /sys", 1),
			"sys/fs/cgroup/cpu.max", "500000 100000\n", "sys/fs/cgroup/d/cpu.max", "300000 100000\n"), 8, 0, 4, 4, 5, 0, ""},
		{"v2, mounted elsewhere with a space", tree("0::/a\n", `30 23 0:26 / /my\040groups rw shared:1 master:2 - cgroup2 none rw`, "my groups/a/cpu.max", "300000 100000\n"), 8, 0, 2, 2, 3, 0, ""},
		{"v1, none", tree(groupsV1, mountCPU+mountMemory, "sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n", "sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n",
			"sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n"), 8, 0, 8, 7, 0, 0, ""},
		{"v1, quota", tree(groupsV1, mountCPU+mountMemory, "sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "400000\n", "sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1073741824\n"), 8, 0, 3, 3, 4, gib, ""},
		{"v1, quota above", tree(groupsV1, mountCPU, "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "400000\n", "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n",
			"sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n", "sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n"), 8, 0, 3, 3, 4, 0, ""},
		{"v1, files of another controller's hierarchy do not count", tree(groupsV1, mountMemory, "sys/fs/cgroup/memory/a/b/cpu.cfs_quota_us", "100000", "sys/fs/cgroup/memory/a/b/cpu.cfs_period_us", "100000"), 8, 0, 8, 7, 0, 0, ""},
		{"hybrid", tree(groupsV1+"0::/a/b\n", mountCPU+mountMemory+mountHybrid, "sys/fs/cgroup/unified/a/cgroup.procs", "1\n",
			"sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "300000", "sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000"), 8, 0, 2, 2, 3, 0, ""},
		{"hybrid, cpu in v2", tree("4:memory:/a\n0::/a\n", mountMemory+mountHybrid, "sys/fs/cgroup/unified/a/cpu.max", "300000 100000\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1073741824\n"), 8, 0, 2, 2, 3, gib, ""},
		{"configured", tree("0::/\n", mountV2), 4, 9, 9, 3, 0, 0, "9 configured. Without that: 4 usable cores, no CPU quota below that: 4 at a time in processes of low priority, or 3 inside the service."},
		{"configured under a quota", tree("0::/a\n", mountV2, "sys/fs/cgroup/a/cpu.max", "300000 100000\n"), 4, 1, 1, 1, 3, 0, "1 configured. Without that: A CPU quota of 3 cores"},
		{"half of the memory is for workers", tree("0::/a\n", mountV2, "sys/fs/cgroup/a/memory.max", "268435456\n"), 8, 0, 2, 2, 0, 256 << 20, "Half of it is enough for 2 at a time."},
		{"half of the memory is just enough", tree("0::/a\n", mountV2, "sys/fs/cgroup/a/memory.max", "444596224\n"), 4, 0, 4, 3, 0, 424 << 20, "The control group may use 424 MiB of memory."},
		{"memory for none is for one", tree("0::/a\n", mountV2, "sys/fs/cgroup/a/memory.max", "1048576\n"), 8, 0, 1, 1, 0, 1 << 20, "Half of it is enough for 1 at a time."},
		{"configured wins over memory", tree("0::/a\n", mountV2, "sys/fs/cgroup/a/memory.max", "268435456\n"), 8, 5, 5, 2, 0, 256 << 20, "5 configured."},
		{"garbage is no limit and is told", tree("0::/a\n", mountV2, "sys/fs/cgroup/a/cpu.max", "lots 100000\n"), 4, 0, 4, 3, 0, 0, `/sys/fs/cgroup/a/cpu.max says "lots" in a period of "100000".`},
		{"garbage does not hide a limit above", tree("0::/a/b\n", mountV2, "sys/fs/cgroup/a/b/cpu.max", "\n-5 0", "sys/fs/cgroup/a/cpu.max", "300000 100000"), 4, 0, 2, 2, 3, 0, "is not known"},
		{"empty file", tree("0::/a\n", mountV2, "sys/fs/cgroup/a/cpu.max", "", "sys/fs/cgroup/a/memory.max", ""), 4, 0, 4, 3, 0, 0, ""},
		{"no period", tree("0::/a\n", mountV2, "sys/fs/cgroup/a/cpu.max", "100000"), 4, 0, 4, 3, 0, 0, "is not known"},
		{"period of zero", tree("0::/a\n", mountV2, "sys/fs/cgroup/a/cpu.max", "100000 0"), 4, 0, 4, 3, 0, 0, "is not known"},
		{"memory garbage", tree("0::/a\n", mountV2, "sys/fs/cgroup/a/memory.max", "-7"), 4, 0, 4, 3, 0, 0, `memory.max says "-7"`},
		{"groups garbage", tree("\n::\nx:y\n0::a\n0::/a\n", mountV2, "sys/fs/cgroup/a/cpu.max", "300000 100000\n"), 4, 0, 2, 2, 3, 0, ""},
		{"mounts garbage", tree("0::/a\n", " - \n1 2 - cgroup2\n1 2 3 / /../.. x - cgroup2 a b\n"+mountV2, "sys/fs/cgroup/a/cpu.max", "300000 100000\n"), 4, 0, 2, 2, 3, 0, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := sizing.Make(c.root, c.cores, c.configured, 53<<20)
			if got.Workers != c.workers || got.InProcess != c.inside {
				t.Errorf("got %d workers and %d in the process, want %d and %d", got.Workers, got.InProcess, c.workers, c.inside)
			}
			if got.Cores != max(1, c.cores) || got.Quota != c.quota || got.Memory != c.memory {
				t.Errorf("got %d cores, quota %v, memory %d; want %d, %v, %d", got.Cores, got.Quota, got.Memory, max(1, c.cores), c.quota, c.memory)
			}
			why := strings.Join(got.Why, "\n")
			if why == "" || !strings.Contains(why, c.why) {
				t.Errorf("got the reasons %q, want them to have %q", why, c.why)
			}
			if c.why == "" && strings.Contains(why, "not known") {
				t.Errorf("got the doubt %q, want none", why)
			}
		})
	}
}

// TestThisMachine reads what is really there, which must at least be understood.
func TestThisMachine(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/mountinfo"); err != nil {
		t.Skipf("no control groups here: %v", err)
	}
	got := sizing.Make(os.DirFS("/"), 4, 0, 53<<20)
	if got.Workers < 1 || got.Workers > 4 || strings.Contains(strings.Join(got.Why, "\n"), "not known") {
		t.Errorf("got %+v, want 1 to 4 workers and no doubt", got)
	}
}

func FuzzPlan(f *testing.F) {
	f.Add("0::/a\n", mountV2, "300000 100000\n", "1073741824\n", 8, 0)
	f.Add(groupsV1, mountCPU+mountMemory, "-1\n", "9223372036854771712\n", 2, 3)
	f.Add("0::/../../a\n4:cpu:/\n", "1 1 1 /a /sys/fs/cgroup x - cgroup2 a b\n", "max", "max", 1, -1)
	f.Add("0::/a//b/./../c", `1 1 1 \134 /sys\040/fs x - cgroup c cpu,memory`, "1 18446744073709551615", "0", 0, 0)
	f.Fuzz(func(t *testing.T, groups, mounts, quota, memory string, cores, configured int) {
		files := []string{}
		for _, dir := range []string{"sys/fs/cgroup", "sys/fs/cgroup/a", "sys/fs/cgroup/cpu,cpuacct/a", "sys/fs/cgroup/memory/a"} {
			files = append(files, dir+"/cpu.max", quota, dir+"/cpu.cfs_quota_us", quota, dir+"/cpu.cfs_period_us", "100000",
				dir+"/memory.max", memory, dir+"/memory.limit_in_bytes", memory)
		}
		got := sizing.Make(tree(groups, mounts, files...), cores, configured, 53<<20)
		if got.Workers < 1 || got.InProcess < 1 || got.Cores < 1 || len(got.Why) == 0 {
			t.Errorf("got %+v, want workers and reasons", got)
		}
		if configured <= 0 && got.Workers > got.Cores || configured > 0 && got.Workers != configured {
			t.Errorf("got %d workers of %d cores, %d configured", got.Workers, got.Cores, configured)
		}
		if got.Quota < 0 || math.IsNaN(got.Quota) || math.IsInf(got.Quota, 0) || got.Memory < 0 {
			t.Errorf("got quota %v, memory %d", got.Quota, got.Memory)
		}
	})
}
