package audit_test

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/core/audit"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func TestVerifyFindsWhatWasDoneToTheChain(t *testing.T) {
	t.Parallel()
	const n = 8
	event := func(seq int64, change func(*domain.AuditEvent)) func(*chain) {
		return func(c *chain) { change(&c.at(seq).Event) }
	}
	swap := func(c *chain, exchange func(a, b *domain.ChainedEvent)) { exchange(c.at(3), c.at(5)) }
	bad := bytes.Repeat([]byte{1}, 32)
	cases := []struct {
		what   string
		tamper func(*chain)
		kind   audit.FaultKind
		seq    int64
		faults int64 // zero: one
	}{
		{"the instant of an event was changed", event(4, func(e *domain.AuditEvent) { e.At = e.At.Add(time.Microsecond) }), audit.FaultChanged, 4, 0},
		{"its kind of actor", event(1, func(e *domain.AuditEvent) { e.Actor.Kind = domain.ActorSystem }), audit.FaultChanged, 1, 0},
		{"its actor", event(4, func(e *domain.AuditEvent) { e.Actor.ID = "somebody" }), audit.FaultChanged, 4, 0},
		{"its session", event(4, func(e *domain.AuditEvent) { e.Actor.SessionID = "" }), audit.FaultChanged, 4, 0},
		{"its correlation ID", event(4, func(e *domain.AuditEvent) { e.Actor.CorrelationID += " " }), audit.FaultChanged, 4, 0},
		{"its action", event(8, func(e *domain.AuditEvent) { e.Action = domain.AuditLoginFailed }), audit.FaultChanged, 8, 0},
		{"its subject", event(4, func(e *domain.AuditEvent) { e.Subject = "" }), audit.FaultChanged, 4, 0},
		{"a fact of it", event(4, func(e *domain.AuditEvent) { e.Detail["method"] = "passkey" }), audit.FaultChanged, 4, 0},
		{"a fact more", event(4, func(e *domain.AuditEvent) { e.Detail["b"] = "" }), audit.FaultChanged, 4, 0},
		{"a fact less", event(4, func(e *domain.AuditEvent) { clear(e.Detail) }), audit.FaultChanged, 4, 0},
		{"where one text ends and the next begins", event(4, func(e *domain.AuditEvent) {
			e.Subject, e.Action = e.Subject[1:], e.Action+domain.AuditAction(e.Subject[:1])
		}), audit.FaultChanged, 4, 0},
		{"the event itself", func(c *chain) {
			r := c.at(4)
			r.Event.ID = fake.AuditEvent(99).ID
			r.Link.EventID = r.Event.ID
		}, audit.FaultChanged, 4, 0},

		{"the address of an actor", event(4, func(e *domain.AuditEvent) { e.Actor.IP = "192.0.2.66" }), audit.FaultPersonal, 4, 0},
		{"its program", event(4, func(e *domain.AuditEvent) { e.Actor.UserAgent += "!" }), audit.FaultPersonal, 4, 0},
		{"where the address ends", event(4, func(e *domain.AuditEvent) {
			e.Actor.IP, e.Actor.UserAgent = e.Actor.IP+e.Actor.UserAgent[:1], e.Actor.UserAgent[1:]
		}), audit.FaultPersonal, 4, 0},
		{"the salt", func(c *chain) { c.at(4).Link.Salt = bad[:16] }, audit.FaultPersonal, 4, 0},
		{"the commitment", func(c *chain) { c.at(4).Link.Commitment = bad }, audit.FaultChanged, 4, 0},
		{"nothing but that the salt is gone", func(c *chain) { c.at(4).Link.Salt = nil }, audit.FaultPersonal, 4, 0},
		{"what is personal, as if it had been erased", func(c *chain) {
			r := c.at(4)
			r.Event.Actor.IP, r.Event.Actor.UserAgent, r.Link.Salt = "", "", nil
		}, audit.FaultPersonal, 4, 0},
		{"what is personal together with its commitment", func(c *chain) {
			a, b := c.at(4), c.at(5)
			a.Event.Actor, a.Link.Salt, a.Link.Commitment = b.Event.Actor, b.Link.Salt, b.Link.Commitment
		}, audit.FaultChanged, 4, 0},

		{"an event was removed", func(c *chain) { c.remove(4) }, audit.FaultMissing, 5, 0},
		{"three were", func(c *chain) { c.remove(2, 3, 4) }, audit.FaultMissing, 5, 0},
		{"the first one", func(c *chain) { c.remove(1) }, audit.FaultMissing, 2, 0},
		{"one, and its place closed", func(c *chain) {
			c.remove(4)
			for i := range c.rows {
				if c.rows[i].Link.Seq > 4 {
					c.rows[i].Link.Seq--
				}
			}
		}, audit.FaultChanged, 4, n - 4 + 1}, // all behind it, and the head
		{"the event of a link", func(c *chain) { c.at(4).Event = domain.AuditEvent{} }, audit.FaultMissing, 4, 0},
		{"two events changed places", func(c *chain) {
			swap(c, func(a, b *domain.ChainedEvent) { a.Link.Seq, b.Link.Seq = b.Link.Seq, a.Link.Seq })
		}, audit.FaultChanged, 3, 4}, // both, and those that follow them
		{"two events changed places and left their links", func(c *chain) {
			swap(c, func(a, b *domain.ChainedEvent) {
				a.Event, b.Event = b.Event, a.Event
				a.Link.EventID, b.Link.EventID = b.Link.EventID, a.Link.EventID
			})
		}, audit.FaultChanged, 3, 2},
		{"an event was put on the place of another", func(c *chain) {
			more := *c.at(4)
			more.Event.ID = fake.AuditEvent(99).ID
			more.Link.EventID = more.Event.ID
			c.rows = append(c.rows, more)
		}, audit.FaultInserted, 4, 0},
		{"an event was put before the beginning", func(c *chain) {
			more := *c.at(4)
			more.Event.ID, more.Link.Seq = fake.AuditEvent(99).ID, -3
			more.Link.EventID = more.Event.ID
			c.rows = append(c.rows, more)
		}, audit.FaultInserted, -3, 0},
		{"an event was put behind the head", func(c *chain) {
			more := *c.at(n)
			more.Event.ID, more.Link.Seq = fake.AuditEvent(99).ID, n+1
			more.Link.EventID = more.Event.ID
			c.rows = append(c.rows, more)
		}, audit.FaultHead, n, 2}, // and its MAC

		{"the tail was cut", func(c *chain) { c.remove(n-1, n) }, audit.FaultCut, n, 0},
		{"the tail was cut, and the head set back", func(c *chain) {
			c.remove(n)
			c.head.Seq, c.head.MAC = n-1, c.at(n-1).Link.MAC
		}, audit.FaultHead, n - 1, 0},
		{"all events were removed", func(c *chain) { c.rows = nil }, audit.FaultCut, n, 0},
		{"the MAC of the head was changed", func(c *chain) { c.head.MAC = bad }, audit.FaultHead, n, 2}, // its proof, and what it is of
		{"the proof", func(c *chain) { c.head.Proof = bad }, audit.FaultHead, n, 0},
		{"the instant of the head", func(c *chain) { c.head.At = c.head.At.Add(time.Second) }, audit.FaultHead, n, 0},
		{"the head was removed", func(c *chain) { c.head = domain.AuditHead{} }, audit.FaultHead, 0, 0},
		{"the MAC of the last link", func(c *chain) { c.at(n).Link.MAC = bad }, audit.FaultChanged, n, 2}, // it is not that of the head
		{"an anchor was made", func(c *chain) {
			c.anchor = domain.AuditHead{Seq: 3, MAC: c.at(3).Link.MAC, KeyID: c.head.KeyID, At: c.head.At, Proof: bad}
			c.remove(1, 2, 3)
		}, audit.FaultAnchor, 3, 0},
		{"the head was made an anchor", func(c *chain) { c.anchor, c.rows = c.head, nil }, audit.FaultAnchor, n, 0},
		{"a key is not in the ring", func(c *chain) { c.at(4).Link.KeyID = "gone" }, audit.FaultUnknownKey, 4, 0},
		{"the key of the head is not", func(c *chain) { c.head.KeyID = "gone" }, audit.FaultUnknownKey, n, 0},
		{"an event, and an earlier one's address", func(c *chain) {
			c.at(6).Event.Action = ""
			c.at(2).Event.Actor.IP, c.at(2).Event.Actor.UserAgent = "", ""
		}, audit.FaultPersonal, 2, 2},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			b := sealed(t, n)
			b.sound(t, n)
			b.store.tamper = c.tamper
			v := b.verify(t, nil)
			if v.First.Kind != c.kind || v.First.Seq != c.seq || v.Faults != max(1, c.faults) {
				t.Errorf("got %d faults, the first: %v; want %d, %s at %d", v.Faults, v.First, max(1, c.faults), c.kind, c.seq)
			}
		})
	}
}

