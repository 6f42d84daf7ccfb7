package conformance

import (
	"context"
	"math"
	"slices"
	"time"

	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func auditChainCases() []Case {
	return []Case{
		{
			"audit_chain.empty", true,
			"A store without events has no head, no anchor, nothing unchained and nothing to read.",
			chainEmpty,
		},
		{
			"audit_chain.link_then_read", true,
			"Unchained events come oldest first by instant and ID; once linked they are read with every field of event, link and head, in the order of their numbers, and are unchained no more.",
			chainLinkThenRead,
		},
		{
			"audit_chain.link_is_conditional", true,
			"Link from where the head is not is stale and changes nothing, and so is a link of an event that has one or is not there.",
			chainLinkIsConditional,
		},
		{
			"audit_chain.link_without_events", true,
			"Link without links writes the head in its place.",
			chainLinkWithoutEvents,
		},
		{
			"audit_chain.read_in_pages", true,
			"Read begins after any number, the lowest there is included, and returns no more than it is asked for; a batch of 500 comes back whole.",
			chainReadInPages,
		},
		{
			"audit_chain.prune", true,
			"Prune removes chained events up to the anchor and no other, and writes the anchor; from where the anchor is not it is stale and removes nothing.",
			chainPrune,
		},
		{
			"audit_chain.view_refuses", true,
			"Link and Prune inside View fail with ErrReadOnly and change nothing.",
			chainViewRefuses,
		},
		{
			"races.audit_sealers", true,
			"Of 16 parallel calls of Link from one head, the first one included, one succeeds and 15 are stale, and every event has one link.",
			raceSealers,
		},
	}
}

// chainedEnds are what AuditChain.Head returns.
type chainedEnds struct{ head, anchor domain.AuditHead }

func (s *subject) chainEnds() chainedEnds {
	s.Helper()
	return read(s, func(ctx context.Context, tx ports.Tx) (e chainedEnds, err error) {
		e.head, e.anchor, err = tx.AuditChain().Head(ctx)
		return e, err
	})
}

func (s *subject) unchained(limit int) []domain.ID {
	s.Helper()
	events := read(s, func(ctx context.Context, tx ports.Tx) ([]domain.AuditEvent, error) {
		return tx.AuditChain().Unchained(ctx, limit)
	})
	return ids(events, eventID)
}

func (s *subject) chained(after int64, limit int) []domain.ChainedEvent {
	s.Helper()
	return read(s, func(ctx context.Context, tx ports.Tx) ([]domain.ChainedEvent, error) {
		return tx.AuditChain().Read(ctx, after, limit)
	})
}

func (s *subject) link(links []domain.AuditLink, head domain.AuditHead, from int64) error {
	s.Helper()
	return s.try(func(ctx context.Context, tx ports.Tx) error { return tx.AuditChain().Link(ctx, links, head, from) })
}

func (s *subject) prune(anchor domain.AuditHead, from int64) (n int, err error) {
	s.Helper()
	err = s.try(func(ctx context.Context, tx ports.Tx) error {
		n, err = tx.AuditChain().Prune(ctx, anchor, from)
		return err
	})
	return n, err
}

func chainedPosition(e domain.ChainedEvent) domain.ID { return e.Event.ID }

func withLink(e domain.AuditEvent, seq int64) domain.ChainedEvent {
	return domain.ChainedEvent{Event: e, Link: fake.AuditLink(e, seq)}
}

func chainEmpty(s *subject) {
	equal(s, "the ends", s.chainEnds(), chainedEnds{})
	equal(s, "the unchained events", s.unchained(10), []domain.ID{})
	equal(s, "the chain", len(s.chained(0, 10)), 0)
	n, err := s.prune(domain.AuditHead{}, 1)
	s.fails("Prune from where the anchor is not", err, ports.ErrStale)
	equal(s, "the number of removed events", n, 0)
}

func chainLinkThenRead(s *subject) {
	at := func(d time.Duration) func(*domain.AuditEvent) {
		return func(e *domain.AuditEvent) { e.At = fake.Epoch().Add(d) }
	}
	third, first, second := fake.AuditEvent(1, at(time.Second)), fake.AuditEvent(2), fake.AuditEvent(3)
	bare := domain.AuditEvent{
		ID: fake.AuditEvent(4).ID, At: fake.Epoch().Add(time.Hour),
		Actor: domain.Actor{Kind: domain.ActorSystem}, Action: domain.AuditKeyCreated,
	}
	s.appendEvents(third, first, second, bare)
	equal(s, "the two oldest unchained events", s.unchained(2), []domain.ID{first.ID, second.ID})
	events := read(s, func(ctx context.Context, tx ports.Tx) ([]domain.AuditEvent, error) {
		return tx.AuditChain().Unchained(ctx, 10)
	})
	order := []domain.AuditEvent{first, second, third, bare}
	equal(s, "the order of unchained events", ids(events, eventID), ids(order, eventID))
	for i := range min(len(events), len(order)) {
		equal(s, "an unchained event", events[i], order[i])
	}

	// In another order than that of time: the numbers decide.
	want := []domain.ChainedEvent{withLink(second, 1), withLink(bare, 2), withLink(first, 3)}
	if err := s.link([]domain.AuditLink{want[0].Link, want[1].Link, want[2].Link}, fake.AuditHead(3), 0); err != nil {
		s.Fatalf("Link: got error %v, want none", err)
	}
	got := s.chained(0, 10)
	equal(s, "the order of the chain", ids(got, chainedPosition), ids(want, chainedPosition))
	for i := range min(len(got), len(want)) {
		equal(s, "a chained event", got[i].Event, want[i].Event)
		equal(s, "its link", got[i].Link, want[i].Link)
	}
	equal(s, "the ends", s.chainEnds(), chainedEnds{head: fake.AuditHead(3)})
	equal(s, "the unchained events", s.unchained(10), []domain.ID{third.ID})
	listed := s.events(domain.AuditFilter{}, domain.PageRequest{Limit: 10}).Items
	equal(s, "the number of listed events, chained or not", len(listed), 4)
}

func chainLinkIsConditional(s *subject) {
	events := []domain.AuditEvent{fake.AuditEvent(1), fake.AuditEvent(2), fake.AuditEvent(3)}
	s.appendEvents(events...)
	one := fake.AuditLink(events[0], 1)
	s.fails("Link from a head that is not there", s.link([]domain.AuditLink{one}, fake.AuditHead(1), 7), ports.ErrStale)
	equal(s, "the ends", s.chainEnds(), chainedEnds{})
	if err := s.link([]domain.AuditLink{one}, fake.AuditHead(1), 0); err != nil {
		s.Fatalf("Link: got error %v, want none", err)
	}
	two := fake.AuditLink(events[1], 2)
	for what, links := range map[string][]domain.AuditLink{
		"an event that has one":   {two, fake.AuditLink(events[0], 3)},
		"an event that is no one": {two, fake.AuditLink(fake.AuditEvent(9), 3)},
	} {
		s.fails("a link of "+what, s.link(links, fake.AuditHead(3), 1), ports.ErrStale)
	}
	s.fails("Link from where the head was", s.link([]domain.AuditLink{two}, fake.AuditHead(2), 0), ports.ErrStale)
	equal(s, "the ends", s.chainEnds(), chainedEnds{head: fake.AuditHead(1)})
	equal(s, "the chain", ids(s.chained(0, 10), chainedPosition), []domain.ID{events[0].ID})
	equal(s, "the unchained events", s.unchained(10), []domain.ID{events[1].ID, events[2].ID})
}

func chainLinkWithoutEvents(s *subject) {
	s.givenChain(2)
	renewed := fake.AuditHead(2, func(h *domain.AuditHead) { h.KeyID, h.At = "k2", fake.Epoch().Add(time.Hour) })
	if err := s.link(nil, renewed, 2); err != nil {
		s.Fatalf("Link: got error %v, want none", err)
	}
	equal(s, "the ends", s.chainEnds(), chainedEnds{head: renewed})
}

// givenChain appends and links events number 1 to n.
func (s *subject) givenChain(n int) []domain.ID {
	s.Helper()
	events, links := make([]domain.AuditEvent, n), make([]domain.AuditLink, n)
	for i := range n {
		events[i] = fake.AuditEvent(i + 1)
		links[i] = fake.AuditLink(events[i], int64(i+1))
	}
	s.appendEvents(events...)
	if err := s.link(links, fake.AuditHead(int64(n)), 0); err != nil {
		s.Fatalf("Link of %d events: got error %v, want none", n, err)
	}
	return ids(events, eventID)
}

func chainReadInPages(s *subject) {
	const n = 500
	all := s.givenChain(n)
	for _, c := range []struct {
		after int64
		limit int
		want  []domain.ID
	}{
		{math.MinInt64, 2, all[:2]},
		{-1, 1, all[:1]},
		{0, n, all},
		{1, 3, all[1:4]},
		{n - 2, 10, all[n-2:]},
		{n, 10, nil},
		{math.MaxInt64, 10, nil},
	} {
		equal(s, "a page of the chain", ids(s.chained(c.after, c.limit), chainedPosition), slices.Clip(append([]domain.ID{}, c.want...)))
	}
}

func chainPrune(s *subject) {
	all := s.givenChain(5)
	s.appendEvents(fake.AuditEvent(6))
	n, err := s.prune(fake.AuditHead(2), 0)
	if err != nil || n != 2 {
		s.Errorf("Prune: got %d, %v, want 2", n, err)
	}
	want := chainedEnds{head: fake.AuditHead(5), anchor: fake.AuditHead(2)}
	equal(s, "the ends", s.chainEnds(), want)
	equal(s, "the chain from its lowest number", ids(s.chained(math.MinInt64, 10), chainedPosition), all[2:])
	equal(s, "the unchained events", s.unchained(10), []domain.ID{fake.AuditEvent(6).ID})
	equal(s, "the number of listed events", len(s.events(domain.AuditFilter{}, domain.PageRequest{Limit: 10}).Items), 4)

	n, err = s.prune(fake.AuditHead(4), 0)
	s.fails("Prune from where the anchor was", err, ports.ErrStale)
	equal(s, "the number of removed events", n, 0)
	equal(s, "the ends", s.chainEnds(), want)
	if n, err := s.prune(fake.AuditHead(5), 2); err != nil || n != 3 {
		s.Errorf("Prune of the rest: got %d, %v, want 3", n, err)
	}
	if err := s.link([]domain.AuditLink{fake.AuditLink(fake.AuditEvent(6), 6)}, fake.AuditHead(6), 5); err != nil {
		s.Errorf("Link after everything was pruned: got error %v, want none", err)
	}
	equal(s, "the chain", ids(s.chained(0, 10), chainedPosition), []domain.ID{fake.AuditEvent(6).ID})
}

func chainViewRefuses(s *subject) {
	s.givenChain(2)
	s.appendEvents(fake.AuditEvent(3))
	for what, write := range map[string]step{
		"Link": func(ctx context.Context, tx ports.Tx) error {
			return tx.AuditChain().Link(ctx, []domain.AuditLink{fake.AuditLink(fake.AuditEvent(3), 3)}, fake.AuditHead(3), 2)
		},
		"Prune": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.AuditChain().Prune(ctx, fake.AuditHead(1), 0)
			return err
		},
	} {
		s.fails(what+" inside View", s.store.View(s.Context(), write), ports.ErrReadOnly)
	}
	equal(s, "the ends", s.chainEnds(), chainedEnds{head: fake.AuditHead(2)})
	equal(s, "the number of chained events", len(s.chained(0, 10)), 2)
}

func raceSealers(s *subject) {
	const events, rounds = 3, 3
	for round := range rounds {
		from := int64(round * events)
		var links []domain.AuditLink
		for i := range events {
			e := fake.AuditEvent(round*events + i)
			s.appendEvents(e)
			links = append(links, fake.AuditLink(e, from+int64(i)+1))
		}
		s.oneWinner(contend(contenders, func(int) error { return s.link(links, fake.AuditHead(from+events), from) }), isStale)
	}
	equal(s, "the ends", s.chainEnds(), chainedEnds{head: fake.AuditHead(rounds * events)})
	equal(s, "the unchained events", s.unchained(10), []domain.ID{})
	seen := map[domain.ID]bool{}
	for i, e := range s.chained(0, 100) {
		equal(s, "a number", e.Link.Seq, int64(i+1))
		seen[e.Event.ID] = true
	}
	equal(s, "the number of chained events", len(seen), rounds*events)
}
