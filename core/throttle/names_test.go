package throttle_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"authserve/bootstrap/world"
	"authserve/core/domain"
	"authserve/core/throttle"
	"authserve/ports"
)

func TestMailsToOneAddress(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	mail := func(network string, kind domain.MessageKind, address string) error {
		return b.Throttle.Mail(from(t, network), kind, address)
	}
	const kind, address = domain.MessageVerifyEmail, "ada@example.com"
	for network, want := range map[string]time.Duration{"192.0.2.1": 12 * time.Minute, "192.0.2.2": 12 * time.Minute} {
		for i := range 5 {
			if err := mail(network, kind, address); err != nil {
				t.Fatalf("mail %d from %s: %v", i+1, network, err)
			}
		}
		if got := retryAfter(t, mail(network, kind, address)); got != want {
			t.Errorf("Retry-After %v after five from %s; want %v", got, network, want)
		}
	}
	for i := range 10 {
		if err := mail("", kind, address); err != nil {
			t.Fatalf("mail %d from nowhere: %v", i+1, err)
		}
	}
	for _, network := range []string{"", "192.0.2.3"} {
		if got := retryAfter(t, mail(network, kind, address)); got != 3*time.Minute {
			t.Errorf("Retry-After %v after twenty; want 3 minutes", got)
		}
	}
	if err := mail("192.0.2.1", kind, "bob@example.com"); err != nil {
		t.Errorf("another address: %v", err)
	}
	if err := mail("192.0.2.1", domain.MessageResetPassword, address); err != nil {
		t.Errorf("another kind: %v", err)
	}
	b.Clock.Advance(12 * time.Minute)
	if err := mail("192.0.2.1", kind, address); err != nil {
		t.Errorf("after the time told: %v", err)
	}
}

// spy keeps the names of buckets.
type spy struct {
	ports.Limiter
	names []string
}

func (l *spy) Take(ctx context.Context, now time.Time, buckets ...domain.Bucket) (domain.RateVerdict, error) {
	for _, bucket := range buckets {
		l.names = append(l.names, bucket.Key)
	}
	return l.Limiter.Take(ctx, now, buckets...)
}

func TestNothingKeptNamesAnybody(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	limiter := &spy{Limiter: w.Limiter}
	b := bench{w}
	b.Throttle = throttle.New(limiter, w.Sealer, w.Clock, throttle.Config{
		Policy:  domain.ThrottlePolicy{Free: 5, Max: domain.MaxFailures, Longest: time.Minute},
		Account: domain.Rate{Name: "a", Burst: 1, Period: 1}, AccountNetwork: domain.Rate{Name: "n", Burst: 1, Period: 1},
		Mail: domain.Rate{Name: "m", Burst: 1, Period: 1}, MailNetwork: domain.Rate{Name: "w", Burst: 1, Period: 1},
	})
	ctx := from(t, "192.0.2.77")
	count := b.read(ctx, t, throttle.OfIdentifier("ada@example.com"))
	attempt, err := b.Throttle.Begin(ctx, count)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Throttle.Mail(ctx, domain.MessageVerifyEmail, "ada@example.com"); err != nil {
		t.Fatal(err)
	}
	var counted domain.Throttle
	err = b.Store.Update(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		counted, err = b.Throttle.Fail(ctx, tx, attempt)
		return err
	})
	if err != nil || len(counted.Key) != 32 || bytes.Contains(counted.Key, []byte("ada")) {
		t.Errorf("counted under %q, %v; want a MAC of 32 bytes", counted.Key, err)
	}
	if len(limiter.names) != 4 {
		t.Errorf("buckets %q; want four", limiter.names)
	}
	for _, name := range limiter.names {
		if len(name) != 43 || strings.Contains(name, "ada") || strings.Contains(name, "192.0") {
			t.Errorf("a bucket called %q", name)
		}
	}
}