func TestVerifyOverPages(t *testing.T) {
	t.Parallel()
	const n = 1003 // three pages
	b := newBench(t)
	b.store.Store = memstore.New() // each closure once: this reads much
	b.happen(t, n)
	b.seal(t)
	pages := 0
	v, err := b.Verify(t.Context(), nil, func(audit.Verdict) { pages++ })
	if err != nil || v.Faults != 0 || v.Events != n || pages != 2 {
		t.Errorf("got %d events, %d faults (%v), %v, %d pages told; want %d, none, 2", v.Events, v.Faults, v.First, err, pages, n)
	}
	second := func(c *chain, seq int64, times int) {
		for i := range times {
			more := *c.at(seq)
			more.Event.ID = fake.AuditEvent(10_000 + i).ID
			more.Link.EventID = more.Event.ID
			c.rows = append(c.rows, more)
		}
	}
	for _, seq := range []int64{499, 500, 999, n} {
		b.store.tamper = func(c *chain) { second(c, seq, 1) }
		if v := b.verify(t, nil); v.First.Kind != audit.FaultInserted || v.First.Seq != seq || v.Faults != 1 {
			t.Errorf("a second event of number %d: got %d faults, the first: %v", seq, v.Faults, v.First)
		}
		b.store.tamper = func(c *chain) { c.remove(seq) }
		if v := b.verify(t, nil); v.Faults != 1 || v.First.Kind != audit.FaultMissing && v.First.Kind != audit.FaultCut {
			t.Errorf("without number %d: got %d faults, the first: %v", seq, v.Faults, v.First)
		}
	}
	for what, tamper := range map[string]func(*chain){
		"of one number":        func(c *chain) { second(c, 3, 1100) },
		"of the last number":   func(c *chain) { second(c, n, 1100) },
		"before the beginning": func(c *chain) { second(c, 3, 1100); demote(c, 1100) },
	} {
		b.store.tamper = tamper
		if v := b.verify(t, nil); v.Faults < 400 || v.First.Kind != audit.FaultInserted {
			t.Errorf("1100 events more %s: got %d faults, the first: %v", what, v.Faults, v.First)
		}
	}
}

