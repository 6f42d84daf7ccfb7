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

func TestLettersAreNewestFirstWithTheTimeOfTheirCatching(t *testing.T) {
	t.Parallel()
	clock := fake.NewClock(fake.Epoch())
	box := devmail.New(clock)
	for n := 1; n <= 2; n++ {
		if err := box.Send(t.Context(), fake.Letter(n)); err != nil {
			t.Fatalf("Send: %v", err)
		}
		clock.Advance(time.Minute)
	}
	got := box.Letters()
	if len(got) != 2 || got[0].Letter != fake.Letter(2) || got[1].Letter != fake.Letter(1) {
		t.Fatalf("Letters: got %+v, want letter 2 before letter 1", got)
	}
	if want := fake.Epoch().Add(time.Minute); !got[0].At.Equal(want) {
		t.Errorf("time of the newest: got %v, want %v", got[0].At, want)
	}
}

func TestOnlyTheLastHundredAreKept(t *testing.T) {
	t.Parallel()
	box := devmail.New(fake.NewClock(fake.Epoch()))
	for n := 1; n <= 250; n++ {
		if err := box.Send(t.Context(), fake.Letter(n)); err != nil {
			t.Fatalf("Send: %v", err)
		}
	}
	got := box.Letters()
	if len(got) != 100 || got[0].Letter.ID != fake.Letter(250).ID || got[99].Letter.ID != fake.Letter(151).ID {
		t.Errorf("got %d letters from %v to %v, want 100 from %v to %v", len(got),
			got[0].Letter.ID, got[len(got)-1].Letter.ID, fake.Letter(250).ID, fake.Letter(151).ID)
	}
}

func TestSendRefuses(t *testing.T) {
	t.Parallel()
	box := devmail.New(fake.NewClock(fake.Epoch()))
	bad := fake.Letter(1, func(m *domain.Letter) { m.To = "nobody" })
	if err := box.Send(t.Context(), bad); domain.KindOf(err) != domain.KindInvalid {
		t.Errorf("Send to a bad address: got %v, want an error of KindInvalid", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := box.Send(ended, fake.Letter(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Send after the end of its context: got %v, want %v", err, context.Canceled)
	}
	if got := box.Letters(); len(got) != 0 {
		t.Errorf("Letters after refusals: got %v, want none", got)
	}
}

func TestManySendersAndReaders(t *testing.T) {
	t.Parallel()
	box := devmail.New(fake.NewClock(fake.Epoch()))
	var all sync.WaitGroup
	for n := range 16 {
		all.Go(func() {
			if err := box.Send(t.Context(), fake.Letter(n)); err != nil {
				t.Errorf("Send: %v", err)
			}
			clear(box.Letters()) // the reader's own copy
		})
	}
	all.Wait()
	got := box.Letters()
	if len(got) != 16 || got[0].Letter.ID == "" {
		t.Errorf("Letters: got %v, want the 16 sent", got)
	}
}
