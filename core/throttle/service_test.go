package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap/world"
	"authserve/core/domain"
	"authserve/core/throttle"
	"authserve/ports"
	"authserve/ports/fake"
)

// bench is a throttle, and the world it is in.
type bench struct{ *world.World }

func newBench(t *testing.T, options ...world.Option) bench {
	t.Helper()
	return bench{world.New(t, options...)}
}

func (b bench) read(ctx context.Context, t *testing.T, class throttle.Class) throttle.Count {
	t.Helper()
	var count throttle.Count
	err := b.Store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		count, err = b.Throttle.Read(ctx, tx, class)
		return err
	})
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return count
}

func (b bench) begin(t *testing.T, class throttle.Class) (throttle.Attempt, error) {
	t.Helper()
	return b.Throttle.Begin(t.Context(), b.read(t.Context(), t, class))
}

// fail makes one attempt that is let through and wrong, and returns what it is answered.
func (b bench) fail(t *testing.T, attempt throttle.Attempt) error {
	t.Helper()
	var counted domain.Throttle
	err := b.Store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) (err error) {
		counted, err = b.Throttle.Fail(ctx, tx, attempt)
		return err
	})
	if err != nil {
		t.Fatalf("fail: %v", err)
	}
	return b.Throttle.Refusal(counted, errWrong)
}

var errWrong = errors.New("wrong")

func (b bench) succeed(t *testing.T, attempt throttle.Attempt) error {
	t.Helper()
	err := b.Store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		return b.Throttle.Succeed(ctx, tx, attempt)
	})
	b.Throttle.Refund(t.Context(), attempt)
	return err
}

// exhaust fails n times, waiting as long as it is told to.
func (b bench) exhaust(t *testing.T, class throttle.Class, n int) {
	t.Helper()
	for i := range n {
		attempt, err := b.begin(t, class)
		if err != nil {
			b.Clock.Advance(retryAfter(t, err))
			if attempt, err = b.begin(t, class); err != nil {
				t.Fatalf("attempt %d after its delay: %v", i+1, err)
			}
		}
		if err := b.fail(t, attempt); !errors.Is(err, errWrong) {
			t.Fatalf("failure %d: %v", i+1, err)
		}
	}
}

// retryAfter holds err to be a refusal, and returns how long it tells to wait.
func retryAfter(t *testing.T, err error) time.Duration {
	t.Helper()
	var e *domain.Error
	if !errors.As(err, &e) || e.Code != domain.CodeTooManyAttempts || e.Kind != domain.KindTooMany || e.RetryAfter <= 0 {
		t.Fatalf("error %v; want a refusal that tells how long to wait", err)
	}
	return e.RetryAfter
}

// owned is the class of strangers who try the account of every test.
func owned() throttle.Class { return throttle.OfAccount(fake.Account(1).ID) }

func TestDelaysGrowAndEndAtTheLongest(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for failures := 1; failures < domain.MaxFailures; failures++ {
		b.exhaust(t, owned(), 1)
		want := time.Duration(0)
		if failures >= 5 {
			want = min(time.Second<<min(failures-5, 20), 15*time.Minute)
		}
		if want == 0 {
			if attempt, err := b.begin(t, owned()); err != nil {
				t.Errorf("after %d failures: %v; want none of the free ones delayed", failures, err)
			} else {
				b.Throttle.Refund(t.Context(), attempt)
			}
			continue
		}
		_, err := b.begin(t, owned())
		if got := retryAfter(t, err); got != want {
			t.Errorf("delay of %v after %d failures; want %v", got, failures, want)
		}
		b.Clock.Advance(want - time.Microsecond)
		if _, err := b.begin(t, owned()); retryAfter(t, err) != time.Microsecond {
			t.Errorf("let through before its delay was over, after %d failures", failures)
		}
	}
}

