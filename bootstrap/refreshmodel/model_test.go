// Package refreshmodel_test holds random interleavings of everything that can
// happen to sessions against a reference model: no false sign-out, no double
// issue, every theft detected.
package refreshmodel_test

import (
	"fmt"
	"time"
)

const (
	grace       = 30 * time.Second
	keyWindow   = 24 * time.Hour
	idle        = 14 * 24 * time.Hour
	absolute    = 30 * 24 * time.Hour
	mostRetries = 10
)

// verdict is what the oracle says of presenting one refresh token.
type verdict string

const (
	rotate  verdict = "rotated"
	replay  verdict = "replayed"
	ahead   verdict = "counter_ahead"
	theft   verdict = "reuse_detected"
	limit   verdict = "retry_limit"
	expired verdict = "expired"
	ended   verdict = "ended"
)

// oracle is the reference model of one session. It knows tokens by their number
// only: 0 is the one from login.
type oracle struct {
	current  int
	spentAt  time.Time // first use of current-1
	spentKey string    // Idempotency-Key of that use
	retries  int
	seen     time.Time
	born     time.Time
	over     bool
}

func (o *oracle) alive(now time.Time) bool { return !o.over && !o.expired(now) }

func (o *oracle) expired(now time.Time) bool {
	return now.Sub(o.seen) >= idle || now.Sub(o.born) >= absolute
}

// present says what must happen, and lets it happen to the model.
func (o *oracle) present(number int, key string, now time.Time) verdict {
	switch {
	case o.over:
		return ended
	case o.expired(now):
		return expired
	case number >= o.current:
		v := rotate
		if number > o.current {
			v = ahead
		}
		o.current, o.spentAt, o.spentKey, o.retries, o.seen = number+1, now, key, 0, now
		return v
	case number == o.current-1 && o.inWindow(key, now):
		if o.retries == mostRetries {
			return limit
		}
		o.retries++
		return replay
	default:
		o.over = true
		return theft
	}
}

func (o *oracle) inWindow(key string, now time.Time) bool {
	age := now.Sub(o.spentAt)
	return age <= grace || key != "" && key == o.spentKey && age <= keyWindow
}

func (o *oracle) String() string {
	return fmt.Sprintf("current=%d retries=%d over=%v", o.current, o.retries, o.over)
}
