package queue_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"authserve/adapters/outbound/passhash/queue"
	"authserve/adapters/outbound/system"
)

// model says in the plainest way what a queue does with jobs of which no duration is
// known: it decides by looking at everything.
type model struct {
	cfg     queue.Config
	jobs    []modelJob // by number
	rings   [2][]string
	running []int
	begun   []int // in this order
	refused map[int]queue.Reason
}

type modelJob struct {
	ticket   queue.Ticket
	deadline time.Duration // since the start; 0: none
	waits    bool
}

func levelOf(t queue.Ticket) int {
	if t.Background {
		return 1
	}
	return 0
}

// waiting are the jobs of one network that wait, oldest first.
func (m *model) waiting(level int, network string) []int {
	var found []int
	for i, j := range m.jobs {
		if j.waits && levelOf(j.ticket) == level && j.ticket.Network == network {
			found = append(found, i)
		}
	}
	return found
}

// order are the jobs of one level that wait, as they would be served.
func (m *model) order(level int) []int {
	var order []int
	for round := 0; ; round++ {
		before := len(order)
		for _, network := range m.rings[level] {
			if jobs := m.waiting(level, network); round < len(jobs) {
				order = append(order, jobs[round])
			}
		}
		if len(order) == before {
			return order
		}
	}
}

func (m *model) works(network string) bool {
	return slices.ContainsFunc(m.running, func(i int) bool { return m.jobs[i].ticket.Network == network })
}

func (m *model) begin(i int) {
	m.jobs[i].waits = false
	m.running = append(m.running, i)
	m.begun = append(m.begun, i)
}

// remove ends a waiting job for why, if it waits.
func (m *model) remove(i int, why queue.Reason) {
	if !m.jobs[i].waits {
		return
	}
	m.jobs[i].waits = false
	m.refused[i] = why
	m.tidy()
}

// tidy forgets the networks with nothing waiting.
func (m *model) tidy() {
	for l := range m.rings {
		m.rings[l] = slices.DeleteFunc(m.rings[l], func(n string) bool { return len(m.waiting(l, n)) == 0 })
	}
}

func (m *model) arrive(t queue.Ticket, deadline time.Duration) {
	i, l := len(m.jobs), levelOf(t)
	m.jobs = append(m.jobs, modelJob{ticket: t, deadline: deadline})
	if len(m.running) < m.cfg.Slots {
		m.begin(i)
		return
	}
	foreground, background := m.order(0), m.order(1)
	if len(foreground)+len(background) == m.cfg.Waiting {
		switch {
		case l == 1:
			m.refused[i] = queue.QueueFull
			return
		case len(background) > 0:
			m.remove(background[len(background)-1], queue.PushedOut)
		default:
			last := foreground[len(foreground)-1]
			if len(m.waiting(0, t.Network))+1 >= len(m.waiting(0, m.jobs[last].ticket.Network)) {
				m.refused[i] = queue.QueueFull
				return
			}
			m.remove(last, queue.PushedOut)
		}
	}
	if !slices.Contains(m.rings[l], t.Network) {
		at := len(m.rings[l])
		for !m.works(t.Network) && at > 0 && m.works(m.rings[l][at-1]) {
			at--
		}
		m.rings[l] = slices.Insert(m.rings[l], at, t.Network)
	}
	m.jobs[i].waits = true
}

func (m *model) end(i int) {
	m.running = slices.DeleteFunc(m.running, func(j int) bool { return i == j })
	for l := range m.rings {
		if order := m.order(l); len(order) > 0 {
			network := m.rings[l][0]
			m.rings[l] = append(m.rings[l][1:], network)
			m.begin(order[0])
			m.tidy()
			return
		}
	}
}

func (m *model) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "begun %v, waiting %d", m.begun, len(m.order(0))+len(m.order(1)))
	for _, i := range slices.Sorted(maps.Keys(m.refused)) {
		fmt.Fprintf(&s, ", %d %s", i, m.refused[i])
	}
	return s.String()
}

