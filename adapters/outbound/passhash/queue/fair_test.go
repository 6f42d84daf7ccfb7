package queue_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"authserve/adapters/outbound/passhash/queue"
	"authserve/ports"
)

// diary notes the order in which jobs begin.
type diary struct {
	mu    sync.Mutex
	begun []string
}

// note is work that enters name when it begins, and takes a second.
func (d *diary) note(name string) work {
	return func(int) (bool, error) {
		d.mu.Lock()
		d.begun = append(d.begun, name)
		d.mu.Unlock()
		<-time.After(time.Second)
		return true, nil
	}
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.begun, " ")
}

func TestWhoIsNext(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		come, begin string // capital letters are background
	}{
		"first come, first served in one network": {"a a a", "a1 a2 a3"},
		"round robin over networks":               {"a a a b c b", "a1 b1 c1 a2 b2 a3"},
		"foreground first":                        {"A A b A c b", "b1 c1 b2 A1 A2 A3"},
		"round robin in the background":           {"A A B C A", "A1 B1 C1 A2 A3"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(t, queue.Config{Slots: 1, Waiting: 20})
				release := occupy(t.Context(), q, 1, ordinary)
				var d diary
				count := map[string]int{}
				for letter := range strings.FieldsSeq(c.come) {
					count[letter]++
					ticket := of(letter)
					ticket.Background = letter != strings.ToLower(letter)
					_ = later(t, q, ticket, d.note(letter+strconv.Itoa(count[letter])))
				}
				release()
				<-time.After(time.Minute)
				if got := d.String(); got != c.begin {
					t.Errorf("%s: got %s, want %s", c.come, got, c.begin)
				}
				checkEmpty(t, q)
			})
		})
	}
}

// A network that comes back for each of its jobs gets no more and no fewer turns
// than one that keeps many waiting.
func TestReturningNetworkHasOneTurnARound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, queue.Config{Slots: 1, Waiting: 20})
		release := occupy(t.Context(), q, 1, ordinary)
		var d diary
		for range 5 {
			_ = later(t, q, of("many"), d.note("many"))
		}
		for _, name := range []string{"x", "y"} {
			go func() {
				for range 5 {
					_, _ = queue.Do(t.Context(), q, of(name), d.note(name))
				}
			}()
			synctest.Wait()
		}
		release()
		<-time.After(time.Minute)
		synctest.Wait()
		for round := range slices.Chunk(d.begun[:12], 3) {
			if slices.Sort(round); !slices.Equal(round, []string{"many", "x", "y"}) {
				t.Errorf("got the round %v, want one turn of each network", round)
			}
		}
	})
}

// A network gets in the ring behind those that work, if it works itself.
func TestWhoWorksGetsInLast(t *testing.T) {
	t.Parallel()
	for newcomer, want := range map[string]string{"a": "b newcomer", "c": "newcomer b"} {
		t.Run(newcomer, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(t, queue.Config{Slots: 2, Waiting: 5})
				releaseA, releaseB := occupy(t.Context(), q, 1, of("a")), occupy(t.Context(), q, 1, of("b"))
				var d diary
				_ = later(t, q, of("b"), d.note("b"))
				_ = later(t, q, of(newcomer), d.note("newcomer"))
				releaseA()
				<-time.After(time.Minute)
				releaseB()
				if got := d.String(); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			})
		})
	}
}

