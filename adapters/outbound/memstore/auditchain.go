package memstore

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"

	"authserve/core/domain"
	"authserve/ports"
)

// The ends of the chain, as keys of data.heads.
const (
	chainHead   = "head"
	chainAnchor = "anchor"
)

type auditChain struct{ *tx }

var _ ports.AuditChain = auditChain{}

// AuditChain implements ports.Tx.
func (t *tx) AuditChain() ports.AuditChain { return auditChain{t} }

// Head implements ports.AuditChain.
func (s auditChain) Head(ctx context.Context) (head, anchor domain.AuditHead, err error) {
	if err := s.reading(ctx); err != nil {
		return domain.AuditHead{}, domain.AuditHead{}, err
	}
	return cloneHead(s.data.heads[chainHead]), cloneHead(s.data.heads[chainAnchor]), nil
}

// Unchained implements ports.AuditChain.
func (s auditChain) Unchained(ctx context.Context, limit int) ([]domain.AuditEvent, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	var found []domain.AuditEvent
	for id, e := range s.data.events {
		if !s.data.links.has(id) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b domain.AuditEvent) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	})
	found = found[:min(limit, len(found))]
	for i := range found {
		found[i].Detail = maps.Clone(found[i].Detail)
	}
	return found, nil
}

// Link implements ports.AuditChain.
func (s auditChain) Link(ctx context.Context, links []domain.AuditLink, head domain.AuditHead, from int64) error {
	if err := s.writing(ctx); err != nil {
		return err
	}
	if s.data.heads[chainHead].Seq != from {
		return ports.ErrStale
	}
	for _, l := range links {
		if !s.data.events.has(l.EventID) || s.data.links.has(l.EventID) {
			return ports.ErrStale
		}
	}
	for _, l := range links {
		s.data.links.put(s.tx, l.EventID, cloneLink(l))
		s.data.chain.put(s.tx, l.Seq, l.EventID)
	}
	s.writeHead(chainHead, head)
	return nil
}

// Read implements ports.AuditChain.
func (s auditChain) Read(ctx context.Context, after int64, limit int) ([]domain.ChainedEvent, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	var found []domain.ChainedEvent
	for seq := max(after, s.data.heads[chainAnchor].Seq); seq < s.data.heads[chainHead].Seq && len(found) < limit; {
		seq++
		id := s.data.chain[seq]
		e := s.data.events[id]
		e.Detail = maps.Clone(e.Detail)
		found = append(found, domain.ChainedEvent{Event: e, Link: cloneLink(s.data.links[id])})
	}
	return found, nil
}

// Prune implements ports.AuditChain.
func (s auditChain) Prune(ctx context.Context, anchor domain.AuditHead, from int64) (int, error) {
	if err := s.writing(ctx); err != nil {
		return 0, err
	}
	if s.data.heads[chainAnchor].Seq != from {
		return 0, ports.ErrStale
	}
	removed := 0
	for seq := from + 1; seq <= anchor.Seq; seq++ {
		id, ok := s.data.chain[seq]
		if !ok {
			continue
		}
		s.data.chain.remove(s.tx, seq)
		s.data.links.remove(s.tx, id)
		s.data.events.remove(s.tx, id)
		removed++
	}
	s.writeHead(chainAnchor, anchor)
	return removed, nil
}

func (s auditChain) writeHead(which string, h domain.AuditHead) {
	h = cloneHead(h)
	h.At = domain.Instant(h.At)
	s.data.heads.put(s.tx, which, h)
}

func cloneHead(h domain.AuditHead) domain.AuditHead {
	h.MAC, h.Proof = bytes.Clone(h.MAC), bytes.Clone(h.Proof)
	return h
}

func cloneLink(l domain.AuditLink) domain.AuditLink {
	l.Salt, l.Commitment, l.MAC = bytes.Clone(l.Salt), bytes.Clone(l.Commitment), bytes.Clone(l.MAC)
	return l
}
