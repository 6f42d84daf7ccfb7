package fake_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"authserve/core/domain"
	"authserve/ports/fake"
)

func TestMailerRecordsAndFails(t *testing.T) {
	t.Parallel()
	var mailer fake.Mailer
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := mailer.Send(cancelled, fake.Letter(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Send with a cancelled context: got %v, want %v", err, context.Canceled)
	}
	mailer.Fail(errTest)
	if err := mailer.Send(t.Context(), fake.Letter(2)); !errors.Is(err, errTest) {
		t.Errorf("Send while failing: got %v, want %v", err, errTest)
	}
	mailer.Fail(nil)
	if err := mailer.Send(t.Context(), fake.Letter(3)); err != nil {
		t.Errorf("Send: got %v, want no error", err)
	}
	if got, want := mailer.Sent(), []domain.Letter{fake.Letter(3)}; !slices.Equal(got, want) {
		t.Errorf("Sent: got %+v, want %+v", got, want)
	}
}