func TestOneNetworkWithThousandsOfCallersShutsNobodyOut(t *testing.T) {
	t.Parallel()
	const (
		slots  = 2
		lasts  = 100 * time.Millisecond
		period = 20 * time.Second
	)
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, queue.Config{Slots: slots, Waiting: 64})
		ctx, cancel := context.WithTimeout(t.Context(), period)
		defer cancel()
		deadline, _ := ctx.Deadline()
		var mu sync.Mutex
		done, refused := map[string]int{}, map[string]int{}
		longest := time.Duration(0)
		var callers sync.WaitGroup
		call := func(network string, patience time.Duration) {
			for ctx.Err() == nil {
				came := time.Now() //nolint:forbidigo // the bubble's clock
				begun := came
				err := func() error {
					ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
					defer cancel()
					_, err := queue.Do(ctx, q, of(network), func(int) (bool, error) {
						mu.Lock()
						begun = time.Now() //nolint:forbidigo // the bubble's clock
						mu.Unlock()
						<-time.After(lasts)
						return true, nil
					})
					return err
				}()
				mu.Lock()
				if err == nil {
					done[network]++
				} else if deadline.Sub(came) > 5*time.Second {
					refused[network]++
				}
				if network != "attacker" {
					longest = max(longest, begun.Sub(came))
				}
				mu.Unlock()
				if err != nil {
					<-time.After(patience)
				}
			}
		}
		for range 2000 {
			callers.Go(func() { call("attacker", 4*time.Second) }) // whatever it is told
		}
		synctest.Wait()
		for _, network := range []string{"school", "office"} {
			for range 4 {
				callers.Go(func() { call(network, time.Second) })
			}
		}
		callers.Go(func() { call("home", time.Second) }) // one at a time
		callers.Wait()
		// Four networks; home asks for less than its share by the time that its jobs last.
		share := int(period/lasts) * slots / 4
		for network, least := range map[string]int{"school": share, "office": share, "home": share * 6 / 10, "attacker": share} {
			if done[network] < least*95/100 {
				t.Errorf("%s: got %d jobs done, want at least %d", network, done[network], least)
			}
		}
		if got := refused["school"] + refused["office"] + refused["home"]; got != 0 {
			t.Errorf("got %d refused of the others, want none", got)
		}
		// At most: what runs, and for each of its four callers a turn of each network.
		if most := lasts * (4*4 + slots) / slots; longest > most {
			t.Errorf("got a wait of %v, want at most %v", longest, most)
		}
		checkEmpty(t, q)
	})
}

func TestNewcomerPushesOutTheNewestOfTheLongest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log journal
		q := newQueue(t, queue.Config{Slots: 1, Waiting: 4, Events: log.events()})
		release := occupy(t.Context(), q, 1, ordinary)
		var d diary
		var a, b []*result
		for i := range 4 {
			a = append(a, later(t, q, of("a"), d.note("a"+strconv.Itoa(i+1))))
		}
		check := func(what string, r *result, want queue.Reason, times int) {
			t.Helper()
			ended, err := r.get()
			if got := retryAfter(err); !ended || got < time.Second || got > 30*time.Second {
				t.Errorf("%s: ended %v, %v, want ErrOverloaded with RetryAfter", what, ended, err)
			}
			if n, _ := log.refused(want); n != times {
				t.Errorf("%s: got %d refusals as %s, want %d", what, n, want, times)
			}
			if _, waiting := q.Depth(); waiting != 4 {
				t.Errorf("%s: got %d waiting, want 4", what, waiting)
			}
		}
		b = append(b, later(t, q, of("b"), d.note("b1")))
		check("a4, for b1", a[3], queue.PushedOut, 1)
		b = append(b, later(t, q, of("b"), d.note("b2")))
		check("a3, for b2", a[2], queue.PushedOut, 2)
		check("b3, as b has as many as a", later(t, q, of("b"), unreachable(t)), queue.QueueFull, 1)
		check("a3 again", later(t, q, of("a"), unreachable(t)), queue.QueueFull, 2)
		_ = later(t, q, of("c"), d.note("c1"))
		check("b2, whose turn is the last of all, for c1", b[1], queue.PushedOut, 3)
		_ = later(t, q, of("d"), d.note("d1"))
		check("a2, for d1", a[1], queue.PushedOut, 4)
		check("e1, as all have one", later(t, q, of("e"), unreachable(t)), queue.QueueFull, 3)
		release()
		<-time.After(time.Minute)
		if got, want := d.String(), "a1 b1 c1 d1"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		checkEmpty(t, q)
	})
}

func TestBackgroundGivesWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log journal
		q := newQueue(t, queue.Config{Slots: 1, Waiting: 3, Events: log.events()})
		if _, err := queue.Do(t.Context(), q, late("a"), nothing); err != nil {
			t.Fatalf("beside a free slot: %v", err)
		}
		release := occupy(t.Context(), q, 1, late("a")) // begins at once
		var d diary
		background := []*result{later(t, q, late("a"), d.note("A1")), later(t, q, late("a"), d.note("A2"))}
		_ = later(t, q, of("a"), d.note("a1"))
		if ended, err := later(t, q, late("z"), unreachable(t)).get(); !ended || retryAfter(err) == 0 {
			t.Errorf("background in a full queue: ended %v, %v, want ErrOverloaded", ended, err)
		}
		_ = later(t, q, of("a"), d.note("a2")) // its network has the most waiting
		if ended, err := background[1].get(); !ended || retryAfter(err) == 0 {
			t.Errorf("the newest in the background: ended %v, %v, want it pushed out", ended, err)
		}
		release()
		<-time.After(1500 * time.Millisecond) // a1 is done, a2 runs
		_ = later(t, q, of("a"), d.note("a3"))
		<-time.After(time.Minute)
		if got, want := d.String(), "a1 a2 a3 A1"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if pushed, all := log.refused(queue.PushedOut); pushed != 1 || all != 2 {
			t.Errorf("got %d pushed out of %d refused, want 1 of 2", pushed, all)
		}
		checkEmpty(t, q)
	})
}

func TestNobodyWaitsBesideAFreeSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, queue.Config{Slots: 2, Waiting: 5})
		teach(t, q, time.Second)
		release := occupy(t.Context(), q, 1, ordinary)
		defer release()
		if got := q.Wait(); got != 0 {
			t.Errorf("got a wait of %v, want none", got)
		}
	})
}

// What a caller is told when no time would suffice is the wait by the round robin.
func TestWaitOfEachNetwork(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		ticket queue.Ticket
		want   time.Duration
	}{
		"a newcomer: one turn of each":              {of("new"), 4 * time.Second},
		"the longest: all":                          {of("a"), 7 * time.Second},
		"one behind the longest in the second turn": {of("b"), 5 * time.Second},
		"the last":                   {of("c"), 7 * time.Second},
		"background: all foreground": {late("new"), 8 * time.Second},
		"background behind its own":  {late("a"), 8 * time.Second},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(t, queue.Config{Slots: 1, Waiting: 20})
				teach(t, q, time.Second)
				release := occupy(t.Context(), q, 1, ordinary)
				for _, network := range []string{"a", "b", "c", "a", "c", "a"} {
					_ = later(t, q, of(network), nothing)
				}
				_ = later(t, q, late("a"), nothing)
				if got := q.Wait(); got != 4*time.Second {
					t.Errorf("got a wait of %v, want 4 s", got)
				}
				err := doFor(t, q, time.Second, c.ticket, unreachable(t))
				if got := retryAfter(err); got != c.want {
					t.Errorf("got %v, want it refused for %v", err, c.want)
				}
				if err := doFor(t, q, c.want+1500*time.Millisecond, c.ticket, unreachable(t)); errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want it refused at once: half its duration is to spare", err)
				}
				err = doFor(t, q, c.want+1501*time.Millisecond, c.ticket, unreachable(t))
				if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ports.ErrOverloaded) {
					t.Errorf("got %v, want it taken in", err)
				}
				release()
			})
		})
	}
}

func TestOwnBacklogCountsAsWhatItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, queue.Config{Slots: 1, Waiting: 100})
		slow, fast := queue.Ticket{Network: "a", Kind: "slow"}, queue.Ticket{Network: "b", Kind: "fast"}
		for ticket, lasts := range map[queue.Ticket]time.Duration{slow: 4 * time.Second, fast: 10 * time.Millisecond} {
			if _, err := queue.Do(t.Context(), q, ticket, lasting(lasts)); err != nil {
				t.Fatal(err)
			}
		}
		release := occupy(t.Context(), q, 1, ordinary)
		defer release()
		for range 50 {
			_ = later(t, q, fast, nothing)
		}
		for range 3 {
			_ = later(t, q, slow, nothing)
		}
		err := doFor(t, q, time.Second, slow, unreachable(t))
		// Three slow ones of its own, and in four rounds four of the others'.
		if got, want := retryAfter(err), 12*time.Second+40*time.Millisecond; got != want {
			t.Errorf("got %v, want it refused for %v (got %v)", err, want, got)
		}
	})
}