// step is something that happens to a queue. n picks whom it happens to.
type step struct {
	what    string // arrive, leave, end, pass
	n       int
	network string
	late    bool
	seconds int // that pass; of a newcomer, until its deadline, 0: none
}

func steps() *rapid.Generator[[]step] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			what:    rapid.SampledFrom([]string{"arrive", "arrive", "arrive", "arrive", "end", "end", "leave", "pass"}).Draw(t, "what"),
			n:       rapid.IntRange(0, 50).Draw(t, "n"),
			network: rapid.SampledFrom([]string{"a", "a", "a", "b", "b", "c", "d"}).Draw(t, "network"),
			late:    rapid.IntRange(0, 3).Draw(t, "late") == 3,
			seconds: rapid.IntRange(0, 9).Draw(t, "seconds"),
		}
	}), 1, 60)
}

// subject is a queue with work under the test's control, and what became of it.
type subject struct {
	mu      sync.Mutex
	begun   []int
	refused map[int]queue.Reason
	waited  map[int]int
	ends    map[int]chan struct{}
	slots   map[int]int // job by slot
	returns map[int]int
	faults  []string
}

type jobKey struct{}

func number(ctx context.Context) int {
	i, _ := ctx.Value(jobKey{}).(int)
	return i
}

func (s *subject) events() queue.Events {
	return queue.Events{
		Waited: func(ctx context.Context, _ queue.Ticket, _ time.Duration) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.waited[number(ctx)]++
		},
		Refused: func(ctx context.Context, _ queue.Ticket, why queue.Reason) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if was, twice := s.refused[number(ctx)]; twice {
				s.faults = append(s.faults, fmt.Sprintf("job %d was refused as %s and as %s", number(ctx), was, why))
			}
			s.refused[number(ctx)] = why
		},
	}
}

// work begins, waits for its end, and fails, so that no duration becomes known.
func (s *subject) work(ctx context.Context, slot int) (bool, error) {
	i, end := number(ctx), make(chan struct{})
	s.mu.Lock()
	if other, taken := s.slots[slot]; taken {
		s.faults = append(s.faults, fmt.Sprintf("jobs %d and %d share slot %d", other, i, slot))
	}
	if ctx.Err() != nil {
		s.faults = append(s.faults, fmt.Sprintf("job %d began for nobody", i))
	}
	s.slots[slot] = i
	s.begun = append(s.begun, i)
	s.ends[i] = end
	s.mu.Unlock()
	<-end
	s.mu.Lock()
	delete(s.slots, slot)
	s.mu.Unlock()
	return false, errors.New("taught nothing")
}

func (s *subject) String(q *queue.Queue) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, waiting := q.Depth()
	var b strings.Builder
	fmt.Fprintf(&b, "begun %v, waiting %d", s.begun, waiting)
	for _, i := range slices.Sorted(maps.Keys(s.refused)) {
		fmt.Fprintf(&b, ", %d %s", i, s.refused[i])
	}
	return b.String()
}

