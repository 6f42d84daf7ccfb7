package delivery

import (
	"errors"
	"sync"
	"time"

	"authserve/core/domain"
)

// outageAfter is how many failures in a row make an outage of the mailer out of
// the troubles of single recipients.
const outageAfter = 3

// health is what a relay knows of its mailer.
type health struct {
	mu       sync.Mutex
	failures int       // in a row
	resumeAt time.Time // when the mailer may be tried again after the last failure
}

// allowance is how many messages may be claimed at now, of a batch.
func (h *health) allowance(now time.Time, batch int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.failures < outageAfter:
		return batch
	case now.Before(h.resumeAt):
		return 0
	default:
		return 1
	}
}

// note takes the outcome of a send at now into account and reports whether to go
// on sending. A refusal of one message says that the mailer works; an error of
// another kind, such as a bug, says nothing.
func (h *health) note(outcome error, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	kind := domain.KindOf(outcome)
	switch {
	case outcome == nil || kind == domain.KindInvalid:
		h.failures = 0
	case kind == domain.KindUnavailable || kind == domain.KindOverloaded:
		h.failures++
		var e *domain.Error
		errors.As(outcome, &e)
		h.resumeAt = now.Add(e.RetryAfter)
	}
	return h.failures < outageAfter
}
