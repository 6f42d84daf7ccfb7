package fake

import (
	"context"
	"sync"

	"authserve/core/domain"
	"authserve/ports"
)

// Breaches knows the passwords it was told. Safe for concurrent use.
type Breaches struct {
	mu    sync.Mutex
	known map[string]bool
	asked int
	err   error
}

var _ ports.Breaches = (*Breaches)(nil)

// NewBreaches returns one that knows the given passwords.
func NewBreaches(passwords ...string) *Breaches {
	b := &Breaches{known: map[string]bool{}}
	for _, p := range passwords {
		b.known[p] = true
	}
	return b
}

// Contains implements ports.Breaches.
func (b *Breaches) Contains(_ context.Context, p domain.Password) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	return b.known[p.Reveal()] && b.err == nil, b.err
}

// Fail makes every Contains from now on fail with err; nil ends that.
func (b *Breaches) Fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

// Asked returns how often Contains was called.
func (b *Breaches) Asked() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked
}
