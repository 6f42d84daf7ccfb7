package audit_test

import (
	"bytes"
	"errors"
	"sync"
	"testing"
	"time"

	"authserve/core/audit"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func (b *bench) prune(t *testing.T, before time.Duration) int {
	t.Helper()
	n, err := b.Prune(t.Context(), fake.Epoch().Add(before*time.Second))
	if err != nil {
		t.Fatalf("Prune: %v", err)
	}
	return n
}

func TestPruneRemovesWhatIsTooOldAndKeepsTheRestVerifiable(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if got := b.prune(t, 10); got != 0 {
		t.Errorf("Prune of nothing: got %d", got)
	}
	b.happen(t, 1300) // one each second
	if got := b.prune(t, 1300); got != 0 {
		t.Errorf("Prune of what is not sealed: got %d, want none", got)
	}
	b.seal(t)
	early := b.head(t)
	for _, c := range []struct{ before, want, left int }{{0, 0, 1300}, {1, 1, 1299}, {1, 0, 1299}, {1100, 1099, 200}, {1299, 199, 1}} {
		if got := b.prune(t, time.Duration(c.before)); got != c.want {
			t.Errorf("Prune of what happened in the first %d s: got %d, want %d", c.before, got, c.want)
		}
		b.sound(t, int64(c.left))
	}
	b.happen(t, 2)
	b.seal(t)
	later := b.head(t)
	if got := b.prune(t, 5000); got != 3 {
		t.Errorf("Prune of all: got %d, want 3", got)
	}
	if v := b.sound(t, 0); v.Head.Seq != 1302 || v.Anchor.Seq != 1302 {
		t.Errorf("the ends when all was pruned: got %d and %d, want 1302", v.Head.Seq, v.Anchor.Seq)
	}
	if v := b.verify(t, &later); v.Faults != 0 || !v.Compared {
		t.Errorf("against the head that became the anchor: got %v, compared %t", v.First, v.Compared)
	}
	b.happen(t, 1)
	b.seal(t)
	b.sound(t, 1)
	if v := b.verify(t, &early); v.Faults != 0 || v.Compared {
		t.Errorf("against a head of before the anchor: got %v, compared %t; want no fault, and no comparison", v.First, v.Compared)
	}
}

// The service must not be made to remove the evidence by itself.
func TestPruneStopsBeforeAFault(t *testing.T) {
	t.Parallel()
	ancient := func(c *chain, seqs ...int64) {
		for _, seq := range seqs {
			c.at(seq).Event.At = fake.Epoch().Add(-day)
		}
	}
	bad := bytes.Repeat([]byte{1}, 32)
	for what, c := range map[string]struct {
		tamper func(*chain)
		before time.Duration // seconds
		want   int
	}{
		"events made to look old":                     {func(c *chain) { ancient(c, 1, 2) }, 0, 0},
		"an event behind a gap made to look old":      {func(c *chain) { c.remove(1, 2); ancient(c, 3) }, 0, 0},
		"an event of a key that nobody has, likewise": {func(c *chain) { ancient(c, 1); c.at(1).Link.KeyID = "gone" }, 0, 0},
		"an event behind the head":                    {func(c *chain) { ancient(c, 1); c.head.Seq = 0 }, 9, 0},
		"an event that was changed":                   {func(c *chain) { c.at(3).Event.Action = "x" }, 5, 2},
		"an anchor that was made": {func(c *chain) {
			c.anchor = domain.AuditHead{Seq: 2, MAC: c.at(2).Link.MAC, KeyID: c.head.KeyID, At: c.head.At, Proof: bad}
		}, 5, 0},
		"an anchor of a key that nobody has": {func(c *chain) {
			c.anchor = domain.AuditHead{Seq: 2, MAC: c.at(2).Link.MAC, KeyID: "gone", At: c.head.At, Proof: bad}
		}, 5, 0},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b := sealed(t, 5)
			b.store.tamper = c.tamper
			n, err := b.Prune(t.Context(), fake.Epoch().Add(c.before*time.Second))
			if n != c.want || !errors.Is(err, audit.ErrBroken) {
				t.Errorf("Prune: got %d, %v; want %d, %v", n, err, c.want, audit.ErrBroken)
			}
			b.store.tamper = nil
			b.sound(t, int64(5-c.want))
		})
	}
}

