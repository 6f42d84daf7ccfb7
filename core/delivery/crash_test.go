package delivery_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"authserve/core/delivery"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func TestSixteenRelaysSendEachMessageOnce(t *testing.T) {
	t.Parallel()
	const messages, relays = 300, 16
	b := newBench()
	b.enqueue(t, messages)
	var mu sync.Mutex
	sends := map[domain.ID]int{}
	post := mailer(func(_ context.Context, m domain.Message) error {
		mu.Lock()
		defer mu.Unlock()
		sends[m.ID]++
		if m.ID[len(m.ID)-1] == '0' { // every 16th fixture
			return badAddress
		}
		return nil
	})
	var total delivery.Report
	var all sync.WaitGroup
	for range relays {
		relay := b.relay(post, config())
		all.Go(func() {
			for {
				report, err := relay.Deliver(t.Context())
				if err != nil && !errors.Is(err, badAddress) {
					t.Errorf("Deliver: %v", err)
				}
				if report.Claimed == 0 {
					return
				}
				mu.Lock()
				total.Claimed += report.Claimed
				total.Sent += report.Sent
				total.Abandoned += report.Abandoned
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if want := (delivery.Report{Claimed: messages, Sent: messages - 18, Abandoned: 18}); total != want {
		t.Errorf("all relays together: got %+v, want %+v", total, want)
	}
	for i := 1; i <= messages; i++ {
		if n := sends[fake.Message(i).ID]; n != 1 {
			t.Errorf("message %d: got %d sends, want 1", i, n)
		}
	}
}

func TestADeathAfterClaimingDelaysUntilTheLeaseEnds(t *testing.T) {
	t.Parallel()
	b, post := newBench(), &fake.Mailer{}
	b.enqueue(t, 2)
	b.claim(t, time.Minute) // and never heard of again
	relay := b.relay(post, config())
	b.clock.Advance(time.Minute - time.Microsecond)
	if got, err := relay.Deliver(t.Context()); got.Claimed != 0 || err != nil {
		t.Errorf("before the lease ends: got %+v, %v, want nothing claimed", got, err)
	}
	b.clock.Advance(time.Microsecond)
	if got, err := relay.Deliver(t.Context()); got.Sent != 2 || err != nil {
		t.Errorf("after the lease: got %+v, %v, want both sent", got, err)
	}
}

func TestALostClaimDelaysUntilTheLeaseEnds(t *testing.T) {
	t.Parallel()
	b, post := newBench(), &fake.Mailer{}
	b.enqueue(t, 2)
	relay := b.relay(post, config())
	b.store.LoseAnswer()
	if got, err := relay.Deliver(t.Context()); got != (delivery.Report{}) || !errors.Is(err, ports.ErrUnavailable) || len(post.Sent()) != 0 {
		t.Errorf("Deliver: got %+v, %v and %d sent, want only %v", got, err, len(post.Sent()), ports.ErrUnavailable)
	}
	b.clock.Advance(config().Lease)
	if got, err := relay.Deliver(t.Context()); got.Sent != 2 || err != nil {
		t.Errorf("after the lease: got %+v, %v, want both sent", got, err)
	}
}

func TestADeathBetweenSendingAndSettlingRepeatsTheMessageUnderItsID(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.enqueue(t, 2)
	var sent []domain.Message
	relay := b.relay(mailer(func(_ context.Context, m domain.Message) error {
		sent = append(sent, m)
		if len(sent) == 1 {
			b.store.FailUpdate(ports.ErrUnavailable)
		}
		return nil
	}), config())

	got, err := relay.Deliver(t.Context())
	if want := (delivery.Report{Claimed: 2}); got != want || !errors.Is(err, ports.ErrUnavailable) || len(sent) != 1 {
		t.Fatalf("Deliver: got %+v, %v and %d sent, want %+v, %v and a stop after 1", got, err, len(sent), want, ports.ErrUnavailable)
	}
	b.clock.Advance(config().Lease)
	if got, err := relay.Deliver(t.Context()); got.Sent != 2 || err != nil {
		t.Fatalf("after the lease: got %+v, %v, want both sent", got, err)
	}
	if len(sent) != 3 || sent[0].ID != sent[1].ID || sent[1].Attempt != sent[0].Attempt+1 {
		t.Errorf("sent: got %+v, want the first twice under one id, then the other", sent)
	}
}

func TestALostSettlingRepeatsNothing(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.enqueue(t, 1)
	sends := 0
	relay := b.relay(mailer(func(context.Context, domain.Message) error {
		sends++
		b.store.LoseAnswer()
		return nil
	}), config())
	if _, err := relay.Deliver(t.Context()); !errors.Is(err, ports.ErrUnavailable) {
		t.Fatalf("Deliver: got %v, want %v", err, ports.ErrUnavailable)
	}
	b.clock.Advance(24 * time.Hour)
	if got, err := relay.Deliver(t.Context()); got.Claimed != 0 || err != nil || sends != 1 {
		t.Errorf("later: got %+v, %v and %d sends in all, want nothing more", got, err, sends)
	}
}

func TestASendThatOutlivesItsLeaseLosesTheMessage(t *testing.T) {
	t.Parallel()
	b, second := newBench(), &fake.Mailer{}
	b.enqueue(t, 1)
	first := b.relay(mailer(func(ctx context.Context, _ domain.Message) error {
		b.clock.Advance(config().Lease)
		_, err := b.relay(second, config()).Deliver(ctx)
		return err
	}), config())
	got, err := first.Deliver(t.Context())
	if want := (delivery.Report{Claimed: 1, Lost: 1}); got != want || err != nil {
		t.Errorf("the first relay: got %+v, %v, want %+v and no error: somebody else has it", got, err, want)
	}
	if n := len(second.Sent()); n != 1 {
		t.Errorf("the second relay: got %d sent, want 1", n)
	}
}

func TestNoSendBeginsLateInTheLease(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.enqueue(t, 5)
	relay := b.relay(mailer(func(ctx context.Context, _ domain.Message) error {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("a send without a deadline could outlast its lease")
		}
		b.clock.Advance(config().Lease / 4)
		return nil
	}), config())
	got, err := relay.Deliver(t.Context())
	if want := (delivery.Report{Claimed: 5, Sent: 3, Returned: 2}); got != want || err != nil {
		t.Errorf("Deliver: got %+v, %v, want %+v", got, err, want)
	}
	if got, err := relay.Deliver(t.Context()); got.Sent != 2 || err != nil {
		t.Errorf("Deliver again: got %+v, %v, want the 2 given back", got, err)
	}
}

func TestAStopLosesNoMessageAndRepeatsNone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		outcome func(ctx context.Context) error
		want    delivery.Report
		left    int
	}{
		{"while a message is sent", func(ctx context.Context) error { return ctx.Err() }, delivery.Report{Claimed: 3, Returned: 3}, 3},
		{"when a message was sent", func(context.Context) error { return nil }, delivery.Report{Claimed: 3, Sent: 1, Returned: 2}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, post := newBench(), &fake.Mailer{}
			b.enqueue(t, 3)
			ctx, cancel := context.WithCancel(t.Context())
			relay := b.relay(mailer(func(ctx context.Context, _ domain.Message) error {
				cancel()
				return tt.outcome(ctx)
			}), config())
			got, err := relay.Deliver(ctx)
			if got != tt.want || !errors.Is(err, context.Canceled) {
				t.Errorf("Deliver: got %+v, %v, want %+v and %v", got, err, tt.want, context.Canceled)
			}
			if got, err := b.relay(post, config()).Deliver(t.Context()); got.Sent != tt.left || err != nil {
				t.Errorf("the next relay: got %+v, %v, want %d sent at once", got, err, tt.left)
			}
		})
	}
}
