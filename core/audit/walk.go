package audit

import (
	"context"
	"errors"

	"authserve/core/domain"
	"authserve/ports"
)

// walk goes along the chain, link after link.
type walk struct {
	signer signer
	seq    int64  // of the last link
	mac    []byte // of the last link
}

// verdict is what a walk says of one event.
type verdict int

const (
	asSealed verdict = iota
	faulty
	bereft // of what is personal: right only after an erasure
)

// step goes to the next event. A fault is told once: the walk goes on as if it had been
// right.
func (w *walk) step(ctx context.Context, next domain.ChainedEvent) (verdict, Fault, error) {
	l := next.Link
	fault := Fault{Seq: l.Seq, EventID: l.EventID}
	if l.Seq <= w.seq {
		fault.Kind = FaultInserted
		return faulty, fault, nil
	}
	skipped, before := l.Seq != w.seq+1, w.mac
	w.seq, w.mac = l.Seq, l.MAC
	if skipped || next.Event.ID != l.EventID {
		fault.Kind = FaultMissing
		return faulty, fault, nil
	}
	mac, err := w.signer.link(ctx, next.Event, l, before)
	switch {
	case errors.Is(err, ports.ErrNotFound):
		fault.Kind = FaultUnknownKey
		return faulty, fault, nil
	case err != nil:
		return faulty, fault, err
	case !same(mac, l.MAC):
		fault.Kind = FaultChanged
		return faulty, fault, nil
	}
	commitment, err := w.signer.commitment(ctx, next.Event.Actor, l.KeyID, l.Salt)
	switch {
	case err != nil:
		return faulty, fault, err
	case same(commitment, l.Commitment):
		return asSealed, Fault{}, nil
	}
	fault.Kind = FaultPersonal
	if next.Event.Actor.IP == "" && next.Event.Actor.UserAgent == "" {
		return bereft, fault, nil
	}
	return faulty, fault, nil
}