// A head that was kept and put back is signed by us. What is behind it may come to be
// sealed again, and must not be taken for older than it.
func TestPruneStopsAtTheHead(t *testing.T) {
	t.Parallel()
	b := sealed(t, 3)
	early := b.head(t)
	b.happen(t, 2)
	b.seal(t)
	b.store.tamper = func(c *chain) { c.head = early }
	if n, err := b.Prune(t.Context(), fake.Epoch().Add(day)); n != 3 || !errors.Is(err, audit.ErrBroken) {
		t.Errorf("Prune: got %d, %v; want 3, %v", n, err, audit.ErrBroken)
	}
}

func TestPruneIsNotKeptUpByPersonalData(t *testing.T) {
	t.Parallel()
	b := sealed(t, 3)
	b.store.tamper = func(c *chain) { c.at(2).Event.Actor.IP = "changed" }
	if got := b.prune(t, 9); got != 3 {
		t.Errorf("Prune: got %d, want 3: whether an event is old is certain", got)
	}
}

func TestOfTwoThatPruneOneDoes(t *testing.T) {
	t.Parallel()
	b := sealed(t, 4)
	other := audit.New(b.store.Store, ring(t, "first"), fake.NewRandom(2), b.clock)
	var once sync.Once
	b.store.viewed = func() {
		once.Do(func() {
			if n, err := other.Prune(t.Context(), fake.Epoch().Add(2*time.Second)); n != 2 || err != nil {
				t.Errorf("the winner: got %d, %v, want 2", n, err)
			}
		})
	}
	if got := b.prune(t, 4); got != 0 {
		t.Errorf("the loser: got %d, want none", got)
	}
	b.sound(t, 2)
}

func TestVerifyWhileTheChainMoves(t *testing.T) {
	t.Parallel()
	b := sealed(t, 1600)
	other := audit.New(b.store.Store, ring(t, "first"), fake.NewRandom(2), b.clock)
	views := 0
	b.store.viewed = func() {
		switch views++; views {
		case 1: // behind the page
			if n, err := other.Prune(t.Context(), fake.Epoch().Add(200*time.Second)); n != 200 || err != nil {
				t.Errorf("Prune: got %d, %v", n, err)
			}
		case 2: // beyond the page
			if n, err := other.Prune(t.Context(), fake.Epoch().Add(1200*time.Second)); n != 1000 || err != nil {
				t.Errorf("Prune: got %d, %v", n, err)
			}
		case 3:
			b.happen(t, 300)
			if done, err := other.Seal(t.Context()); done.Events != 300 || err != nil {
				t.Errorf("Seal: got %+v, %v", done, err)
			}
		}
	}
	v := b.verify(t, nil)
	// Of pages 1 and 2 all was read, of the 1,000 that were removed 999 were new there.
	if v.Faults != 0 || v.Head.Seq < 1600 || v.Anchor.Seq != 1200 || v.Unchained != 0 {
		t.Errorf("got %d faults (%v), head %d, anchor %d, %d unchained", v.Faults, v.First, v.Head.Seq, v.Anchor.Seq, v.Unchained)
	}
}

func TestPruneReportsTrouble(t *testing.T) {
	t.Parallel()
	b := sealed(t, 3)
	store := fake.Broken(b.store.Store)
	b.store.Store = store
	store.FailUpdate(ports.ErrUnavailable)
	if n, err := b.Prune(t.Context(), fake.Epoch().Add(day)); n != 0 || !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("got %d, %v, want %v", n, err, ports.ErrUnavailable)
	}
	b.sound(t, 3)
}
