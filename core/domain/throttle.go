package domain

import "time"

// Throttle counts the failures in a row of one class of callers to prove who they are.
type Throttle struct {
	Key         []byte // a MAC: 32 bytes
	Failures    int
	LastFailure time.Time
}

// MaxFailures is the most failures in a row that any policy allows (NIST SP 800-63B-4
// section 3.2.2).
const MaxFailures = 100

// ThrottlePolicy says what follows from failures in a row.
type ThrottlePolicy struct {
	Free    int           // failures without a delay
	Max     int           // failures after which the right password is refused, too
	Longest time.Duration // delay (NIST SP 800-63B-4 section 3.2.2 allows up to an hour)
}

// IsClosed reports whether no further attempt of the class may succeed.
func (p ThrottlePolicy) IsClosed(t Throttle) bool { return t.Failures >= p.Max }

// Delay is what the class waits after its last failure: nothing after the free ones,
// then a second, which doubles with each.
func (p ThrottlePolicy) Delay(t Throttle) time.Duration {
	switch doublings := t.Failures - p.Free; {
	case doublings < 0 || t.Failures == 0:
		return 0
	case doublings > 20:
		return p.Longest
	default:
		return min(time.Second<<doublings, p.Longest)
	}
}

// OpensAt is when the class may try again.
func (p ThrottlePolicy) OpensAt(t Throttle) time.Time { return t.LastFailure.Add(p.Delay(t)) }
