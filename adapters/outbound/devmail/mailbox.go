package devmail

import (
	"context"
	"slices"
	"sync"

	"authserve/core/domain"
	"authserve/ports"
)

// capacity is how many letters are kept; the oldest goes first.
const capacity = 100

// Mailbox catches letters. Safe for concurrent use.
type Mailbox struct {
	clock ports.Clock

	mu     sync.Mutex
	caught []ports.CaughtLetter // oldest first
}

var (
	_ ports.Mailer  = (*Mailbox)(nil)
	_ ports.Mailbox = (*Mailbox)(nil)
)

// New makes an empty mailbox.
func New(clock ports.Clock) *Mailbox { return &Mailbox{clock: clock} }

// Send keeps l. A letter sent again is kept again, as a mail system would.
// Errors: KindInvalid for a bad address, so that it shows in development.
func (b *Mailbox) Send(ctx context.Context, l domain.Letter) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := domain.ParseEmail(l.To); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.caught) == capacity {
		b.caught = slices.Delete(b.caught, 0, 1)
	}
	b.caught = append(b.caught, ports.CaughtLetter{At: b.clock.Now(), Letter: l})
	return nil
}

// Letters implements ports.Mailbox.
func (b *Mailbox) Letters() []ports.CaughtLetter {
	b.mu.Lock()
	defer b.mu.Unlock()
	newestFirst := slices.Clone(b.caught)
	slices.Reverse(newestFirst)
	return newestFirst
}