// demote puts the last rows before the beginning.
func demote(c *chain, n int) {
	for i := range n {
		c.rows[len(c.rows)-1-i].Link.Seq = -int64(i)
	}
}

func TestErasureKeepsTheChainValid(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a, other := fake.Account(1), fake.Account(2)
	ofActor := func(e *domain.AuditEvent) { e.Subject, e.Actor.ID = "", string(a.ID) }
	ofSubject := func(e *domain.AuditEvent) {
		e.Subject, e.Actor = a.ID, domain.Actor{Kind: domain.ActorAnonymous, IP: "192.0.2.9"}
	}
	b.happen(t, 1, ofActor)
	b.happen(t, 1, ofSubject)
	b.happen(t, 1, func(e *domain.AuditEvent) { e.Subject, e.Actor.ID = other.ID, string(other.ID) })
	b.happen(t, 1, func(e *domain.AuditEvent) { e.Actor = domain.Actor{Kind: domain.ActorSystem} }) // has nothing personal
	b.seal(t)
	b.happen(t, 1, ofActor) // not sealed yet
	b.sound(t, 4)
	err := b.store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		if err := tx.Accounts().Create(ctx, a); err != nil {
			return err
		}
		if err := tx.Erasures().Erase(ctx, a.ID, a.Version, fake.Epoch()); err != nil {
			return err
		}
		_, err := tx.Erasures().Anonymise(ctx, a.ID, 10)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b.seal(t)
	if v := b.sound(t, 5); v.Anonymised != 2 {
		t.Errorf("got %d anonymised events, want 2", v.Anonymised)
	}
	// Where a sealer read an event before it was anonymised, and wrote its salt afterwards.
	b.store.tamper = func(c *chain) { c.at(1).Link.Salt = bytes.Repeat([]byte{9}, 16) }
	b.sound(t, 5)
	b.store.tamper = func(c *chain) { c.at(1).Event.Actor.UserAgent = "Invented/1.0" }
	if v := b.verify(t, nil); v.First.Kind != audit.FaultPersonal || v.First.Seq != 1 {
		t.Errorf("an address after the erasure: got %v", v.First)
	}
	b.store.tamper = func(c *chain) {
		r := c.at(3)
		r.Event.Actor.IP, r.Event.Actor.UserAgent, r.Link.Salt = "", "", nil
	}
	if v := b.verify(t, nil); v.Faults != 1 || v.First.Kind != audit.FaultPersonal || v.First.Seq != 3 {
		t.Errorf("an event of somebody who was not erased: got %v", v.First)
	}
}

