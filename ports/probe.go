package ports

import (
	"context"
	"time"
)

// Probe answers whether one thing the service needs is in order.
type Probe interface {
	// Name is a short fixed word, such as "database".
	Name() string
	// Check returns nil when the thing is in order.
	Check(ctx context.Context) error
}

// BreakerState is the state of a circuit breaker.
type BreakerState string

// The states. Half-open: the pause is over, and the next call is a trial.
const (
	BreakerClosed   BreakerState = "closed"
	BreakerHalfOpen BreakerState = "half-open"
	BreakerOpen     BreakerState = "open"
)

// BreakerStatus is one circuit breaker as operators see it.
type BreakerStatus struct {
	Name     string
	State    BreakerState
	Since    time.Time // of the state; zero: since start
	InFlight int
	Counts   BreakerCounts
	Settings BreakerSettings
}

// BreakerCounts count outcomes since the process started.
type BreakerCounts struct {
	Success  uint64 // the dependency answered, also with "not found" or "conflict"
	Failure  uint64
	Timeout  uint64 // our own deadline for the call
	Refused  uint64 // open circuit
	Rejected uint64 // no slot before the deadline
	Canceled uint64 // the caller left; says nothing of the dependency
}

// BreakerSettings are the limits of one breaker.
type BreakerSettings struct {
	Timeout       time.Duration // of one call, waiting for a slot included
	MaxConcurrent int
	RequestVolume int // calls in 10 s below which the circuit never opens
	ErrorPercent  int // share of failures at which it opens
	SleepWindow   time.Duration
}

// Breakers lists every circuit breaker, sorted by name. Reading changes nothing.
type Breakers interface {
	Breakers() []BreakerStatus
}
