package audit

import (
	"context"
	"errors"
	"math"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// batch is how many events one transaction seals, reads or removes.
const batch = 500

// Service keeps the chain. Safe for concurrent use, also by several processes.
type Service struct {
	store  ports.Store
	signer signer
	random ports.Random
	clock  ports.Clock
}

// New makes a Service.
func New(store ports.Store, keys ports.Sealer, random ports.Random, clock ports.Clock) *Service {
	return &Service{store: store, signer: signer{keys}, random: random, clock: clock}
}

// Sealed is what one call of Seal did.
type Sealed struct {
	Events int
	Oldest time.Time // of the events that are left; zero: none
}

// ends are what is read before anything is done.
type ends struct{ head, anchor domain.AuditHead }

// Seal chains events until none is left, or another process was faster. It does not
// build on a head that it did not sign: that would sign what others did. Beside an
// error it tells what it did before. Errors: ErrBroken.
func (s *Service) Seal(ctx context.Context) (Sealed, error) {
	var done Sealed
	for {
		n, oldest, err := s.sealBatch(ctx)
		done.Events += n
		switch {
		case errors.Is(err, ports.ErrStale):
			return done, nil
		case err != nil:
			done.Oldest = oldest
			return done, err
		case n < batch:
			return done, nil
		}
	}
}

// sealBatch also tells how old the oldest event is that it found.
func (s *Service) sealBatch(ctx context.Context) (n int, oldest time.Time, err error) {
	var at ends
	var events []domain.AuditEvent
	started := true
	err = s.store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		if at.head, at.anchor, err = tx.AuditChain().Head(ctx); err != nil {
			return err
		}
		if isUnwritten(at.head) {
			if started, err = hasLinks(ctx, tx); err != nil {
				return err
			}
		}
		events, err = tx.AuditChain().Unchained(ctx, batch)
		return err
	})
	if err != nil {
		return 0, time.Time{}, err
	}
	if len(events) > 0 {
		oldest = events[0].At
	}
	if isUnwritten(at.head) && (started || !isUnwritten(at.anchor)) {
		return 0, oldest, broken(Fault{Kind: FaultHead})
	}
	if err := s.trust(ctx, labelHead, at.head, FaultHead); err != nil {
		return 0, oldest, err
	}
	if len(events) == 0 {
		return 0, oldest, s.renewHead(ctx, at.head)
	}
	links, head, err := s.chain(ctx, at.head, events)
	if err != nil {
		return 0, oldest, err
	}
	err = s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		return tx.AuditChain().Link(ctx, links, head, at.head.Seq)
	})
	if err != nil {
		return 0, oldest, err
	}
	return len(links), oldest, nil
}

// hasLinks reports that some event has a link.
func hasLinks(ctx context.Context, tx ports.Tx) (bool, error) {
	first, err := tx.AuditChain().Read(ctx, math.MinInt64, 1)
	return len(first) > 0, err
}

// trust refuses an end that was not signed here. Errors: ErrBroken.
func (s *Service) trust(ctx context.Context, label string, h domain.AuditHead, kind FaultKind) error {
	proven, err := s.signer.proven(ctx, label, h)
	switch {
	case errors.Is(err, ports.ErrNotFound):
		return broken(Fault{Kind: FaultUnknownKey, Seq: h.Seq})
	case err != nil:
		return err
	case !proven:
		return broken(Fault{Kind: kind, Seq: h.Seq})
	}
	return nil
}

// renewHead signs the head with the active key, so that the one before it can go.
func (s *Service) renewHead(ctx context.Context, head domain.AuditHead) error {
	if isUnwritten(head) || head.KeyID == s.signer.keys.ActiveKey() {
		return nil
	}
	from := head.Seq
	head.At = s.clock.Now()
	head, err := s.signer.signed(ctx, labelHead, head)
	if err != nil {
		return err
	}
	return s.store.Update(ctx, func(ctx context.Context, tx ports.Tx) error {
		return tx.AuditChain().Link(ctx, nil, head, from)
	})
}

// chain makes the links of events after head, and the head after them.
func (s *Service) chain(ctx context.Context, head domain.AuditHead, events []domain.AuditEvent) ([]domain.AuditLink, domain.AuditHead, error) {
	links := make([]domain.AuditLink, len(events))
	key := s.signer.keys.ActiveKey()
	salts := s.random.Bytes(saltSize * len(events))
	before, seq := head.MAC, head.Seq
	for i, e := range events {
		seq++
		l := domain.AuditLink{EventID: e.ID, Seq: seq, KeyID: key, Salt: salts[i*saltSize : (i+1)*saltSize : (i+1)*saltSize]}
		var err error
		if l.Commitment, err = s.signer.commitment(ctx, e.Actor, key, l.Salt); err != nil {
			return nil, domain.AuditHead{}, err
		}
		if l.MAC, err = s.signer.link(ctx, e, l, before); err != nil {
			return nil, domain.AuditHead{}, err
		}
		links[i], before = l, l.MAC
	}
	next, err := s.signer.signed(ctx, labelHead, domain.AuditHead{Seq: seq, MAC: before, At: s.clock.Now()})
	return links, next, err
}

// Head returns the head, to be kept where who can write the database cannot. Errors:
// ErrBroken when it was not written here; ports.ErrNotFound when nothing was sealed yet.
func (s *Service) Head(ctx context.Context) (domain.AuditHead, error) {
	var at ends
	err := s.store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		at.head, at.anchor, err = tx.AuditChain().Head(ctx)
		return err
	})
	if err != nil {
		return domain.AuditHead{}, err
	}
	if isUnwritten(at.head) {
		return domain.AuditHead{}, ports.ErrNotFound
	}
	return at.head, s.trust(ctx, labelHead, at.head, FaultHead)
}
