package audit_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"authserve/core/audit"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func TestSealChainsEveryEventOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if got := b.seal(t); got != (audit.Sealed{}) {
		t.Errorf("Seal of nothing: got %+v", got)
	}
	if _, err := b.Head(t.Context()); !errors.Is(err, ports.ErrNotFound) {
		t.Errorf("Head of nothing: got error %v, want %v", err, ports.ErrNotFound)
	}
	for _, n := range []int{1, 500, 1201} {
		b.happen(t, n)
		if got := b.seal(t); got != (audit.Sealed{Events: n}) {
			t.Errorf("Seal: got %+v, want %d events and none left", got, n)
		}
	}
	b.sound(t, 1702)
	before := b.head(t)
	b.clock.Advance(time.Hour)
	if got := b.seal(t); got != (audit.Sealed{}) {
		t.Errorf("Seal again: got %+v", got)
	}
	if after := b.head(t); !after.At.Equal(before.At) || after.Seq != 1702 {
		t.Errorf("the head after nothing: got %+v, want %+v", after, before)
	}
}

func TestSaltsAreFresh(t *testing.T) {
	t.Parallel()
	b := sealed(t, 3)
	b.store.tamper = func(c *chain) {
		a, z := c.at(1).Link, c.at(3).Link
		if len(a.Salt) != 16 || bytes.Equal(a.Salt, z.Salt) || bytes.Equal(a.Commitment, z.Commitment) {
			t.Errorf("one actor, two events: salts %x and %x, commitments %x and %x", a.Salt, z.Salt, a.Commitment, z.Commitment)
		}
	}
	b.sound(t, 3)
}

// What is not signed here must not be built on: that would make it so.
func TestNobodyBuildsOnWhatIsBroken(t *testing.T) {
	t.Parallel()
	bad := bytes.Repeat([]byte{1}, 32)
	for what, tamper := range map[string]func(*chain){
		"the tail was cut and the head set back": func(c *chain) {
			c.remove(4, 5)
			c.head.Seq, c.head.MAC = 3, c.at(3).Link.MAC
		},
		"the proof is not ours":                            func(c *chain) { c.head.Proof = bad },
		"its key is not in the ring":                       func(c *chain) { c.head.KeyID = "gone" },
		"the head was removed":                             func(c *chain) { c.head = domain.AuditHead{} },
		"the head was removed, and all that the chain had": func(c *chain) { c.anchor, c.rows, c.head = c.head, nil, domain.AuditHead{} },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b := sealed(t, 5)
			b.happen(t, 2)
			b.store.tamper = tamper
			done, err := b.Seal(t.Context())
			if !errors.Is(err, audit.ErrBroken) || done.Events != 0 || !done.Oldest.Equal(fake.Epoch().Add(5*time.Second)) {
				t.Errorf("Seal: got %+v, %v; want %v, and how old the oldest is", done, err, audit.ErrBroken)
			}
			b.store.tamper = nil
			if got := b.seal(t).Events; got != 2 {
				t.Errorf("Seal when all is well again: got %d events, want 2", got)
			}
			b.sound(t, 7)
		})
	}
	b := sealed(t, 2)
	b.store.tamper = func(c *chain) { c.head.Proof = bad }
	if _, err := b.Head(t.Context()); !errors.Is(err, audit.ErrBroken) || !strings.Contains(err.Error(), "head at 2") {
		t.Errorf("Head: got error %v, want %v that says where", err, audit.ErrBroken)
	}
}

func TestMasterKeysRotate(t *testing.T) {
	t.Parallel()
	b := newBench(t, "first")
	b.happen(t, 3)
	b.seal(t)
	old := b.head(t)
	if n, err := b.Prune(t.Context(), fake.Epoch().Add(time.Second)); n != 1 || err != nil {
		t.Fatalf("Prune: got %d, %v, want 1", n, err)
	}

	b.use(t, "second", "first")
	b.clock.Advance(time.Minute)
	b.seal(t) // nothing but the head
	if now := b.head(t); now.KeyID == old.KeyID || now.Seq != 3 || !now.At.Equal(fake.Epoch().Add(time.Minute)) {
		t.Errorf("the head after a rotation: got %+v, want it signed anew", now)
	}
	if n, err := b.Prune(t.Context(), time.Time{}); n != 0 || err != nil {
		t.Fatalf("Prune: got %d, %v, want none", n, err)
	}
	b.happen(t, 2)
	b.seal(t)
	b.sound(t, 4)
	if v := b.verify(t, &old); v.Faults != 0 || !v.Compared {
		t.Errorf("against a head of the key before: got %v, compared %t", v.First, v.Compared)
	}

	b.use(t, "second")
	if v := b.verify(t, nil); v.Faults != 2 || v.First.Kind != audit.FaultUnknownKey || v.First.Seq != 2 {
		t.Errorf("without the key before: got %d faults (%v), want those of the two events that it sealed", v.Faults, v.First)
	}
	b.happen(t, 1)
	b.seal(t)
	if n, err := b.Prune(t.Context(), fake.Epoch().Add(day)); n != 0 || !errors.Is(err, audit.ErrBroken) {
		t.Errorf("Prune without the key before: got %d, %v, want %v", n, err, audit.ErrBroken)
	}
	b.use(t, "second", "first")
	b.sound(t, 5)
}

func TestSealersDoNotGetIntoEachOthersWay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.happen(t, 1500)
	sealers := make([]*audit.Service, 8)
	for i := range sealers {
		sealers[i] = audit.New(b.store, ring(t, "first"), fake.NewRandom(uint64(i)), b.clock)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	total := 0
	for _, s := range sealers {
		all.Go(func() {
			done, err := s.Seal(t.Context())
			mu.Lock()
			defer mu.Unlock()
			total += done.Events
			if err != nil {
				t.Errorf("Seal: %v", err)
			}
		})
	}
	all.Wait()
	b.seal(t)
	v := b.sound(t, 1500)
	if v.Unchained != 0 || total > 1500 {
		t.Errorf("%d events are left, and %d were sealed of 1500", v.Unchained, total)
	}
}

// The loser must not go on with what it read before.
func TestALoserLeavesItToTheWinner(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.happen(t, 3)
	winner := audit.New(b.store.Store, ring(t, "first"), fake.NewRandom(2), b.clock)
	var once sync.Once
	b.store.viewed = func() {
		once.Do(func() {
			if done, err := winner.Seal(t.Context()); done.Events != 3 || err != nil {
				t.Errorf("the winner: got %+v, %v", done, err)
			}
		})
	}
	if got := b.seal(t); got != (audit.Sealed{}) {
		t.Errorf("the loser: got %+v, want nothing", got)
	}
	b.sound(t, 3)
}

func TestSealTellsWhatItCouldNotDo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	store := fake.Broken(b.store.Store)
	b.store.Store = store
	b.happen(t, 2)
	store.FailUpdate(ports.ErrUnavailable)
	done, err := b.Seal(t.Context())
	if !errors.Is(err, ports.ErrUnavailable) || done.Events != 0 || !done.Oldest.Equal(fake.Epoch()) {
		t.Errorf("got %+v, %v; want the oldest event and %v", done, err, ports.ErrUnavailable)
	}
	store.LoseAnswer() // committed, and nobody knows
	if _, err := b.Seal(t.Context()); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("got error %v, want %v", err, ports.ErrUnavailable)
	}
	if got := b.seal(t); got.Events != 0 {
		t.Errorf("after a commit whose answer was lost: got %d events, want none", got.Events)
	}
	b.sound(t, 2)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Seal(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: got error %v", err)
	}
}
