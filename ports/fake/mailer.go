package fake

import (
	"context"
	"slices"
	"sync"

	"authserve/core/domain"
	"authserve/ports"
)

// Mailer records what it is given. The zero value is ready and accepts
// everything. Safe for concurrent use.
type Mailer struct {
	mu   sync.Mutex
	err  error
	sent []domain.Letter
}

var _ ports.Mailer = (*Mailer)(nil)

// Send implements ports.Mailer.
func (m *Mailer) Send(ctx context.Context, l domain.Letter) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	m.sent = append(m.sent, l)
	return nil
}

// Fail makes every Send from now on fail with err; nil ends that.
func (m *Mailer) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// Sent returns the accepted letters in order.
func (m *Mailer) Sent() []domain.Letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.sent)
}
