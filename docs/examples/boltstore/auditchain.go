package boltstore

import (
	"context"
	"encoding/binary"

	"authserve/core/domain"
	"authserve/ports"
)

// The keys in auditEnds.
const (
	chainHead   = "head"
	chainAnchor = "anchor"
)

type auditChain struct{ *tx }

var _ ports.AuditChain = auditChain{}

// AuditChain implements ports.Tx.
func (x *tx) AuditChain() ports.AuditChain { return auditChain{x} }

// Head implements ports.AuditChain.
func (s auditChain) Head(ctx context.Context) (head, anchor domain.AuditHead, err error) {
	if err := s.reading(ctx); err != nil {
		return domain.AuditHead{}, domain.AuditHead{}, err
	}
	if head, err = s.readEnd(chainHead); err != nil {
		return domain.AuditHead{}, domain.AuditHead{}, err
	}
	anchor, err = s.readEnd(chainAnchor)
	return head, anchor, err
}

// Unchained implements ports.AuditChain.
func (s auditChain) Unchained(ctx context.Context, limit int) ([]domain.AuditEvent, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	return s.schema.events.from(ctx, s.tx, eventsUnchained, nil, nil, limit)
}

// Link implements ports.AuditChain. bbolt has one writer at a time, so what is checked
// first holds to the end.
func (s auditChain) Link(ctx context.Context, links []domain.AuditLink, head domain.AuditHead, from int64) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	if err := s.stands(chainHead, from); err != nil {
		return err
	}
	events := make([]domain.AuditEvent, len(links))
	for i, l := range links {
		key := []byte(l.EventID)
		if s.schema.links.has(s.tx, key) || !s.schema.events.has(s.tx, key) {
			return ports.ErrStale
		}
		var err error
		if events[i], err = s.schema.events.get(s.tx, key); err != nil {
			return err
		}
	}
	for i, l := range links {
		if err := s.schema.links.insert(s.tx, l); err != nil {
			return err
		}
		if err := s.remove(eventsUnchained, positionKey(events[i].At, l.EventID)); err != nil {
			return err
		}
	}
	return s.move(chainHead, head)
}

// Read implements ports.AuditChain.
func (s auditChain) Read(ctx context.Context, after int64, limit int) ([]domain.ChainedEvent, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	// A key of the index is longer than that of its number, and sorts behind it.
	start := append(seqKey(after), 0xff)
	links, err := s.schema.links.from(ctx, s.tx, linksBySeq, nil, start, limit)
	if err != nil {
		return nil, err
	}
	chained := make([]domain.ChainedEvent, len(links))
	for i, l := range links {
		event, err := s.schema.events.follow(s.tx, linksBySeq, []byte(l.EventID))
		if err != nil {
			return nil, err
		}
		chained[i] = domain.ChainedEvent{Event: event, Link: l}
	}
	return chained, nil
}

// Prune implements ports.AuditChain.
func (s auditChain) Prune(ctx context.Context, anchor domain.AuditHead, from int64) (int, error) {
	if err := s.writing(ctx); err != nil {
		return 0, err
	}
	if err := s.stands(chainAnchor, from); err != nil {
		return 0, err
	}
	chained, err := s.Read(ctx, from, int(anchor.Seq-from))
	if err != nil {
		return 0, err
	}
	var links []domain.AuditLink
	var events []domain.AuditEvent
	for _, c := range chained {
		if c.Link.Seq <= anchor.Seq {
			links, events = append(links, c.Link), append(events, c.Event)
		}
	}
	if err := s.schema.links.remove(s.tx, links); err != nil {
		return 0, err
	}
	if err := s.schema.events.remove(s.tx, events); err != nil {
		return 0, err
	}
	return len(events), s.move(chainAnchor, anchor)
}

// readEnd returns the head or the anchor.
func (s auditChain) readEnd(name string) (domain.AuditHead, error) {
	kept := s.bucket(auditEnds).Get([]byte(name))
	if kept == nil {
		return domain.AuditHead{}, nil
	}
	return decode[domain.AuditHead](kept)
}

// stands fails where the end is not at from. Errors: ports.ErrStale.
func (s auditChain) stands(name string, from int64) error {
	end, err := s.readEnd(name)
	if err == nil && end.Seq != from {
		return ports.ErrStale
	}
	return err
}

func (s auditChain) move(name string, to domain.AuditHead) error {
	to.At = domain.Instant(to.At)
	value, err := encode(to)
	if err != nil {
		return err
	}
	return s.put(auditEnds, []byte(name), value)
}

// seqKey sorts as sequence numbers do.
func seqKey(seq int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(seq)^(1<<63)) }
