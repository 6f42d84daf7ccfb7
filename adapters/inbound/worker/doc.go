// Package worker runs the service's background tasks, each in a goroutine of its
// own: once at start, then at every tick. A task never overlaps itself: of the
// ticks that pass during a run one waits for its end and the others are dropped,
// so a slow task runs less often and never queues up.
//
// A run gets a context that carries the system as its actor and ends at Stop. It
// is a trace of its own, counted and timed. A run that fails or panics is logged,
// and the task goes on at its next tick.
package worker
