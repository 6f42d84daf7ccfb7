package audit

import (
	"context"
	"errors"
	"math"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// Verdict is what Verify found.
type Verdict struct {
	Head, Anchor domain.AuditHead
	Events       int64     // with a link
	Anonymised   int64     // of those, by an erasure
	Unchained    int       // without one, counted up to MaxUnchained
	Oldest       time.Time // of the latter; zero: none
	Compared     bool      // with the kept head; false also where what it is of was pruned
	Faults       int64
	First        Fault // where there is one
}

// MaxUnchained bounds the count of events without a link.
const MaxUnchained = 10_000

func (v *Verdict) add(f Fault) {
	if v.Faults == 0 || f.Seq < v.First.Seq {
		v.First = f
	}
	v.Faults++
}

// Verify goes along the whole chain, in pages, also while it grows and is pruned. kept
// is a head that was kept elsewhere; nil: none. progress, which may be nil, is told of
// every page. The verdict holds what was found also beside an error.
func (s *Service) Verify(ctx context.Context, kept *domain.AuditHead, progress func(Verdict)) (Verdict, error) {
	r := &verification{Service: s, kept: kept, last: math.MinInt64, walk: walk{signer: s.signer}, here: map[domain.ID]bool{}}
	if err := r.keptIsOurs(ctx); err != nil {
		return r.verdict, err
	}
	for {
		more, err := r.page(ctx)
		if err != nil {
			return r.verdict, err
		}
		if !more {
			break
		}
		if progress != nil {
			progress(r.verdict)
		}
	}
	if err := r.end(ctx); err != nil {
		return r.verdict, err
	}
	return r.verdict, s.tail(ctx, &r.verdict)
}

// verification is one Verify.
type verification struct {
	*Service
	kept    *domain.AuditHead
	walk    walk
	begun   bool               // the first page was read
	last    int64              // events after it are read next
	here    map[domain.ID]bool // the events of the number that the walk is at
	at      ends
	verdict Verdict
}

// keptIsOurs refuses a kept head that nobody here signed. Errors: of KindInvalid.
func (r *verification) keptIsOurs(ctx context.Context) error {
	if r.kept == nil {
		return nil
	}
	proven, err := r.signer.proven(ctx, labelHead, *r.kept)
	switch {
	case errors.Is(err, ports.ErrNotFound):
		return errForeignHead.Wrap(err)
	case err != nil:
		return err
	case !proven || r.kept.Seq < 1:
		return errForeignHead
	}
	return nil
}

var errForeignHead = domain.NewError(domain.KindInvalid, domain.CodeInvalidFormat,
	"The head to compare with is none that this service made, or the master key that it was signed with is not in the ring.")

// page verifies one page, and reports whether there is another one. The page overlaps
// the one before by its last event, so that a second event of the same number shows.
func (r *verification) page(ctx context.Context) (more bool, err error) {
	var rows []domain.ChainedEvent
	var at ends
	err = r.store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		if at.head, at.anchor, err = tx.AuditChain().Head(ctx); err != nil {
			return err
		}
		rows, err = tx.AuditChain().Read(ctx, r.last, batch)
		return err
	})
	if err != nil {
		return false, err
	}
	if err := r.begin(ctx, at); err != nil {
		return false, err
	}
	r.at = at
	var bare []bareEvent
	for _, row := range rows {
		if row.Link.Seq == r.walk.seq && r.here[row.Link.EventID] {
			continue // seen on the page before
		}
		verdict, fault, err := r.walk.step(ctx, row)
		if err != nil {
			return false, err
		}
		r.verdict.Events++
		if fault.Kind != FaultInserted {
			clear(r.here)
			r.compare(row.Link.Seq, row.Link.MAC)
		}
		if row.Link.Seq == r.walk.seq {
			r.here[row.Link.EventID] = true
		}
		switch verdict {
		case faulty:
			r.verdict.add(fault)
		case bereft:
			bare = append(bare, bareEvent{row.Event, fault})
		case asSealed:
		}
	}
	if err := r.judgeBare(ctx, bare); err != nil {
		return false, err
	}
	if len(rows) < batch {
		return false, nil
	}
	// Where a page is full of events of one number, there is no overlap.
	r.last = max(r.last+1, r.walk.seq-1)
	return true, nil
}

