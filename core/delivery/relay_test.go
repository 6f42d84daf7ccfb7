package delivery_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"authserve/core/delivery"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// badAddress is what a mailer says of an address that it will never accept.
var badAddress = domain.Invalid(domain.FieldError{Field: "email", Code: domain.CodeInvalidFormat})

func TestDeliverSendsEachMessageOnce(t *testing.T) {
	t.Parallel()
	b, post := newBench(), &fake.Mailer{}
	b.enqueue(t, 3)
	relay := b.relay(post, config())

	got, err := relay.Deliver(t.Context())
	if want := (delivery.Report{Claimed: 3, Sent: 3}); got != want || err != nil {
		t.Errorf("Deliver: got %+v, %v, want %+v", got, err, want)
	}
	for i, m := range post.Sent() {
		if want := fake.Message(i + 1); m.ID != want.ID || m.To != want.To || m.Subject != string(want.Kind) || m.Text != "" {
			t.Errorf("letter %d: got %+v, want that of %+v, without a token", i, m, want)
		}
	}
	b.clock.Advance(24 * time.Hour)
	got, err = relay.Deliver(t.Context())
	if got != (delivery.Report{}) || err != nil || len(post.Sent()) != 3 {
		t.Errorf("Deliver again: got %+v, %v and %d sent, want nothing done", got, err, len(post.Sent()))
	}
}

func TestDeliverTakesOneBatch(t *testing.T) {
	t.Parallel()
	b, post := newBench(), &fake.Mailer{}
	b.enqueue(t, 25)
	relay := b.relay(post, config())
	for _, want := range []int{10, 10, 5, 0} {
		if got, err := relay.Deliver(t.Context()); got.Sent != want || err != nil {
			t.Errorf("Deliver: got %+v, %v, want %d sent", got, err, want)
		}
	}
}

func TestABadAddressIsAbandonedAtOnceAndBlocksNobody(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.enqueue(t, 8)
	bad := fake.Message(1)
	var sent []domain.ID
	relay := b.relay(mailer(func(_ context.Context, m domain.Message) error {
		if m.ID == bad.ID {
			return badAddress.Wrap(errors.New("550 <" + bad.To + "> unknown"))
		}
		sent = append(sent, m.ID)
		return nil
	}), config())

	got, err := relay.Deliver(t.Context())
	if want := (delivery.Report{Claimed: 8, Sent: 7, Abandoned: 1}); got != want {
		t.Errorf("Deliver: got %+v, want %+v", got, want)
	}
	if !errors.Is(err, badAddress) {
		t.Errorf("Deliver: got error %v, want the refusal: what is abandoned must be seen", err)
	}
	line := b.journal.all()[0]
	if line.verb != "abandon" || line.id != bad.ID || !strings.Contains(line.reason, "550 <[address]> unknown") {
		t.Errorf("first settling: got %+v, want message 1 abandoned for its reason, without the address", line)
	}
	if slices.Contains(sent, bad.ID) || len(sent) != 7 {
		t.Errorf("sent: got %v, want the 7 others", sent)
	}
}

func TestATemporaryFailureIsRetriedWithGrowingPausesUntilTheBudgetIsSpent(t *testing.T) {
	t.Parallel()
	b, post := newBench(), &fake.Mailer{}
	post.Fail(ports.ErrUnavailable.Wrap(errors.New("reply 451")))
	b.enqueue(t, 1)
	relay := b.relay(post, config())
	for i, pause := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute} {
		now := b.clock.Now()
		got, err := relay.Deliver(t.Context())
		if want := (delivery.Report{Claimed: 1, Retried: 1}); got != want || !errors.Is(err, ports.ErrUnavailable) {
			t.Fatalf("attempt %d: got %+v, %v, want %+v and %v", i+1, got, err, want, ports.ErrUnavailable)
		}
		line := b.journal.all()[i]
		if wait := line.due.Sub(now); wait < pause/2 || wait > pause {
			t.Errorf("attempt %d: got a pause of %v, want %v to %v", i+1, wait, pause/2, pause)
		}
		if line.attempt != i+1 || !strings.Contains(line.reason, "reply 451") {
			t.Errorf("attempt %d: got %+v, want its number and reason", i+1, line)
		}
		b.clock.Set(line.due.Add(-time.Microsecond))
		if got, err := relay.Deliver(t.Context()); got.Claimed != 0 || err != nil {
			t.Errorf("before the pause is over: got %+v, %v, want nothing done", got, err)
		}
		b.clock.Set(line.due)
	}
	got, err := relay.Deliver(t.Context())
	if want := (delivery.Report{Claimed: 1, Abandoned: 1}); got != want || !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("last attempt: got %+v, %v, want %+v and %v", got, err, want, ports.ErrUnavailable)
	}
	b.clock.Advance(24 * time.Hour)
	if claimed := b.claim(t, time.Hour); len(claimed) != 0 {
		t.Errorf("after the last attempt: got %v pending, want none", claimed)
	}
}

