package fake

import (
	"time"

	"authserve/core/domain"
)

// AuditLink is the link of an event in the place seq. Its MACs are none.
func AuditLink(e domain.AuditEvent, seq int64, options ...func(*domain.AuditLink)) domain.AuditLink {
	n := int(seq)
	return with(domain.AuditLink{
		EventID: e.ID, Seq: seq, KeyID: "k1",
		Salt: octets(n, 16), Commitment: octets(n+1, 32), MAC: octets(n+2, 32),
	}, options)
}

// AuditHead is the head, or the anchor, at seq. Its MACs are none.
func AuditHead(seq int64, options ...func(*domain.AuditHead)) domain.AuditHead {
	n := int(seq)
	return with(domain.AuditHead{
		Seq: seq, KeyID: "k1", MAC: octets(n+2, 32), Proof: octets(n+3, 32),
		At: Epoch().Add(time.Duration(n) * time.Second),
	}, options)
}
