package worker

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

// Isolation says where hashes are computed.
type Isolation string

// The kinds of isolation.
const (
	Auto    Isolation = "auto"    // in children where they can be started
	Process Isolation = "process" // in children: without any, there is no Pool
	None    Isolation = "none"    // inside the service
)

// Config is what a Pool needs. Fields without a zero meaning must be set.
type Config struct {
	Isolation Isolation
	Compute   Compute // what this process computes with; a child gives its own to Main
	Slots     int     // jobs at a time, and children
	InProcess int     // jobs at a time inside the process; 0: one core less than it uses, at least 1
	Nice      int     // of the children, 0 to 19
	Events    Events

	Program string   // of the children; empty: this one
	Args    []string // of Program; nil: Command and Nice

	Greeting time.Duration // within which a new child must be ready; 0: 10 s
	Watch    time.Duration // between two looks at a child that owes an answer; 0: 1 s
	Limit    time.Duration // after which such a child is given up, of time that this process was running; 0: 30 s
	Backoff  time.Duration // after the first failed start, doubled by each, at most 64 times as long; 0: 1 s
	Grace    time.Duration // for the children's end at Close; 0: 2 s
}

// Events are called when something happened, by the goroutine that noticed: they must
// return soon and must not call the Pool. Each can be nil.
type Events struct {
	Started   func(slot, pid int)                             // a child is ready
	Ended     func(slot, pid int, reason Reason, cause error) // a child is gone; pid is 0 when it never ran
	InProcess func(slot int)                                  // a job was computed inside the process
}

// Reason says why a child is gone. The words are few and fixed: a metric label.
type Reason string

// The reasons.
const (
	Died       Reason = "died"        // by itself, or killed from outside
	Stopped    Reason = "stopped"     // by a signal, while it owed an answer
	Silent     Reason = "silent"      // no answer within Config.Limit
	Garbage    Reason = "garbage"     // an answer that the protocol does not have
	NoStart    Reason = "no_start"    // the program could not be executed
	NoGreeting Reason = "no_greeting" // the program did not prove to be a worker
	Closed     Reason = "closed"      // by Close
)

// Reasons lists all of them.
func Reasons() []Reason {
	return []Reason{Died, Stopped, Silent, Garbage, NoStart, NoGreeting, Closed}
}

const (
	defaultGreeting = 10 * time.Second
	defaultWatch    = time.Second
	defaultLimit    = 30 * time.Second
	defaultBackoff  = time.Second
	defaultGrace    = 2 * time.Second
	maxDoublings    = 6
)

func (c Config) withDefaults() Config {
	if c.InProcess == 0 {
		c.InProcess = max(1, runtime.GOMAXPROCS(0)-1)
	}
	if c.Program == "" {
		c.Program = "/proc/self/exe" // this very program, even after its file was replaced
	}
	if c.Args == nil {
		c.Args = []string{Command, strconv.Itoa(c.Nice)}
	}
	c.Args = append([]string{os.Args[0]}, c.Args...)
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.Greeting, defaultGreeting},
		{&c.Watch, defaultWatch},
		{&c.Limit, defaultLimit},
		{&c.Backoff, defaultBackoff},
		{&c.Grace, defaultGrace},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	return c
}

// check names every fault of c at once.
func (c Config) check() error {
	var faults []error
	if c.Isolation != Auto && c.Isolation != Process && c.Isolation != None {
		faults = append(faults, fmt.Errorf("unknown isolation %q", c.Isolation))
	}
	if c.Compute == nil {
		faults = append(faults, errors.New("nothing to compute"))
	}
	if c.Slots < 1 || c.InProcess < 1 {
		faults = append(faults, errors.New("slots must be positive, inside the process too"))
	}
	if c.Nice < 0 || c.Nice > maxNice {
		faults = append(faults, fmt.Errorf("the nice value is not 0 to %d", maxNice))
	}
	if min(c.Greeting, c.Watch, c.Limit, c.Backoff, c.Grace) < 0 {
		faults = append(faults, errors.New("a negative duration"))
	}
	return errors.Join(faults...)
}