func TestPausesOfMessagesThatFailTogetherDiffer(t *testing.T) {
	t.Parallel()
	b, post := newBench(), &fake.Mailer{}
	post.Fail(ports.ErrUnavailable)
	b.enqueue(t, 2)
	if _, err := b.relay(post, config()).Deliver(t.Context()); !errors.Is(err, ports.ErrUnavailable) {
		t.Fatalf("Deliver: got %v, want %v", err, ports.ErrUnavailable)
	}
	lines := b.journal.all()
	if len(lines) != 2 || lines[0].due.Equal(lines[1].due) {
		t.Errorf("settled: got %+v, want two pauses that differ", lines)
	}
}

func TestFailuresOfSomeRecipientsHoldUpNoOther(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.enqueue(t, 10)
	calls := 0
	relay := b.relay(mailer(func(context.Context, domain.Message) error {
		calls++
		if calls%2 == 0 {
			return ports.ErrUnavailable.WithRetryAfter(time.Second)
		}
		return nil
	}), config())
	got, err := relay.Deliver(t.Context())
	if want := (delivery.Report{Claimed: 10, Sent: 5, Retried: 5}); got != want || !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("Deliver: got %+v, %v, want %+v and %v", got, err, want, ports.ErrUnavailable)
	}
}

func TestAnOutageStopsTheBatchAndSparesTheRest(t *testing.T) {
	t.Parallel()
	b, post := newBench(), &fake.Mailer{}
	b.enqueue(t, 10)
	cfg := config()
	cfg.FirstPause, cfg.LongestPause = time.Hour, time.Hour
	relay := b.relay(post, cfg)
	post.Fail(ports.ErrUnavailable.WithRetryAfter(5 * time.Second))

	deliver := func(when string, want delivery.Report) {
		t.Helper()
		if got, _ := relay.Deliver(t.Context()); got != want {
			t.Errorf("%s: got %+v, want %+v", when, got, want)
		}
	}
	deliver("at its beginning", delivery.Report{Claimed: 10, Retried: 3, Returned: 7})
	deliver("before the mailer may be asked again", delivery.Report{})
	b.clock.Advance(5 * time.Second)
	deliver("the first trial", delivery.Report{Claimed: 1, Retried: 1})
	deliver("right after it", delivery.Report{})
	b.clock.Advance(5 * time.Second)
	post.Fail(nil)
	deliver("the trial that succeeds", delivery.Report{Claimed: 1, Sent: 1})
	deliver("after the outage", delivery.Report{Claimed: 5, Sent: 5})

	for _, l := range post.Sent() {
		if slices.ContainsFunc(b.journal.all(), func(s settled) bool { return s.id == l.ID && s.verb == "retry" }) {
			t.Errorf("message %s: got a failure, want none: the outage kept it from being tried", l.ID)
		}
	}
}

