package queue

import (
	"context"
	"errors"
	"maps"
	"time"

	"authserve/ports"
)

const (
	// shortestRetryAfter and longestRetryAfter bound what refused callers are told.
	shortestRetryAfter = time.Second
	longestRetryAfter  = 30 * time.Second
	// estimateWeight is the divisor by which one job moves the estimate of its
	// kind: that of the round-trip time of TCP (RFC 6298 section 2).
	estimateWeight = 8
	// longestFirst bounds the first estimate, which nothing checks yet.
	longestFirst = 5 * time.Second
	// maxKinds bounds the estimates that are kept.
	maxKinds = 64
)

// load is what is known of the jobs of one kind.
type load struct {
	jobs     int           // that run or wait
	estimate time.Duration // moving average of their durations; 0: none has ended yet
}

// learn moves the estimate. An outlier counts as twice the estimate, so that a
// clock that was set or a machine that slept does not refuse callers for long.
func (l *load) learn(took time.Duration) {
	switch {
	case took <= 0:
	case l.estimate == 0:
		l.estimate = min(took, longestFirst)
	default:
		l.estimate += (min(took, 2*l.estimate) - l.estimate) / estimateWeight
	}
}

// take counts j in. A kind for which there is no room is not remembered. mu is held.
func (q *Queue) take(j *job) {
	j.load = q.loads[j.ticket.Kind]
	if j.load == nil {
		j.load = &load{}
		if len(q.loads) >= maxKinds {
			maps.DeleteFunc(q.loads, func(_ string, l *load) bool { return l.jobs == 0 })
		}
		if len(q.loads) < maxKinds {
			q.loads[j.ticket.Kind] = j.load
		}
	}
	j.load.jobs++
}

// estimate is how long a job of the kind lasts, 0 when nothing is known. mu is held.
func (q *Queue) estimate(kind string) time.Duration {
	if l := q.loads[kind]; l != nil {
		return l.estimate
	}
	return 0
}

// fits reports whether j, after the wait, ends before its deadline, with half its
// duration to spare. mu is held.
func (q *Queue) fits(j *job, wait time.Duration) bool {
	if j.deadline.IsZero() {
		return true
	}
	lasts := q.estimate(j.ticket.Kind)
	return wait+lasts+lasts/2 < j.deadline.Sub(q.clock.Now())
}

// wait is how long a newcomer waits for its turn. mu is held.
func (q *Queue) wait(t Ticket) time.Duration {
	turns := q.turnsOf(t)
	ahead := turns.before(t.Network, q.entry(turns, q.works(t.Network)))
	if t.Background {
		ahead += q.foreground.kinds.work()
	}
	return q.share(ahead)
}

// share is how long the slots take for the jobs they have and for ahead. mu is held.
func (q *Queue) share(ahead time.Duration) time.Duration {
	for _, j := range q.slots {
		if j != nil {
			ahead += j.load.estimate
		}
	}
	return ahead / time.Duration(len(q.slots))
}

// refuse ends a job that has no slot, whether it waits or has only come. mu is held.
func (q *Queue) refuse(j *job, why Reason, cause error) {
	if j.load != nil {
		j.load.jobs--
		q.turnsOf(j.ticket).remove(j)
	}
	j.refused = q.refusal(j.ticket, why, cause)
	close(j.turn)
}

// refusal words why. A deadline that passed in the queue tells of too much work, not
// of trouble with the work, so it opens no circuit above. mu is held.
func (q *Queue) refusal(t Ticket, why Reason, cause error) *refusal {
	switch why {
	case Departed:
		return &refusal{why, cause}
	case Closed:
		return &refusal{why, ports.ErrUnavailable}
	default:
		return &refusal{why, ports.ErrOverloaded.Wrap(cause).WithRetryAfter(q.retryAfter(t))}
	}
}

// spent is the error for a job that began, when the queue is what its time went for.
func (q *Queue) spent(t Ticket, err error) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.refusal(t, Expired, err).err
}

// retryAfter tells a refused caller to come back when the slots are done with what
// waits before it and with the callers refused before it, so that these do not all
// come at once. When that passes the longest, it begins again with the first. mu is
// held.
func (q *Queue) retryAfter(t Ticket) time.Duration {
	now := q.clock.Now()
	after, others := q.wait(t), max(0, q.promised.Sub(now))
	if after+others > longestRetryAfter {
		others = 0
	}
	q.promised = now.Add(others + q.estimate(t.Kind)/time.Duration(len(q.slots)))
	return min(max(shortestRetryAfter, after+others), longestRetryAfter)
}