func TestHundredFailuresCloseUntilRecovery(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.exhaust(t, owned(), domain.MaxFailures)
	for _, wait := range []time.Duration{0, time.Hour, 80 * 24 * time.Hour} {
		b.Clock.Advance(wait)
		_, err := b.begin(t, owned())
		if got := retryAfter(t, err); got != time.Hour {
			t.Errorf("Retry-After %v; want an hour: waiting does not open it", got)
		}
	}
	if _, err := b.begin(t, throttle.OfAccount(fake.Account(2).ID)); err != nil {
		t.Errorf("another account: %v", err)
	}
	err := b.Store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		return b.Throttle.Clear(ctx, tx, fake.Account(1).ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	b.exhaust(t, owned(), 6) // as if it had never been
}

func TestSuccessForgetsTheFailures(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.exhaust(t, owned(), 50)
	b.Clock.Advance(time.Hour)
	attempt, err := b.begin(t, owned())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.succeed(t, attempt); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if attempt, err = b.begin(t, owned()); err != nil {
			t.Fatalf("free failure %d after a success: %v", i+1, err)
		}
		_ = b.fail(t, attempt)
	}
}

// From many networks at once, and with nothing counted yet: the bucket of the account
// holds the volley, and leaves the class open.
func TestOneVolleyOfGuessesClosesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if got := b.volley(t, owned(), 1000, func(i int) string { return fmt.Sprintf("192.0.%d.%d", i/256, i%256) }); got != 90 {
		t.Errorf("%d guesses at once; want the 90 of the account's bucket", got)
	}
	// From now on one for each delay, however many try it.
	for range 3 {
		b.Clock.Advance(15 * time.Minute)
		if got := b.volley(t, owned(), 200, func(i int) string { return fmt.Sprintf("198.51.100.%d", i) }); got != 1 {
			t.Errorf("%d guesses at once after a delay; want 1", got)
		}
	}
}

// volley lets n callers begin before any of them fails, and returns how many were let
// through.
func (b bench) volley(t *testing.T, class throttle.Class, n int, network func(int) string) int {
	t.Helper()
	passed := make(chan throttle.Attempt, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			ctx := from(t, network(i))
			if attempt, err := b.Throttle.Begin(ctx, b.read(ctx, t, class)); err == nil {
				passed <- attempt
			}
		})
	}
	group.Wait()
	close(passed)
	got := 0
	for attempt := range passed {
		_ = b.fail(t, attempt)
		got++
	}
	return got
}

// from is the context of a caller in a network.
func from(t *testing.T, network string) context.Context {
	t.Helper()
	return domain.WithActor(t.Context(), domain.Actor{Kind: domain.ActorAnonymous, Network: network})
}

func TestOneNetworkLeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if got := b.volley(t, owned(), 200, func(int) string { return "192.0.2.1" }); got != 70 {
		t.Errorf("%d at once from one network; want 70", got)
	}
	other := throttle.OfAccount(fake.Account(2).ID)
	if got := b.volley(t, other, 200, func(int) string { return "192.0.2.1" }); got != 70 {
		t.Errorf("%d at once from it at another account; want 70", got)
	}
}

// Callers without an address are no network.
func TestUnknownNetworksShareNoBucketOfANetwork(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if got := b.volley(t, owned(), 200, func(int) string { return "" }); got != 90 {
		t.Errorf("%d at once from nowhere; want the 90 of the account", got)
	}
}

func TestParallelAttemptsThatAreRightAllPass(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 5 { // more than any bucket holds, were they not given back
		attempts := make([]throttle.Attempt, 64)
		var err error
		for i := range attempts {
			ctx := from(t, "192.0.2.1")
			if attempts[i], err = b.Throttle.Begin(ctx, b.read(ctx, t, owned())); err != nil {
				t.Fatalf("attempt %d of 64 at once: %v", i+1, err)
			}
		}
		for i, attempt := range attempts {
			if err := b.succeed(t, attempt); err != nil {
				t.Fatalf("attempt %d was right: %v", i+1, err)
			}
		}
	}
}

