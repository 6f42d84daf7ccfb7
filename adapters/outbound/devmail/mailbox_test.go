package devmail_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"authserve/adapters/outbound/devmail"
	"authserve/core/domain"
	"authserve/ports/fake"
)

func TestMessagesAreNewestFirstWithTheTimeOfTheirCatching(t *testing.T) {
	t.Parallel()
	clock := fake.NewClock(fake.Epoch())
	box := devmail.New(clock)
	for n := 1; n <= 2; n++ {
		if err := box.Send(t.Context(), fake.Message(n)); err != nil {
			t.Fatalf("Send: %v", err)
		}
		clock.Advance(time.Minute)
	}
	got := box.Messages()
	if len(got) != 2 || got[0].Message != fake.Message(2) || got[1].Message != fake.Message(1) {
		t.Fatalf("Messages: got %+v, want message 2 before message 1", got)
	}
	if want := fake.Epoch().Add(time.Minute); !got[0].At.Equal(want) {
		t.Errorf("time of the newest: got %v, want %v", got[0].At, want)
	}
}

func TestOnlyTheLastHundredAreKept(t *testing.T) {
	t.Parallel()
	box := devmail.New(fake.NewClock(fake.Epoch()))
	for n := 1; n <= 250; n++ {
		if err := box.Send(t.Context(), fake.Message(n)); err != nil {
			t.Fatalf("Send: %v", err)
		}
	}
	got := box.Messages()
	if len(got) != 100 || got[0].Message.ID != fake.Message(250).ID || got[99].Message.ID != fake.Message(151).ID {
		t.Errorf("got %d messages from %v to %v, want 100 from %v to %v", len(got),
			got[0].Message.ID, got[len(got)-1].Message.ID, fake.Message(250).ID, fake.Message(151).ID)
	}
}

func TestSendRefuses(t *testing.T) {
	t.Parallel()
	box := devmail.New(fake.NewClock(fake.Epoch()))
	bad := fake.Message(1, func(m *domain.Message) { m.To = "nobody" })
	if err := box.Send(t.Context(), bad); domain.KindOf(err) != domain.KindInvalid {
		t.Errorf("Send to a bad address: got %v, want an error of KindInvalid", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := box.Send(ended, fake.Message(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Send after the end of its context: got %v, want %v", err, context.Canceled)
	}
	if got := box.Messages(); len(got) != 0 {
		t.Errorf("Messages after refusals: got %v, want none", got)
	}
}

func TestManySendersAndReaders(t *testing.T) {
	t.Parallel()
	box := devmail.New(fake.NewClock(fake.Epoch()))
	var all sync.WaitGroup
	for n := range 16 {
		all.Go(func() {
			if err := box.Send(t.Context(), fake.Message(n)); err != nil {
				t.Errorf("Send: %v", err)
			}
			clear(box.Messages()) // the reader's own copy
		})
	}
	all.Wait()
	got := box.Messages()
	if len(got) != 16 || got[0].Message.ID == "" {
		t.Errorf("Messages: got %v, want the 16 sent", got)
	}
}
