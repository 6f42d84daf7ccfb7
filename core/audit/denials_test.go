package audit_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/core/audit"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

type denials struct {
	*audit.Denials
	store *fake.BrokenStore
	clock *fake.Clock
}

func newDenials() denials {
	d := denials{store: fake.Broken(fake.Twice(memstore.New())), clock: fake.NewClock(fake.Epoch())}
	d.Denials = audit.NewDenials(d.store, d.clock, &fake.IDs{})
	return d
}

func from(ctx context.Context, network string) context.Context {
	return domain.WithActor(ctx, domain.Actor{
		Kind: domain.ActorAnonymous, IP: "198.51.100.77", Network: network, UserAgent: "curl/8", CorrelationID: "of-one",
	})
}

func (d denials) flush(t *testing.T, want int) []domain.AuditEvent {
	t.Helper()
	if n, err := d.Flush(t.Context()); n != want || err != nil {
		t.Errorf("Flush: got %d, %v, want %d", n, err, want)
	}
	var page domain.Page[domain.AuditEvent]
	err := d.store.View(t.Context(), func(ctx context.Context, tx ports.Tx) (err error) {
		page, err = tx.Audit().List(ctx, domain.AuditFilter{Action: domain.AuditAccessDenied}, domain.PageRequest{Limit: 1000})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return page.Items
}

func TestDenialsAreCountedByNetworkAndCode(t *testing.T) {
	t.Parallel()
	d := newDenials()
	if d.Any() {
		t.Error("Any: got true of none")
	}
	d.flush(t, 0)
	a, z := from(t.Context(), "192.0.2.1"), from(t.Context(), "2001:db8::")
	d.Denied(a, domain.CodeInvalidToken)
	d.clock.Advance(time.Second)
	d.Denied(a, domain.CodeInvalidToken)
	d.Denied(a, domain.CodeRateLimited)
	d.clock.Advance(time.Second)
	for range 3 {
		d.Denied(z, domain.CodeInvalidToken)
	}
	d.Denied(t.Context(), domain.CodeInvalidToken) // of nobody knows where
	if !d.Any() {
		t.Error("Any: got false of some")
	}
	type line struct{ network, code, count, first, until string }
	at := func(s int) string {
		return fake.Epoch().Add(time.Duration(s) * time.Second).Format(time.RFC3339Nano)
	}
	got := map[line]bool{}
	for _, e := range d.flush(t, 4) {
		if e.Actor != (domain.Actor{Kind: domain.ActorAnonymous, IP: e.Actor.IP}) || e.Subject != "" {
			t.Errorf("an event has %+v of %q, want the network and nothing else of a single caller", e.Actor, e.Subject)
		}
		got[line{e.Actor.IP, e.Detail[audit.DetailCode], e.Detail[audit.DetailCount], e.At.Format(time.RFC3339Nano), e.Detail[audit.DetailUntil]}] = true
	}
	want := map[line]bool{
		{"192.0.2.1", "invalid_token", "2", at(0), at(1)}:  true,
		{"192.0.2.1", "rate_limited", "1", at(1), at(1)}:   true,
		{"2001:db8::", "invalid_token", "3", at(2), at(2)}: true,
		{"", "invalid_token", "1", at(2), at(2)}:           true,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if d.Any() {
		t.Error("Any: got true after Flush")
	}
	d.flush(t, 0)
}

func TestDenialsAreBounded(t *testing.T) {
	t.Parallel()
	d := newDenials()
	const networks = 10_000
	for i := range networks {
		d.Denied(from(t.Context(), fmt.Sprintf("10.0.%d.%d", i/256, i%256)), domain.CodeRateLimited)
		d.Denied(from(t.Context(), "192.0.2.1"), domain.CodeInvalidToken)
	}
	var others string
	events := d.flush(t, 257)
	for _, e := range events {
		if e.Actor.IP == "" {
			others = e.Detail[audit.DetailCount]
		}
		if e.Actor.IP == "192.0.2.1" && e.Detail[audit.DetailCount] != fmt.Sprint(networks) {
			t.Errorf("a network that was there early: got %s denials, want %d", e.Detail[audit.DetailCount], networks)
		}
	}
	if want := fmt.Sprint(networks - 255); others != want {
		t.Errorf("the networks that are too many: got %s denials, want %s", others, want)
	}
}

func TestDenialsSurviveADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	d := newDenials()
	a := from(t.Context(), "192.0.2.1")
	d.Denied(a, domain.CodeInvalidToken)
	d.store.FailUpdate(ports.ErrUnavailable)
	if n, err := d.Flush(t.Context()); n != 0 || !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("Flush: got %d, %v, want %v", n, err, ports.ErrUnavailable)
	}
	d.clock.Advance(time.Minute)
	d.Denied(a, domain.CodeInvalidToken)
	events := d.flush(t, 1)
	if len(events) != 1 || events[0].Detail[audit.DetailCount] != "2" || !events[0].At.Equal(fake.Epoch()) {
		t.Errorf("got %+v, want one event of both", events)
	}
}

// meanwhile is a store that fails, and meanwhile something happens.
type meanwhile struct {
	ports.Store
	happens func() // nil: it works
}

func (m *meanwhile) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	if m.happens == nil {
		return m.Store.Update(ctx, fn)
	}
	m.happens()
	return ports.ErrUnavailable
}

func TestDenialsDuringAFlushThatFailsAddUp(t *testing.T) {
	t.Parallel()
	d := newDenials()
	store := &meanwhile{Store: d.store}
	d.Denials = audit.NewDenials(store, d.clock, &fake.IDs{})
	a := from(t.Context(), "192.0.2.1")
	store.happens = func() {
		d.clock.Advance(time.Second)
		d.Denied(a, domain.CodeInvalidToken)
	}
	for range 3 {
		d.Denied(a, domain.CodeInvalidToken)
	}
	if _, err := d.Flush(t.Context()); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("Flush: got error %v, want %v", err, ports.ErrUnavailable)
	}
	store.happens = nil
	events := d.flush(t, 1)
	until := fake.Epoch().Add(time.Second).Format(time.RFC3339Nano)
	if len(events) != 1 || events[0].Detail[audit.DetailCount] != "4" || !events[0].At.Equal(fake.Epoch()) || events[0].Detail[audit.DetailUntil] != until {
		t.Errorf("got %+v, want one event of 4, from the first to the last", events)
	}
}

func TestDenialsAreCountedAtOnce(t *testing.T) {
	t.Parallel()
	d := newDenials()
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 100 {
				d.Denied(from(t.Context(), "192.0.2.1"), domain.CodeInvalidToken)
			}
		})
	}
	all.Wait()
	if events := d.flush(t, 1); len(events) != 1 || events[0].Detail[audit.DetailCount] != "1600" {
		t.Errorf("got %+v, want one event of 1600", events)
	}
}