// play does the same to a queue and to the model, and returns how they differ.
func play(t *testing.T, cfg queue.Config, script []step) (fault string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &subject{refused: map[int]queue.Reason{}, waited: map[int]int{}, ends: map[int]chan struct{}{}, slots: map[int]int{}, returns: map[int]int{}}
		cfg.Events = s.events()
		m := &model{cfg: cfg, refused: map[int]queue.Reason{}}
		q := newQueue(t, cfg)
		var passed time.Duration
		var cancels []context.CancelFunc
		for n, st := range script {
			switch {
			case st.what == "arrive":
				limit, deadline := time.Hour, time.Duration(0) // an hour is more than any script lasts
				if st.seconds > 0 {
					limit = time.Duration(st.seconds) * time.Second
					deadline = passed + limit
				}
				ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), jobKey{}, len(m.jobs)), limit)
				cancels = append(cancels, cancel)
				ticket := queue.Ticket{Network: st.network, Kind: st.network, Background: st.late}
				go func() {
					_, _ = queue.Do(ctx, q, ticket, func(slot int) (bool, error) { return s.work(ctx, slot) })
					s.mu.Lock()
					defer s.mu.Unlock()
					s.returns[number(ctx)]++
				}()
				m.arrive(ticket, deadline)
			case st.what == "leave" && len(m.jobs) > 0:
				i := st.n % len(m.jobs)
				cancels[i]()
				m.remove(i, queue.Departed)
			case st.what == "end" && len(m.running) > 0:
				i := m.running[st.n%len(m.running)]
				close(s.ends[i])
				m.end(i)
			case st.what == "pass":
				<-time.After(time.Duration(st.seconds) * time.Second)
				passed += time.Duration(st.seconds) * time.Second
				for i, j := range m.jobs {
					if j.deadline > 0 && j.deadline <= passed {
						m.remove(i, queue.Expired)
					}
				}
			}
			synctest.Wait()
			if got, want := s.String(q), m.String(); got != want {
				s.faults = append(s.faults, fmt.Sprintf("after step %d, %+v:\n got %s\nwant %s", n, st, got, want))
			}
			if len(s.faults) > 0 {
				break
			}
		}
		go q.Close()
		synctest.Wait()
		for _, end := range s.ends {
			select {
			case <-end:
			default:
				close(end)
			}
		}
		q.Close()
		for _, cancel := range cancels {
			cancel()
		}
		synctest.Wait()
		for i := range m.jobs {
			_, refused := s.refused[i]
			if begun := slices.Contains(s.begun, i); s.returns[i] != 1 || begun == refused || (s.waited[i] == 1) != begun {
				s.faults = append(s.faults, fmt.Sprintf("job %d: returned %d times, begun %v, refused %v, told as begun %d times",
					i, s.returns[i], begun, refused, s.waited[i]))
			}
		}
		if running, waiting := q.Depth(); running+waiting+queue.Networks(q)+queue.Admitted(q) != 0 {
			s.faults = append(s.faults, "the queue remembers jobs that have ended")
		}
		fault = strings.Join(s.faults, "\n")
	})
	return fault
}

func TestQueueDoesAsTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		cfg := queue.Config{Slots: rapid.IntRange(1, 3).Draw(rt, "slots"), Waiting: rapid.IntRange(1, 8).Draw(rt, "waiting")}
		if fault := play(t, cfg, steps().Draw(rt, "steps")); fault != "" {
			rt.Fatal(fault)
		}
	})
}

// What a newcomer is told of its wait is what it then waits, when all jobs last alike
// and nobody comes after it.
func TestWaitIsWhatTheNewcomerWaits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		networks := rapid.SampledFrom([]string{"a", "a", "a", "b", "b", "c", "d", "e"})
		before := rapid.SliceOfN(networks, 1, 20).Draw(rt, "before")
		newcomer := queue.Ticket{Network: networks.Draw(rt, "newcomer"), Kind: ordinary.Kind, Background: rapid.Bool().Draw(rt, "late")}
		late := rapid.SliceOfN(rapid.Bool(), len(before), len(before)).Draw(rt, "which are late")
		pass := rapid.IntRange(0, len(before)-1).Draw(rt, "seconds that pass before it comes")
		var told, waited time.Duration
		synctest.Test(t, func(t *testing.T) {
			q := newQueue(t, queue.Config{Slots: 1, Waiting: 20})
			teach(t, q, time.Second)
			for i, network := range before {
				_ = later(t, q, queue.Ticket{Network: network, Kind: ordinary.Kind, Background: late[i]}, lasting(time.Second))
			}
			<-time.After(time.Duration(pass) * time.Second) // as many jobs have ended
			synctest.Wait()
			told = retryAfter(doFor(t, q, time.Millisecond, newcomer, unreachable(t)))
			came := system.Clock{}.Now()
			_, err := queue.Do(t.Context(), q, newcomer, func(int) (bool, error) {
				waited = system.Clock{}.Now().Sub(came)
				return true, nil
			})
			if err != nil {
				t.Error(err)
			}
			<-time.After(time.Minute)
		})
		if told != waited {
			rt.Fatalf("told %v, waited %v", told, waited)
		}
	})
}