func TestVerifyAgainstAKeptHead(t *testing.T) {
	t.Parallel()
	b := sealed(t, 3)
	early := b.head(t)
	b.happen(t, 2)
	b.seal(t)
	kept := b.head(t)
	for what, head := range map[string]domain.AuditHead{"the newest": kept, "an earlier one": early} {
		if v := b.verify(t, &head); v.Faults != 0 || !v.Compared {
			t.Errorf("%s: got %d faults (%v), compared %t", what, v.Faults, v.First, v.Compared)
		}
	}
	for what, tamper := range map[string]func(*chain){
		"taken back":  func(c *chain) { c.remove(4, 5); c.head = early },
		"emptied":     func(c *chain) { *c = chain{} },
		"another one": func(c *chain) { *c = *otherChain(t, 5) },
	} {
		b.store.tamper = tamper
		if v := b.verify(t, nil); v.Faults != 0 {
			t.Errorf("%s: without the kept head: got %v, want nothing: it must take that to find it", what, v.First)
		}
		if v := b.verify(t, &kept); v.Faults != 1 || v.First.Kind != audit.FaultRolledBack || !v.Compared {
			t.Errorf("%s: got %d faults (%v), compared %t; want one, %s", what, v.Faults, v.First, v.Compared, audit.FaultRolledBack)
		}
	}
	b.store.tamper = nil
	for what, change := range map[string]func(*domain.AuditHead){
		"of another number":  func(h *domain.AuditHead) { h.Seq-- },
		"of another MAC":     func(h *domain.AuditHead) { h.MAC = early.MAC },
		"with another proof": func(h *domain.AuditHead) { h.Proof = early.Proof },
		"of another key":     func(h *domain.AuditHead) { h.KeyID = "gone" },
		"of nothing":         func(h *domain.AuditHead) { *h = domain.AuditHead{} },
	} {
		head := kept
		change(&head)
		if _, err := b.Verify(t.Context(), &head, nil); domain.KindOf(err) != domain.KindInvalid {
			t.Errorf("a kept head %s: got error %v, want one of KindInvalid", what, err)
		}
	}
}

// otherChain is one of the same key and length, of other events.
func otherChain(t *testing.T, n int) *chain {
	t.Helper()
	b := newBench(t)
	b.happen(t, n, func(e *domain.AuditEvent) { e.Action = domain.AuditLoginFailed })
	b.seal(t)
	var other *chain
	b.store.tamper = func(c *chain) { other = &chain{c.head, c.anchor, slices.Clone(c.rows)} }
	b.sound(t, int64(n))
	return other
}

func TestVerifyCountsWhatIsNotSealed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if v := b.sound(t, 0); v.Unchained != 0 || !v.Oldest.IsZero() {
		t.Errorf("an empty log: got %+v", v)
	}
	b.happen(t, 2)
	b.seal(t)
	b.happen(t, 3)
	if v := b.sound(t, 2); v.Unchained != 3 || !v.Oldest.Equal(fake.Epoch().Add(2*time.Second)) || v.Head.Seq != 2 {
		t.Errorf("got %d unchained, the oldest of %v, head %d; want 3, %v, 2", v.Unchained, v.Oldest, v.Head.Seq, fake.Epoch().Add(2*time.Second))
	}
}
