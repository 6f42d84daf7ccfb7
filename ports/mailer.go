package ports

import (
	"context"
	"time"

	"authserve/core/domain"
)

// Mailer hands one message to a mail system.
type Mailer interface {
	// Send returns nil when the mail system has taken responsibility. Errors:
	// KindInvalid when this message will never be accepted (bad address),
	// ErrUnavailable when a later attempt may succeed. Safe to repeat: the
	// Message-ID is derived from m.ID.
	Send(ctx context.Context, m domain.Message) error
}

// Mailbox shows what the developer mailbox caught, newest first.
type Mailbox interface {
	Messages() []CaughtMessage
}

// CaughtMessage is one message in the developer mailbox.
type CaughtMessage struct {
	At      time.Time
	Message domain.Message
}
