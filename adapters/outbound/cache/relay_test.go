package cache_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric"

	"authserve/adapters/outbound/cache"
	"authserve/adapters/outbound/memstore"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// network is what several replicas announce over.
type network struct {
	mu   sync.Mutex
	ears map[*station]func(ports.Changes)
}

// station is the network as one replica has it.
type station struct {
	on       *network
	attempts chan struct{}      // one for each Listen
	admits   chan error         // nil: it listens, else it fails
	cut      chan error         // ends a Listen that listens
	fail     func() error       // of Announce; nil: none
	told     chan ports.Changes // what was announced
}

func (n *network) station() *station {
	return &station{on: n, attempts: make(chan struct{}, 100), admits: make(chan error, 100), cut: make(chan error), told: make(chan ports.Changes, 100)}
}

func (s *station) Announce(_ context.Context, c ports.Changes) error {
	if s.fail != nil {
		if err := s.fail(); err != nil {
			return err
		}
	}
	s.on.mu.Lock()
	for other, heard := range s.on.ears {
		if other != s {
			heard(c)
		}
	}
	s.on.mu.Unlock()
	s.told <- c
	return nil
}

func (s *station) Listen(ctx context.Context, listening func(), heard func(ports.Changes)) error {
	s.attempts <- struct{}{}
	select {
	case err := <-s.admits:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	s.on.mu.Lock()
	listening()
	s.on.ears[s] = heard
	s.on.mu.Unlock()
	defer func() {
		s.on.mu.Lock()
		defer s.on.mu.Unlock()
		delete(s.on.ears, s)
	}()
	select {
	case err := <-s.cut:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// replica is a world that is one of several over one store.
type replica struct {
	*world
	relay   *cache.Relay
	station *station
	events  chan string
}

func (n *network) replica(t *testing.T, below ports.Store) *replica {
	t.Helper()
	r := &replica{
		world:   &world{T: t, clock: fake.NewClock(fake.Epoch()), below: &counting{Store: below}},
		station: n.station(), events: make(chan string, 100),
	}
	var err error
	r.store, r.relay, err = cache.NewReplica(r.below, settings(), r.clock, noop.NewMeterProvider(), r.station, cache.Events{
		Listening: func() { r.events <- "listening" }, Lost: func(err error) { r.events <- fmt.Sprint("lost: ", err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.relay.Start()
	t.Cleanup(func() {
		if err := r.relay.Stop(context.Background()); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	return r
}

// admit lets r listen.
func (r *replica) admit() {
	r.Helper()
	r.station.admits <- nil
	r.wantsEvent("listening")
}

func (r *replica) wantsEvent(want string) {
	r.Helper()
	if got := <-r.events; got != want {
		r.Errorf("event %q; want %q", got, want)
	}
}

// pair are two replicas that hear each other.
func pair(t *testing.T) (one, other *replica) {
	t.Helper()
	n, below := &network{ears: map[*station]func(ports.Changes){}}, memstore.New()
	if err := below.Update(t.Context(), populate); err != nil {
		t.Fatal(err)
	}
	one, other = n.replica(t, below), n.replica(t, below)
	one.admit()
	other.admit()
	return one, other
}

func TestWritesOfOthersAreSeenOnceTheyWereAnnounced(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]step{
		"end": end(0), "end all": endAll(0), "advance": advance(0), "rename": rename(0, "Ada"), "login": login(0), "erase": erase(0),
		"purge": func(ctx context.Context, tx ports.Tx) error { return errors.Join(end(0)(ctx, tx), purge(ctx, tx)) },
		"twice": func(ctx context.Context, tx ports.Tx) error {
			return errors.Join(rename(0, "Ada")(ctx, tx), end(0)(ctx, tx))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, other := pair(t)
			before := other.wants(0, 1)
			other.wants(0, 0)
			other.wants(1, 1)
			one.update(write)
			told := <-one.station.told
			after, opened, err := other.authenticate(0)
			if opened != 1 || err == nil && after.session.EndedAt.Equal(before.session.EndedAt) &&
				after.account.Version == before.account.Version && after.session.Refresh.Counter == before.session.Refresh.Counter &&
				after.account.LastLoginAt.Equal(before.account.LastLoginAt) {
				t.Errorf("after %+v was told: %+v, %v, %d Views of the store; want the write seen", told, after, err, opened)
			}
			if !told.Any {
				other.wants(1, 0) // which has nothing to do with it
			}
		})
	}
}

func TestWhatWroteNothingIsNotAnnounced(t *testing.T) {
	t.Parallel()
	one, other := pair(t)
	other.wants(0, 1)
	one.update(createSession(8))
	one.update(func(context.Context, ports.Tx) error { return nil })
	one.wants(0, 1)
	one.update(end(1))
	if told := <-one.station.told; told.Any || !slices.Equal(told.Rows, []domain.ID{fake.Session(1, sessionOf(1)).ID}) {
		t.Errorf("%+v was told; want the one session that was written", told)
	}
	other.wants(0, 0)
}

func TestAWriteThatFailedIsAnnouncedAsWell(t *testing.T) {
	t.Parallel()
	n, broken := &network{ears: map[*station]func(ports.Changes){}}, fake.Broken(memstore.New())
	one, other := n.replica(t, broken), n.replica(t, broken)
	one.admit()
	other.admit()
	one.update(populate)
	other.wants(0, 1)
	broken.LoseAnswer()
	if err := one.store.Update(t.Context(), end(0)); !errors.Is(err, ports.ErrUnavailable) {
		t.Fatalf("Update: %v; want its answer lost", err)
	}
	<-one.station.told
	if who := other.wants(0, 1); who.session.EndedAt.IsZero() {
		t.Error("a commit whose answer was lost is not seen elsewhere")
	}
}

func TestAWriteDoesNotWaitForItsMessage(t *testing.T) {
	t.Parallel()
	one, other := pair(t)
	hangs, release := make(chan struct{}, 10), make(chan struct{})
	one.station.fail = func() error { hangs <- struct{}{}; <-release; return nil }
	one.update(end(0))
	<-hangs
	for n := 1; n < sessions; n++ {
		one.update(end(n)) // returns although nothing can be told
	}
	one.update(end(1))
	other.wants(2, 1)
	close(release)
	first, rest := <-one.station.told, <-one.station.told
	if len(first.Rows) != 1 || len(rest.Rows) != sessions-1 {
		t.Errorf("%+v was told, then %+v; want what came meanwhile in one message, each row once", first, rest)
	}
	other.wants(2, 1)
}

func TestAGapInListeningVoidsWhatWasReadBefore(t *testing.T) {
	t.Parallel()
	one, other := pair(t)
	<-other.station.attempts
	other.wants(0, 1)
	other.station.cut <- errOnPurpose
	other.wantsEvent("lost: on purpose")
	one.update(end(0)) // unheard
	<-one.station.told
	if who := other.wants(0, 0); !who.session.EndedAt.IsZero() {
		t.Fatal("it was heard: the test tests nothing")
	}
	<-other.station.attempts
	other.station.admits <- errors.New("still") // said once
	<-other.station.attempts
	other.admit()
	if who := other.wants(0, 1); who.session.EndedAt.IsZero() {
		t.Error("what was written in the gap is not seen after it")
	}
	other.wants(0, 0)
	if len(other.events) > 0 {
		t.Errorf("event %q; want no more", <-other.events)
	}
}

func TestAReadDuringTheGapIsVoidAfterIt(t *testing.T) {
	t.Parallel()
	one, other := pair(t)
	other.station.cut <- errOnPurpose
	other.wantsEvent("lost: on purpose")
	other.below.afterView = func() { // the View has its snapshot and is not kept yet
		one.update(end(0))
		<-one.station.told
		other.admit()
	}
	other.wants(0, 1)
	if who := other.wants(0, 1); who.session.EndedAt.IsZero() {
		t.Error("a View from before the gap's end is kept after it")
	}
}

func TestWithoutMessagesTheTimeToLiveHolds(t *testing.T) {
	t.Parallel()
	one, other := pair(t)
	one.station.fail = func() error { return ports.ErrUnavailable }
	other.wants(0, 1)
	one.update(end(0))
	other.wants(0, 0)
	other.clock.Advance(ttl)
	if who := other.wants(0, 1); who.session.EndedAt.IsZero() {
		t.Error("the end is not seen after the time to live")
	}
}

func TestTooMuchIsForgottenAndCounted(t *testing.T) {
	t.Parallel()
	const room = 16 * ports.MaxChanges
	reader := metric.NewManualReader()
	s := (&network{ears: map[*station]func(ports.Changes){}}).station()
	heard := make(chan struct{})
	store, relay, err := cache.NewReplica(memstore.New(), settings(), fake.NewClock(fake.Epoch()), metric.NewMeterProvider(metric.WithReader(reader)), s,
		cache.Events{Listening: func() { close(heard) }})
	if err != nil {
		t.Fatal(err)
	}
	failed := false
	s.fail = func() error {
		if !failed {
			failed = true
			return ports.ErrUnavailable
		}
		return nil
	}
	write := func(ctx context.Context, tx ports.Tx) error {
		for i := range room + 10 {
			if _, err := tx.Sessions().End(ctx, domain.ID(fmt.Sprint(i)), domain.EndedByLogout, fake.Epoch()); err != nil {
				return err
			}
		}
		return nil
	}
	if err := store.Update(t.Context(), write); err != nil {
		t.Fatal(err)
	}
	s.admits <- nil
	relay.Start()
	relay.Start() // does nothing
	<-heard
	if got := collect(t, reader)["authserve.cache.listening "]; got != 1 {
		t.Errorf("listening %d; want 1", got)
	}
	for range room/ports.MaxChanges - 1 {
		if c := <-s.told; len(c.Rows) != ports.MaxChanges {
			t.Errorf("a message names %d rows; want %d", len(c.Rows), ports.MaxChanges)
		}
	}
	s.on.hear(s, ports.Changes{Rows: []domain.ID{"1", "2"}})
	s.on.hear(s, ports.Changes{Any: true})
	if err := errors.Join(relay.Stop(t.Context()), relay.Stop(t.Context())); err != nil {
		t.Errorf("Stop: %v", err)
	}
	got := collect(t, reader)
	for name, want := range map[string]int64{
		"changes sent": room - ports.MaxChanges, "changes lost": 10 + ports.MaxChanges, "changes heard": 3, "listening ": 0,
	} {
		if got["authserve.cache."+name] != want {
			t.Errorf("%s %d; want %d", name, got["authserve.cache."+name], want)
		}
	}
}

// hear lets s hear c from somebody.
func (n *network) hear(s *station, c ports.Changes) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ears[s](c)
}

func TestAnyRowStandsForAll(t *testing.T) {
	t.Parallel()
	one, _ := pair(t)
	hangs, release := make(chan struct{}, 10), make(chan struct{})
	one.station.fail = func() error { hangs <- struct{}{}; <-release; return nil }
	one.update(end(0))
	<-hangs
	one.update(end(1))
	one.update(purge)
	one.update(end(2))
	close(release)
	<-one.station.told
	if c := <-one.station.told; !c.Any || len(c.Rows) > 0 {
		t.Errorf("%+v was told; want any row, and none by name", c)
	}
}

func TestStopTellsWhatIsLeft(t *testing.T) {
	t.Parallel()
	one, other := pair(t)
	other.wants(1, 1)
	hangs, release := make(chan struct{}, 10), make(chan struct{})
	one.station.fail = func() error { hangs <- struct{}{}; <-release; return nil }
	one.update(end(0))
	<-hangs
	one.update(end(1))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := one.relay.Stop(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Stop = %v; want that it did not come to its end", err)
	}
	close(release)
	if err := one.relay.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if len(one.station.told) != 2 {
		t.Errorf("%d messages; want what was left told", len(one.station.told))
	}
	other.wants(1, 1)
}

func TestAReplicaThatWasNeverStartedStops(t *testing.T) {
	t.Parallel()
	s := (&network{}).station()
	store, relay, err := cache.NewReplica(memstore.New(), settings(), fake.NewClock(fake.Epoch()), noop.NewMeterProvider(), s, cache.Events{})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Update(t.Context(), populate); err != nil {
		t.Fatal(err)
	}
	if err := relay.Stop(t.Context()); err != nil || len(s.told) > 0 || len(s.attempts) > 0 {
		t.Errorf("Stop = %v, %d messages, %d tries to listen; want nothing", err, len(s.told), len(s.attempts))
	}
}
