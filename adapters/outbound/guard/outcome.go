package guard

import (
	"context"
	"errors"

	"authserve/core/domain"
)

// outcome is how a call ended. The names are values of a metric label.
type outcome uint8

const (
	success  outcome = iota // the dependency answered, if only with "not found"
	failure                 // it did not do its work
	timeout                 // it had its time and did not answer
	refused                 // the circuit is open: it was not called
	rejected                // no slot in time, or it refused the work before it began
	canceled                // the caller left: says nothing of the dependency
	outcomes int     = iota
)

func (o outcome) String() string {
	return [outcomes]string{"success", "failure", "timeout", "refused", "rejected", "canceled"}[o]
}

// troubled reports whether the outcome is an error of the span.
func (o outcome) troubled() bool { return o != success && o != canceled }

// classify tells how a call that ran under ctx and returned err ended. fair is
// false for a call that started with next to no time.
//
// A typed error other than ErrUnavailable is an answer: the dependency works. So
// is one of KindInternal, which speaks of a bug or of a bad row. Anything untyped
// is a failure, unless the context ended first and so explains it.
func classify(ctx context.Context, err error, fair bool) outcome {
	if err == nil {
		return success
	}
	var e *domain.Error
	if errors.As(err, &e) && e.Kind != domain.KindUnavailable {
		if e.Kind == domain.KindOverloaded {
			return rejected
		}
		return success
	}
	switch ended := ctx.Err(); {
	case ended == nil:
		return failure
	case fair && errors.Is(ended, context.DeadlineExceeded):
		return timeout
	default:
		return canceled
	}
}
