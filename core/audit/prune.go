package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// Prune removes the oldest events of the chain that happened before the instant, up to
// the first that did not, and returns how many. It signs where the chain begins then.
// What it removes is verified first, but for personal data: behind a fault nothing is
// removed. Errors: ErrBroken.
func (s *Service) Prune(ctx context.Context, before time.Time) (int, error) {
	total := 0
	for {
		n, removed, err := s.pruneBatch(ctx, before)
		total += removed
		switch {
		case errors.Is(err, ports.ErrStale): // another process prunes
			return total, nil
		case err != nil:
			return total, fmt.Errorf("prune the audit log: %w", err)
		case n == 0:
			return total, nil
		}
	}
}

// pruneBatch also returns how many events were old enough.
func (s *Service) pruneBatch(ctx context.Context, before time.Time) (due, removed int, err error) {
	var at ends
	var rows []domain.ChainedEvent
	err = s.store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		if at.head, at.anchor, err = tx.AuditChain().Head(ctx); err != nil {
			return err
		}
		rows, err = tx.AuditChain().Read(ctx, at.anchor.Seq, batch)
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	if err := s.trust(ctx, labelAnchor, at.anchor, FaultAnchor); err != nil {
		return 0, 0, err
	}
	anchor, due, err := s.newAnchor(ctx, at, rows, before)
	if err != nil || due == 0 && anchor.KeyID == at.anchor.KeyID {
		return due, 0, err
	}
	err = s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		removed, err = tx.AuditChain().Prune(ctx, anchor, at.anchor.Seq)
		return err
	})
	if err != nil {
		return due, 0, err
	}
	return due, removed, nil
}

// newAnchor is the anchor behind the rows that are old enough, and how many these are.
// An anchor that an older key signed is renewed, so that the key can go.
func (s *Service) newAnchor(ctx context.Context, at ends, rows []domain.ChainedEvent, before time.Time) (anchor domain.AuditHead, due int, err error) {
	w := walk{signer: s.signer, seq: at.anchor.Seq, mac: at.anchor.MAC}
	end := w
	for _, row := range rows {
		if !row.Event.At.Before(before) {
			break
		}
		verdict, fault, err := w.step(ctx, row)
		if err != nil {
			return anchor, due, err
		}
		if row.Link.Seq > at.head.Seq {
			verdict, fault = faulty, Fault{Kind: FaultHead, Seq: row.Link.Seq, EventID: row.Link.EventID}
		}
		if verdict == faulty && fault.Kind != FaultPersonal {
			if due > 0 {
				break // and the next batch begins with it
			}
			return anchor, 0, broken(fault)
		}
		due, end = due+1, w
	}
	if due == 0 && (isUnwritten(at.anchor) || at.anchor.KeyID == s.signer.keys.ActiveKey()) {
		return at.anchor, 0, nil
	}
	anchor, err = s.signer.signed(ctx, labelAnchor, domain.AuditHead{Seq: end.seq, MAC: end.mac, At: s.clock.Now()})
	return anchor, due, err
}
