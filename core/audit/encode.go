package audit

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"maps"
	"slices"

	"authserve/core/domain"
	"authserve/ports"
)

// saltSize is that of the salts, in bytes: nobody guesses 128 bits.
const saltSize = 16

// What a MAC is of stands before everything else in it.
const (
	labelEvent    = "event 1"
	labelPersonal = "personal 1"
	labelHead     = "head 1"
	labelAnchor   = "anchor 1"
)

// encoder writes fields so that no two lists of them come out the same: each text has
// its length before it, and numbers have one.
type encoder []byte

func (e *encoder) bytes(b []byte) {
	*e = binary.BigEndian.AppendUint64(*e, uint64(len(b)))
	*e = append(*e, b...)
}

func (e *encoder) text(s string) {
	*e = binary.BigEndian.AppendUint64(*e, uint64(len(s)))
	*e = append(*e, s...)
}

func (e *encoder) number(n int64) {
	*e = binary.BigEndian.AppendUint64(*e, uint64(n)) //nolint:gosec // the bits are meant
}

// signer makes and checks the MACs of the chain.
type signer struct{ keys ports.Sealer }

// link is the MAC of l, over the event without what is personal, and over what stands
// before it. The facts come last, since nobody counts them; the key names itself. Errors: ports.ErrNotFound when l.KeyID is not in the ring.
func (s signer) link(ctx context.Context, e domain.AuditEvent, l domain.AuditLink, before []byte) ([]byte, error) {
	var enc encoder
	enc.text(labelEvent)
	enc.bytes(before)
	enc.number(l.Seq)
	enc.bytes(l.Commitment)
	enc.text(string(e.ID))
	enc.number(domain.Instant(e.At).UnixMicro())
	enc.text(string(e.Actor.Kind))
	enc.text(e.Actor.ID)
	enc.text(string(e.Actor.SessionID))
	enc.text(e.Actor.CorrelationID)
	enc.text(string(e.Action))
	enc.text(string(e.Subject))
	for _, name := range slices.Sorted(maps.Keys(e.Detail)) {
		enc.text(name)
		enc.text(e.Detail[name])
	}
	return s.keys.MAC(ctx, ports.PurposeAudit, l.KeyID, enc)
}

// commitment covers what is personal of the event.
func (s signer) commitment(ctx context.Context, actor domain.Actor, keyID string, salt []byte) ([]byte, error) {
	var enc encoder
	enc.text(labelPersonal)
	enc.bytes(salt)
	enc.text(actor.IP)
	enc.text(actor.UserAgent)
	return s.keys.MAC(ctx, ports.PurposeAudit, keyID, enc)
}

// proof covers an end of the chain; label says which.
func (s signer) proof(ctx context.Context, label string, h domain.AuditHead) ([]byte, error) {
	var enc encoder
	enc.text(label)
	enc.number(h.Seq)
	enc.bytes(h.MAC)
	enc.number(domain.Instant(h.At).UnixMicro())
	return s.keys.MAC(ctx, ports.PurposeAudit, h.KeyID, enc)
}

// signed completes h with key and proof.
func (s signer) signed(ctx context.Context, label string, h domain.AuditHead) (domain.AuditHead, error) {
	h.KeyID = s.keys.ActiveKey()
	var err error
	h.Proof, err = s.proof(ctx, label, h)
	return h, err
}

// proven reports that h was signed here; an end that was never written is as good.
// Errors: ports.ErrNotFound when its key is not in the ring.
func (s signer) proven(ctx context.Context, label string, h domain.AuditHead) (bool, error) {
	if isUnwritten(h) {
		return true, nil
	}
	want, err := s.proof(ctx, label, h)
	return err == nil && same(want, h.Proof), err
}

// same compares MACs in constant time.
func same(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

func isUnwritten(h domain.AuditHead) bool {
	return h.Seq == 0 && len(h.MAC) == 0 && h.KeyID == "" && h.At.IsZero() && len(h.Proof) == 0
}