// begin goes to the anchor, where the walk is not behind it: at first, and where events
// were pruned since the page before.
func (r *verification) begin(ctx context.Context, at ends) error {
	if r.begun && at.anchor.Seq <= r.walk.seq {
		return nil
	}
	r.begun = true
	r.walk.seq, r.walk.mac = at.anchor.Seq, at.anchor.MAC
	clear(r.here)
	r.compare(at.anchor.Seq, at.anchor.MAC)
	return r.check(ctx, labelAnchor, at.anchor, FaultAnchor)
}

// check adds a fault where an end was not signed here.
func (r *verification) check(ctx context.Context, label string, h domain.AuditHead, kind FaultKind) error {
	proven, err := r.signer.proven(ctx, label, h)
	switch {
	case errors.Is(err, ports.ErrNotFound):
		r.verdict.add(Fault{Kind: FaultUnknownKey, Seq: h.Seq})
		return nil
	case err != nil:
		return err
	case !proven:
		r.verdict.add(Fault{Kind: kind, Seq: h.Seq})
	}
	return nil
}

// compare holds a link against the kept head of the same number.
func (r *verification) compare(seq int64, mac []byte) {
	if r.kept == nil || r.kept.Seq != seq {
		return
	}
	r.verdict.Compared = true
	if !same(mac, r.kept.MAC) {
		r.verdict.add(Fault{Kind: FaultRolledBack, Seq: seq})
	}
}

// end holds where the walk came to against the head.
func (r *verification) end(ctx context.Context) error {
	head := r.at.head
	r.verdict.Head, r.verdict.Anchor = head, r.at.anchor
	if err := r.check(ctx, labelHead, head, FaultHead); err != nil {
		return err
	}
	switch {
	case r.walk.seq < head.Seq:
		r.verdict.add(Fault{Kind: FaultCut, Seq: head.Seq})
	case r.walk.seq > head.Seq || !same(r.walk.mac, head.MAC):
		r.verdict.add(Fault{Kind: FaultHead, Seq: head.Seq})
	}
	if r.kept != nil && r.kept.Seq > head.Seq {
		r.verdict.Compared = true
		r.verdict.add(Fault{Kind: FaultRolledBack, Seq: head.Seq})
	}
	return nil
}

// bareEvent is an event without what was personal of it.
type bareEvent struct {
	event domain.AuditEvent
	fault Fault // it has, unless there was an erasure
}

// judgeBare looks for the erasures of events that lack what was personal.
func (r *verification) judgeBare(ctx context.Context, bare []bareEvent) error {
	if len(bare) == 0 {
		return nil
	}
	erased := map[domain.ID]bool{}
	err := r.store.View(ctx, func(ctx context.Context, tx ports.Tx) error {
		clear(erased)
		for _, b := range bare {
			for _, id := range concerned(b.event) {
				if _, known := erased[id]; known {
					continue
				}
				_, err := tx.Erasures().ByAccount(ctx, id)
				if err != nil && !errors.Is(err, ports.ErrNotFound) {
					return err
				}
				erased[id] = err == nil
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, b := range bare {
		r.judgeOne(b, erased)
	}
	return nil
}

func (r *verification) judgeOne(b bareEvent, erased map[domain.ID]bool) {
	for _, id := range concerned(b.event) {
		if erased[id] {
			r.verdict.Anonymised++
			return
		}
	}
	r.verdict.add(b.fault)
}

// concerned are the accounts whose erasure takes what is personal away.
func concerned(e domain.AuditEvent) []domain.ID {
	var ids []domain.ID
	if e.Subject != "" {
		ids = append(ids, e.Subject)
	}
	if e.Actor.Kind == domain.ActorAccount && e.Actor.ID != "" {
		ids = append(ids, domain.ID(e.Actor.ID))
	}
	return ids
}

// tail counts the events without a link.
func (s *Service) tail(ctx context.Context, v *Verdict) error {
	return s.store.View(ctx, func(ctx context.Context, tx ports.Tx) error {
		v.Unchained, v.Oldest = 0, time.Time{}
		events, err := tx.AuditChain().Unchained(ctx, MaxUnchained)
		if len(events) > 0 {
			v.Unchained, v.Oldest = len(events), events[0].At
		}
		return err
	})
}
