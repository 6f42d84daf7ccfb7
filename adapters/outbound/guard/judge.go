package guard

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/afex/hystrix-go/hystrix"

	"authserve/ports"
)

// The three lines that hystrix writes to its logger, each with the circuit's name
// and at the moment of the change. They are the only view of its state that
// changes nothing: AllowRequest consumes the trial, and IsOpen may open.
const (
	lineOpening = "hystrix-go: opening circuit %v"
	lineTrial   = "hystrix-go: allowing single test to possibly close circuit %v"
	lineClosing = "hystrix-go: closing circuit %v"
)

// process is the one owner of what hystrix keeps per process.
//
//nolint:gochecknoglobals // hystrix's circuits and logger are globals of its package; this mirrors them
var process struct {
	logger   sync.Once
	circuits atomic.Uint64
	judges   sync.Map // hystrix's name of the circuit -> *judge
}

// hystrixLogger hands hystrix's lines to the judge of the circuit.
type hystrixLogger struct{}

// Printf implements the logger of hystrix.
func (hystrixLogger) Printf(format string, items ...any) {
	if len(items) != 1 {
		return
	}
	known, _ := process.judges.Load(items[0])
	if j, ok := known.(*judge); ok {
		j.observe(format)
	}
}

// Goroutines names the functions of the goroutines that hystrix starts for each
// circuit, one of each, and never ends: for leak checks in tests.
func Goroutines() []string {
	return []string{
		"github.com/afex/hystrix-go/hystrix.(*metricExchange).Monitor",
		"github.com/afex/hystrix-go/hystrix.(*poolMetrics).Monitor",
	}
}

// judge is one circuit of hystrix and what is known of its state.
//
// mu is held around every call into hystrix. So the lines that hystrix writes in
// such a call belong to its caller, and the circuit cannot change between looking
// at the generation and reporting.
type judge struct {
	breaker *hystrix.CircuitBreaker
	clock   ports.Clock
	sleep   time.Duration

	mu         sync.Mutex
	open       bool
	generation uint64    // counts openings and closings
	since      time.Time // of the state that open tells; zero: since start
	paused     time.Time // start of the present pause: the opening, or the last trial
	halfOpen   time.Time // start of the half-open state, while trials run
	trials     int       // running trials of this generation
	begun      uint64    // trials ever begun
}

// permit is the breaker's leave to make one call.
type permit struct {
	generation uint64
	trial      bool
}

// newJudge makes a circuit that nobody else in the process has. The sleep window
// is rounded up to whole milliseconds.
func newJudge(name string, s Settings, clock ports.Clock) (*judge, error) {
	process.logger.Do(func() { hystrix.SetLogger(hystrixLogger{}) })
	sleep := (s.SleepWindow + time.Millisecond - 1).Truncate(time.Millisecond)
	own := fmt.Sprintf("%s#%d", name, process.circuits.Add(1))
	// Before GetCircuit, which sizes a pool of its own by it: one ticket is the
	// least, and none is ever taken.
	hystrix.ConfigureCommand(own, hystrix.CommandConfig{
		MaxConcurrentRequests:  1,
		RequestVolumeThreshold: s.RequestVolume,
		ErrorPercentThreshold:  s.ErrorPercent,
		SleepWindow:            int(sleep / time.Millisecond),
	})
	breaker, _, err := hystrix.GetCircuit(own)
	if err != nil {
		return nil, fmt.Errorf("circuit %s: %w", name, err)
	}
	j := &judge{breaker: breaker, clock: clock, sleep: sleep}
	process.judges.Store(own, j)
	return j, nil
}

// observe follows one line of hystrix. mu is held by the caller of hystrix.
func (j *judge) observe(line string) {
	now := j.clock.Now()
	switch line {
	case lineOpening:
		j.open, j.since, j.paused = true, now, now
		j.generation++
	case lineTrial:
		if j.trials == 0 {
			j.halfOpen = j.pauseEnd()
		}
		j.paused = now
		j.trials++
		j.begun++
	case lineClosing:
		j.open, j.since, j.trials = false, now, 0
		j.generation++
	}
}

// pauseEnd is when the present pause was over or, after a trial that took longer
// than the pause, when that ended.
func (j *judge) pauseEnd() time.Time {
	end := j.paused.Add(j.sleep)
	if j.since.After(end) {
		return j.since
	}
	return end
}

// ask reports whether the call may be made, and if not, how long the pause lasts.
// Every permit must be handed to tell.
func (j *judge) ask() (p permit, rest time.Duration, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	begun := j.begun
	if !j.breaker.AllowRequest() {
		return permit{}, j.rest(), false
	}
	return permit{generation: j.generation, trial: j.begun != begun}, 0, true
}

// pausing reports whether calls are refused for sure, and for how long, without
// asking hystrix.
func (j *judge) pausing() (rest time.Duration, yes bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.open || !j.clock.Now().Before(j.paused.Add(j.sleep)) {
		return 0, false
	}
	return j.rest(), true
}

// rest is what is left of the pause. mu is held.
func (j *judge) rest() time.Duration {
	return max(j.paused.Add(j.sleep).Sub(j.clock.Now()), time.Millisecond)
}

// tell reports how the call of p ended. hystrix closes an open circuit on any
// success and counts any failure, so a call of an earlier generation is not
// reported at all: only a trial may close, and what hung before the closing does
// not count after it. A trial that says nothing leaves the circuit open, and the
// next trial comes with the end of the pause that its start began.
func (j *judge) tell(p permit, o outcome, start time.Time, took time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if p.generation != j.generation {
		return
	}
	if p.trial && o != success {
		j.trials--
		j.since = j.clock.Now()
	}
	switch o {
	case success, failure, timeout:
		// The names of these outcomes are hystrix's. The only error says that its
		// queue is full: one sample is lost, and that is better than waiting.
		_ = j.breaker.ReportEvent([]string{o.String()}, start, took)
	case refused, rejected, canceled:
	}
}

// status tells the state without changing it.
func (j *judge) status() (ports.BreakerState, time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case !j.open:
		return ports.BreakerClosed, j.since
	case j.trials > 0:
		return ports.BreakerHalfOpen, j.halfOpen
	case j.clock.Now().Before(j.paused.Add(j.sleep)):
		return ports.BreakerOpen, j.since
	default:
		return ports.BreakerHalfOpen, j.pauseEnd()
	}
}
