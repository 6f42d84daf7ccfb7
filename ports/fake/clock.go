package fake

import (
	"sync"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// Clock stands still until it is moved. Safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

var _ ports.Clock = (*Clock)(nil)

// NewClock returns a clock that shows t.
func NewClock(t time.Time) *Clock { return &Clock{now: domain.Instant(t)} }

// Now implements ports.Clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Set moves the clock to t, forward or back.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = domain.Instant(t)
}

// Advance moves the clock on by d and returns the time that it then shows.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = domain.Instant(c.now.Add(d))
	return c.now
}
