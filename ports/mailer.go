package ports

import (
	"context"
	"time"

	"authserve/core/domain"
)

// Mailer hands one letter to a mail system.
type Mailer interface {
	// Send returns nil when the mail system has taken responsibility. Errors:
	// KindInvalid when this letter will never be accepted (bad address),
	// ErrUnavailable when a later attempt may succeed. Safe to repeat: the
	// Message-ID is derived from l.ID.
	Send(ctx context.Context, l domain.Letter) error
}

// Mailbox shows what the developer mailbox caught, newest first.
type Mailbox interface {
	Letters() []CaughtLetter
}

// CaughtLetter is one letter in the developer mailbox.
type CaughtLetter struct {
	At     time.Time
	Letter domain.Letter
}