// A mail server so slow that most of each batch is given back: what waits in a
// long backlog is claimed more often than it may fail, and has not failed once.
func TestALongBacklogUsesUpNoAttempts(t *testing.T) {
	t.Parallel()
	const messages, failing = 1000, 4 // one in so many fails, the first time that it is tried
	cfg := delivery.Config{Batch: 20, Lease: time.Minute, Attempts: 2, FirstPause: 30 * time.Second, LongestPause: 6 * time.Hour}
	b := newBench()
	b.enqueue(t, messages)
	tries, failedAt := map[domain.ID]int{}, map[domain.ID]time.Time{}
	mostClaims := 0
	relay := b.relay(mailer(func(_ context.Context, m domain.Message) error {
		b.clock.Advance(5 * time.Second)
		if m.Failures != tries[m.ID] {
			t.Errorf("message %s: got %d failures, want %d", m.ID, m.Failures, tries[m.ID])
		}
		tries[m.ID]++
		if tries[m.ID] == 1 {
			mostClaims = max(mostClaims, m.Attempt)
			if len(tries)%failing == 0 {
				failedAt[m.ID] = b.clock.Now()
				return ports.ErrUnavailable
			}
		}
		return nil
	}), cfg)

	var total delivery.Report
	for range messages {
		report, _ := relay.Deliver(t.Context())
		total.Sent += report.Sent
		total.Retried += report.Retried
		total.Abandoned += report.Abandoned
		b.clock.Advance(2 * time.Second)
	}
	if want := (delivery.Report{Sent: messages, Retried: messages / failing}); total != want {
		t.Errorf("all batches together: got %+v, want %+v", total, want)
	}
	if mostClaims <= cfg.Attempts {
		t.Errorf("claims until the first try: got at most %d, want a backlog that takes more than %d", mostClaims, cfg.Attempts)
	}
	for _, line := range b.journal.all() {
		if line.verb != "retry" {
			continue
		}
		if wait := line.due.Sub(failedAt[line.id]); wait < cfg.FirstPause/2 || wait > cfg.FirstPause {
			t.Errorf("message %s: got a pause of %v after its first failure, want %v to %v", line.id, wait, cfg.FirstPause/2, cfg.FirstPause)
		}
	}
}

func TestAnOverloadedMailerWasNotTried(t *testing.T) {
	t.Parallel()
	b, post := newBench(), &fake.Mailer{}
	b.enqueue(t, 3)
	cfg := config()
	cfg.Attempts = 1
	relay := b.relay(post, cfg)
	post.Fail(ports.ErrOverloaded)
	got, err := relay.Deliver(t.Context())
	if want := (delivery.Report{Claimed: 3, Returned: 3}); got != want || !errors.Is(err, ports.ErrOverloaded) {
		t.Errorf("Deliver: got %+v, %v, want %+v and %v", got, err, want, ports.ErrOverloaded)
	}
	post.Fail(nil)
	if got, err := relay.Deliver(t.Context()); got.Sent != 3 || err != nil {
		t.Errorf("Deliver afterwards: got %+v, %v, want all 3 sent at once", got, err)
	}
}

func TestAPanickingMailerBlocksNobodyElse(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.enqueue(t, 3)
	relay := b.relay(mailer(func(_ context.Context, m domain.Message) error {
		if m.ID == fake.Message(1).ID {
			panic("cannot render " + m.To)
		}
		return nil
	}), config())
	got, err := relay.Deliver(t.Context())
	if want := (delivery.Report{Claimed: 3, Sent: 2, Retried: 1}); got != want || err == nil {
		t.Errorf("Deliver: got %+v, %v, want %+v and an error", got, err, want)
	}
	if line := b.journal.all()[0]; line.verb != "retry" || line.reason != "internal" {
		t.Errorf("settled: got %+v, want a retry for the reason %q: an untyped error may hold anything", line, "internal")
	}
}

func TestReasonsAreShort(t *testing.T) {
	t.Parallel()
	b, post := newBench(), &fake.Mailer{}
	b.enqueue(t, 1)
	post.Fail(ports.ErrUnavailable.Wrap(errors.New(strings.Repeat("ü", 1000))))
	if _, err := b.relay(post, config()).Deliver(t.Context()); err == nil {
		t.Fatal("Deliver: got no error")
	}
	reason := b.journal.all()[0].reason
	if len(reason) > 200 || len(reason) < 190 || strings.ContainsRune(reason, '\uFFFD') || !strings.HasSuffix(reason, "ü") {
		t.Errorf("reason: got %q of %d bytes, want whole characters of at most 200", reason, len(reason))
	}
}
