package sizing

import (
	"fmt"
	"io/fs"
	"math"
	"strconv"
)

// Plan says how many hashes run at a time, and why.
type Plan struct {
	Workers   int // where each has a process of low priority
	InProcess int // where they run inside the service, beside its requests

	Cores  int     // that this process may use
	Quota  float64 // cores' worth of time that the control group may use; 0: no limit
	Memory int64   // bytes that the control group may use; 0: no limit

	Why []string // the reasons, one sentence each
}

// Make plans for a process that may use the cores (runtime.NumCPU, which respects
// affinity) and sees root as its file system. A configured number of workers above 0
// wins; Why then says what would have been chosen.
//
// Without a quota the kernel gives every core to whoever has precedence, so workers
// of low priority may take all cores, and workers inside the process must leave one
// for requests. Under a quota below the cores neither holds: a group that has used up
// its time stops with all its threads, whatever their priority, so the workers leave
// one core's worth of it to requests.
//
// each is the memory that one worker takes at most, in bytes. Workers together get no
// more than half of what the control group may use: the rest is the service's.
func Make(root fs.FS, cores, configured int, each int64) Plan {
	limits, notes := readLimits(root)
	p := Plan{Cores: max(1, cores), Quota: limits.quota, Memory: limits.memory}
	plural := "s"
	if p.Cores == 1 {
		plural = ""
	}
	if p.Quota > 0 && p.Quota < float64(p.Cores) {
		p.Workers = max(1, int(math.Floor(p.Quota))-1)
		p.InProcess = p.Workers
		p.Why = append(p.Why, fmt.Sprintf("A CPU quota of %s cores holds for %d usable core%s: %d at a time, so that a spent quota does not stop requests.",
			number(p.Quota), p.Cores, plural, p.Workers))
	} else {
		p.Workers, p.InProcess = p.Cores, max(1, p.Cores-1)
		p.Why = append(p.Why, fmt.Sprintf("%d usable core%s, no CPU quota below that: %d at a time in processes of low priority, or %d inside the service.",
			p.Cores, plural, p.Workers, p.InProcess))
	}
	if p.Memory > 0 {
		p.Why = append(p.Why, fmt.Sprintf("The control group may use %d MiB of memory.", p.Memory>>20))
		if most := int(max(1, p.Memory/2/max(1, each))); most < p.Workers {
			p.Workers, p.InProcess = most, min(p.InProcess, most)
			p.Why = append(p.Why, fmt.Sprintf("Half of it is enough for %d at a time.", most))
		}
	}
	if configured > 0 {
		p.Why[0] = fmt.Sprintf("%d configured. Without that: %s", configured, p.Why[0])
		p.Workers, p.InProcess = configured, min(p.InProcess, configured)
	}
	p.Why = append(p.Why, notes...)
	return p
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
