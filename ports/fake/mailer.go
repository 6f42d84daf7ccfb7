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
	sent []domain.Message
}

var _ ports.Mailer = (*Mailer)(nil)

// Send implements ports.Mailer.
func (m *Mailer) Send(ctx context.Context, message domain.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	m.sent = append(m.sent, message)
	return nil
}

// Fail makes every Send from now on fail with err; nil ends that.
func (m *Mailer) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// Sent returns the accepted messages in order.
func (m *Mailer) Sent() []domain.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.sent)
}
