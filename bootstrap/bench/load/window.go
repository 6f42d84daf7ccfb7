package load

import "time"

// Window is when load runs, and which of it counts: everything from Begin, and
// what falls into Period once Warm is over. Processes on one machine share it.
type Window struct {
	Begin  time.Time
	Warm   time.Duration
	Period time.Duration
}

// From is when counting begins.
func (w Window) From() time.Time { return w.Begin.Add(w.Warm) }

// Until is when the load and the counting end.
func (w Window) Until() time.Time { return w.From().Add(w.Period) }

// now is the time; benchmarks measure real time.
func now() time.Time { return time.Now() } //nolint:forbidigo // as said