// However many begin before the first of them fails, a hundred failures count, and
// which of the later ones was right is told by nothing.
func TestAttemptsUnderWayWhenTheClassClosesAreAnsweredAlike(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	count := b.read(t.Context(), t, owned())
	var attempts []throttle.Attempt
	for i := range 150 { // as over replicas that share no limiter
		b.Clock.Advance(time.Minute * time.Duration(i%2))
		attempt, err := b.Throttle.Begin(t.Context(), count)
		if err != nil {
			t.Fatal(err)
		}
		attempts = append(attempts, attempt)
	}
	var wrong, others atomic.Int32
	var group sync.WaitGroup
	for _, attempt := range attempts[1:] {
		group.Go(func() {
			if err := b.fail(t, attempt); errors.Is(err, errWrong) {
				wrong.Add(1)
			} else {
				others.Add(1)
			}
		})
	}
	group.Wait()
	if wrong.Load() != 100 || others.Load() != 49 {
		t.Errorf("%d answered as wrong and %d otherwise; want 100 and 49", wrong.Load(), others.Load())
	}
	right, late := b.succeed(t, attempts[0]), b.fail(t, attempts[1])
	if retryAfter(t, right) != retryAfter(t, late) || right.Error() != late.Error() {
		t.Errorf("right: %v; wrong: %v; want the same", right, late)
	}
	if _, err := b.begin(t, owned()); err == nil {
		t.Error("open after a right attempt that came too late")
	}
}

func TestKnownDevicesAndSessionsAreCountedByThemselves(t *testing.T) {
	t.Parallel()
	a := fake.Account(1)
	newer := fake.Account(1, func(a *domain.Account) { a.Version.Credential++ })
	phone, laptop := fake.Session(1, a).ID, fake.Session(2, a).ID
	classes := map[string]throttle.Class{
		"strangers":                owned(),
		"the identifier":           throttle.OfIdentifier(a.Email.Canonical),
		"the id as an identifier":  throttle.OfIdentifier(string(a.ID)),
		"a device":                 throttle.OfDevice(a, phone),
		"another device":           throttle.OfDevice(a, laptop),
		"it after a new password":  throttle.OfDevice(newer, phone),
		"it for another account":   throttle.OfDevice(fake.Account(2), phone),
		"a session":                throttle.OfSession(phone),
		"strangers at another one": throttle.OfAccount(fake.Account(2).ID),
	}
	for closed := range classes {
		t.Run(closed, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.exhaust(t, classes[closed], domain.MaxFailures)
			for other, class := range classes {
				_, err := b.begin(t, class)
				if (err != nil) != (other == closed) {
					t.Errorf("%s after failures of %s: %v", other, closed, err)
				}
			}
		})
	}
}

func TestKnownDeviceHasABucketOfItsOwn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	known := throttle.OfDevice(fake.Account(1), fake.Session(1, fake.Account(1)).ID)
	b.volley(t, owned(), 200, func(i int) string { return fmt.Sprintf("192.0.2.%d", i) })
	if got := b.volley(t, known, 200, func(i int) string { return fmt.Sprintf("198.51.100.%d", i) }); got != 70 {
		t.Errorf("%d at once from a known device beside a flood; want 70", got)
	}
}

func TestTroubleIsPassedOn(t *testing.T) {
	t.Parallel()
	store := fake.Broken(memstore.New())
	b := newBench(t, world.WithStore(store))
	count := b.read(t.Context(), t, owned())
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if _, err := b.Throttle.Begin(ctx, count); !errors.Is(err, context.Canceled) {
		t.Errorf("begin: %v", err)
	}
	if err := b.Throttle.Mail(ctx, domain.MessageVerifyEmail, "ada@example.com"); !errors.Is(err, context.Canceled) {
		t.Errorf("mail: %v", err)
	}
	attempt, err := b.begin(t, owned())
	if err != nil {
		t.Fatal(err)
	}
	store.FailUpdate(ports.ErrUnavailable)
	if err := b.succeed(t, attempt); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("succeed: %v", err)
	}
}

// Whoever leaves gets back what they took, all the same.
func TestRefundIsMadeForThoseWhoLeft(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	for range 200 {
		attempt, err := b.begin(t, owned())
		if err != nil {
			t.Fatal(err)
		}
		b.Throttle.Refund(ctx, attempt)
	}
}
