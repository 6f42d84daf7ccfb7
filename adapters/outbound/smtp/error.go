package smtp

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"strings"

	"github.com/wneessen/go-mail/smtp"

	"authserve/core/domain"
	"authserve/ports"
)

// errRefused is the permanent refusal of one message.
var errRefused = domain.NewError(domain.KindInvalid, domain.CodeValidation, "The mail system refuses this message for good.")

// failed translates err of a step that says nothing of the message itself.
func failed(ctx context.Context, step string, err error) error {
	return ports.ErrUnavailable.Wrap(cause(ctx, step, err))
}

// refusedOrFailed translates err of a step that judges the recipient or the
// content. A permanent reply (RFC 5321 section 4.2.1) is final, unless it speaks
// of our own standing with the server, which its operator or ours can mend:
// authentication required (RFC 4954 section 6) or policy (RFC 3463 class 5.7).
func refusedOrFailed(ctx context.Context, step string, err error) error {
	var reply *textproto.Error
	if !errors.As(err, &reply) || reply.Code < 500 || reply.Code == 530 || strings.HasPrefix(reply.Msg, "5.7.") {
		return failed(ctx, step, err)
	}
	return errRefused.Wrap(cause(ctx, step, err))
}

// cause names the step and the reply's code, without its text, or the network's
// error, or the end of ctx that broke the connection.
func cause(ctx context.Context, step string, err error) error {
	var reply *textproto.Error
	var malformed textproto.ProtocolError
	switch {
	case errors.As(err, &reply):
		return fmt.Errorf("smtp: %s: reply %d", step, reply.Code)
	case ctx.Err() != nil:
		return fmt.Errorf("smtp: %s: %w", step, ctx.Err())
	case errors.As(err, &malformed), errors.Is(err, smtp.ErrUnexpectedServerResponse):
		return fmt.Errorf("smtp: %s: unexpected reply", step)
	default:
		return fmt.Errorf("smtp: %s: %w", step, err)
	}
}
