package load

import (
	"context"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Opened is what Open measured: a latency and a lateness for each request that was
// due in the window, in the order of the schedule.
type Opened struct {
	Latency []time.Duration // from when the request was sent to the end of its answer
	// Late is from when it was due to when it was sent: the generator's own fault, which
	// on a machine that it shares with the service is not the service's. No answer holds
	// up a later request, so the rate stands as long as this stays below the interval.
	Late   []time.Duration
	Failed int
	Fault  string // the first failure
}

// Open calls do at a fixed rate through the window, each call in a goroutine of
// its own, and waits for all of them. sleep returns at the time it is given; see
// Precisely.
func Open(ctx context.Context, w Window, perSecond int, sleep func(until time.Time), do func(context.Context) error) Opened {
	type sample struct {
		late, latency time.Duration
		err           error
	}
	interval := time.Second / time.Duration(perSecond)
	samples := make([]sample, int((w.Warm+w.Period)/interval))
	var group sync.WaitGroup
	for i := range samples {
		due := w.Begin.Add(time.Duration(i) * interval)
		sleep(due)
		group.Go(func() {
			s := &samples[i]
			sent := now()
			s.late = sent.Sub(due)
			s.err = do(ctx)
			s.latency = now().Sub(sent)
		})
		runtime.Gosched() // here, rather than when another thread has woken
	}
	group.Wait()
	var o Opened
	for i, s := range samples {
		if s.err != nil {
			if o.Failed++; o.Fault == "" {
				o.Fault = s.err.Error()
			}
		}
		if time.Duration(i)*interval >= w.Warm {
			o.Latency, o.Late = append(o.Latency, s.latency), append(o.Late, s.late)
		}
	}
	return o
}

// Precisely sleeps until the time. Go's own timers wake up to a millisecond late
// in a process that is otherwise idle; the kernel's keep to 50 microseconds.
func Precisely(until time.Time) {
	for left := until.Sub(now()); left > 0; left = until.Sub(now()) {
		wait := syscall.NsecToTimespec(left.Nanoseconds())
		_ = syscall.Nanosleep(&wait, nil) // a signal ends it early: then once more
	}
}
