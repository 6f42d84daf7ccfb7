package domain

import "time"

// Rate is how often something may happen: Burst times at once, and Burst times in
// each Period on average. Both are at least one; the zero Rate bounds nothing.
type Rate struct {
	Name   string // of the policy, as RateLimit fields and metrics show it
	Burst  int
	Period time.Duration
}

// IsZero reports whether the rate bounds nothing.
func (r Rate) IsZero() bool { return r == Rate{} }

// Interval is the time in which one more becomes available, in whole microseconds as
// all instants.
func (r Rate) Interval() time.Duration {
	return max((r.Period / time.Duration(r.Burst)).Truncate(time.Microsecond), time.Microsecond)
}

// Whole is the time in which an empty bucket becomes full: the period, but for what
// Interval leaves out.
func (r Rate) Whole() time.Duration { return r.Interval() * time.Duration(r.Burst) }

// Bucket is one thing that a Rate bounds, such as the logins from one network.
type Bucket struct {
	Key  string // any bytes; tells apart the buckets of rates of the same name
	Rate Rate
}

// RateVerdict is what a limiter says of one attempt.
type RateVerdict struct {
	Allowed    bool
	Rate       Rate          // the tightest of those that were asked
	Remaining  int           // attempts left at once, under that rate
	Reset      time.Duration // until all of its burst is there again
	RetryAfter time.Duration // where it is refused: until an attempt may pass
}

// Arrival is the theoretical arrival time at now of a bucket of which kept is known,
// zero for a full one. No bucket is emptier than empty: what lies further ahead was
// kept before the clock went back, or under another rate, and would refuse for as long.
func (r Rate) Arrival(kept, now time.Time) time.Time {
	if kept.Before(now) {
		return now
	}
	if empty := now.Add(r.Whole()); kept.After(empty) {
		return empty
	}
	return kept
}

// Judge holds an attempt at now against the rate by the generic cell rate algorithm
// (ITU-T I.371): kept is the theoretical arrival time that is kept of the bucket,
// zero for a full one, and next is what is kept of it when the attempt is let through.
func (r Rate) Judge(kept, now time.Time) (verdict RateVerdict, next time.Time) {
	arrival, interval := r.Arrival(kept, now), r.Interval()
	next = arrival.Add(interval)
	verdict = RateVerdict{Rate: r, Reset: arrival.Sub(now)}
	if spare := now.Add(r.Whole()).Sub(next); spare >= 0 {
		verdict.Allowed, verdict.Remaining, verdict.Reset = true, int(spare/interval), next.Sub(now)
	} else {
		verdict.RetryAfter = -spare
	}
	return verdict, next
}

// Tighter returns the verdict that says most of two: one that refuses, and of those
// the one that waits longer; otherwise the one that leaves less.
func (v RateVerdict) Tighter(other RateVerdict) RateVerdict {
	switch {
	case v.Rate.IsZero():
		return other
	case v.Allowed != other.Allowed:
		if v.Allowed {
			return other
		}
		return v
	case !v.Allowed && other.RetryAfter > v.RetryAfter, v.Allowed && other.Remaining < v.Remaining:
		return other
	default:
		return v
	}
}
