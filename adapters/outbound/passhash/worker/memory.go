package worker

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// idleTime is after how long without a job memory is given back.
	idleTime = time.Second
	// slack is how many bytes are kept beyond twice what a job needs.
	slack = 8 << 20

	allocated = "/gc/heap/allocs:bytes"           // ever
	free      = "/memory/classes/heap/free:bytes" // kept without use
)

// memory keeps the child's memory small. Hash functions allocate theirs on each call:
// it is collected after each job, so that the next one finds it again and two never
// add up, and goes back to the system when no job comes or when it is much more than
// the jobs of the moment need.
type memory struct {
	idle     *time.Timer
	samples  []metrics.Sample
	total    uint64 // allocated before the present job
	previous uint64 // allocated by the previous job
}

func newMemory() *memory {
	m := &memory{idle: time.NewTimer(idleTime), samples: []metrics.Sample{{Name: allocated}, {Name: free}}}
	metrics.Read(m.samples)
	m.total = m.samples[0].Value.Uint64()
	return m
}

// collect follows each job.
func (m *memory) collect() {
	runtime.GC()
	metrics.Read(m.samples)
	total, kept := m.samples[0].Value.Uint64(), m.samples[1].Value.Uint64()
	used := total - m.total
	if kept > 2*min(used, m.previous)+slack {
		debug.FreeOSMemory()
	}
	m.total, m.previous = total, used
	m.idle.Reset(idleTime)
}
