package redisbus_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"authserve/adapters/outbound/redisbus"
	"authserve/adapters/outbound/system"
	"authserve/bootstrap/dbtest"
	"authserve/core/domain"
	"authserve/ports"
)

func newBus(t *testing.T, url string) *redisbus.Bus {
	t.Helper()
	b, err := redisbus.New(domain.NewSecret(url), system.IDs{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

// ear is a Listen under way.
type ear struct {
	listening chan struct{}
	heard     chan ports.Changes
	ended     chan error
	stop      context.CancelFunc
}

func listen(t *testing.T, b *redisbus.Bus) *ear {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	e := &ear{listening: make(chan struct{}, 1), heard: make(chan ports.Changes, 100), ended: make(chan error, 1), stop: stop}
	var running sync.WaitGroup
	running.Go(func() {
		e.ended <- b.Listen(ctx, func() { e.listening <- struct{}{} }, func(c ports.Changes) { e.heard <- c })
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	return e
}

// connected waits until it listens.
func (e *ear) connected(t *testing.T) *ear {
	t.Helper()
	select {
	case <-e.listening:
	case err := <-e.ended:
		t.Fatalf("Listen = %v; want it to listen", err)
	}
	return e
}

func (e *ear) wants(t *testing.T, want ports.Changes) {
	t.Helper()
	select {
	case got := <-e.heard:
		if got.Any != want.Any || !slices.Equal(got.Rows, want.Rows) {
			t.Errorf("heard %+v; want %+v", got, want)
		}
	case err := <-e.ended:
		t.Fatalf("Listen = %v; want %+v heard", err, want)
	}
}

func announce(t *testing.T, b *redisbus.Bus, c ports.Changes) {
	t.Helper()
	if err := b.Announce(t.Context(), c); err != nil {
		t.Fatalf("Announce: %v", err)
	}
}

func TestReplicasHearEachOtherAndNotThemselves(t *testing.T) {
	t.Parallel()
	server := dbtest.NewRedis(t)
	one, other := newBus(t, server.URL()), newBus(t, server.URL())
	ears := map[*redisbus.Bus]*ear{one: listen(t, one).connected(t), other: listen(t, other).connected(t)}
	announce(t, one, ports.Changes{Rows: rows(3)})
	announce(t, other, ports.Changes{Any: true})
	ears[other].wants(t, ports.Changes{Rows: rows(3)})
	ears[one].wants(t, ports.Changes{Any: true})
	announce(t, one, ports.Changes{Rows: rows(1)})
	ears[other].wants(t, ports.Changes{Rows: rows(1)}) // and not its own before
	for _, e := range ears {
		e.stop()
		if err := <-e.ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Listen = %v; want that it was told to end", err)
		}
	}
}

func TestAMessageThatCannotBeReadNamesEveryRow(t *testing.T) {
	t.Parallel()
	server := dbtest.NewRedis(t)
	e := listen(t, newBus(t, server.URL())).connected(t)
	for _, m := range []string{"", "2 of a newer version", strings.Repeat("x", 1<<20)} {
		if err := server.Client(t).Publish(t.Context(), redisbus.Channel, m).Err(); err != nil {
			t.Fatal(err)
		}
		e.wants(t, ports.Changes{Any: true})
	}
}

func TestALostConnectionIsNoticed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lose, mend func(t *testing.T, r *dbtest.Redis)
	}{
		"killed": {func(t *testing.T, r *dbtest.Redis) { t.Helper(); r.Kill(t) }, func(t *testing.T, r *dbtest.Redis) { t.Helper(); r.Restart(t) }},
		"paused": {func(t *testing.T, r *dbtest.Redis) { t.Helper(); r.Pause(t) }, func(t *testing.T, r *dbtest.Redis) { t.Helper(); r.Resume(t) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := dbtest.NewRedis(t)
			b := newBus(t, server.URL())
			e := listen(t, b).connected(t)
			c.lose(t, server)
			wantsUnavailable(t, <-e.ended)
			wantsUnavailable(t, b.Announce(t.Context(), ports.Changes{Any: true}))
			wantsUnavailable(t, b.Listen(t.Context(), func() { t.Error("it listens") }, nil))
			c.mend(t, server)
			other := newBus(t, server.URL())
			e = listen(t, b).connected(t)
			announce(t, other, ports.Changes{Rows: rows(1)})
			e.wants(t, ports.Changes{Rows: rows(1)})
			// The library does not dial at each call while dialling fails.
			ticker := time.NewTicker(10 * time.Millisecond)
			defer ticker.Stop()
			for b.Announce(t.Context(), ports.Changes{Any: true}) != nil {
				<-ticker.C
			}
		})
	}
}

func wantsUnavailable(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("error %v; want %v", err, ports.ErrUnavailable)
	}
	if err != nil && strings.Contains(err.Error(), "only-for-tests") {
		t.Errorf("the error tells the password: %v", err)
	}
}

func TestAWrongPasswordIsToldWithoutThePassword(t *testing.T) {
	t.Parallel()
	server := dbtest.NewRedis(t)
	b := newBus(t, strings.Replace(server.URL(), ":only", ":not-only", 1))
	for _, err := range []error{b.Announce(t.Context(), ports.Changes{}), b.Listen(t.Context(), nil, nil)} {
		wantsUnavailable(t, err)
		if err == nil || !strings.Contains(err.Error(), "WRONGPASS") {
			t.Errorf("error %v; want the answer of Redis in it", err)
		}
	}
}

// TestTheRuleOfTheDocumentsIsEnough gives the service no other rights than
// docs/howto/caching.md does.
func TestTheRuleOfTheDocumentsIsEnough(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/howto/caching.md")
	if err != nil {
		t.Fatal(err)
	}
	var rule []any
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "ACL SETUSER ") {
			for word := range strings.FieldsSeq(line) {
				rule = append(rule, word)
			}
		}
	}
	server := dbtest.NewRedis(t)
	if err := server.Client(t).Do(t.Context(), rule...).Err(); err != nil {
		t.Fatalf("%q: %v", rule, err)
	}
	_, host, _ := strings.Cut(server.URL(), "@")
	b, other := newBus(t, "redis://authserve:PASSWORD@"+host+"/3"), newBus(t, server.URL())
	e := listen(t, b).connected(t)
	announce(t, other, ports.Changes{Rows: rows(1)})
	e.wants(t, ports.Changes{Rows: rows(1)})
	announce(t, b, ports.Changes{Any: true})
	if err := server.Client(t).Do(t.Context(), "ACL", "SETUSER", "authserve", "resetchannels").Err(); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{b.Announce(t.Context(), ports.Changes{}), b.Listen(t.Context(), func() { t.Error("it listens") }, nil)} {
		wantsUnavailable(t, err)
		if err == nil || !strings.Contains(err.Error(), "NOPERM") {
			t.Errorf("error %v; want the answer of Redis in it", err)
		}
	}
}

// mute takes connections and never answers.
func mute(t *testing.T) (url string) {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { _, _ = io.Copy(io.Discard, c); _ = c.Close() })
		}
	})
	t.Cleanup(func() { _ = l.Close(); running.Wait() })
	return "redis://" + l.Addr().String()
}

func TestNobodyWaitsForAMuteServer(t *testing.T) {
	t.Parallel()
	url := mute(t)
	t.Run("its own patience ends", func(t *testing.T) {
		t.Parallel()
		b := newBus(t, url)
		wantsUnavailable(t, b.Announce(t.Context(), ports.Changes{Any: true}))
		wantsUnavailable(t, b.Listen(t.Context(), nil, nil))
	})
	t.Run("the caller's ends", func(t *testing.T) {
		t.Parallel()
		b := newBus(t, url)
		ctx, cancel := context.WithTimeout(t.Context(), 1)
		defer cancel()
		if err := b.Announce(ctx, ports.Changes{Any: true}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Announce = %v; want the end of its context", err)
		}
		if err := b.Listen(ctx, nil, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Listen = %v; want the end of its context", err)
		}
	})
}
