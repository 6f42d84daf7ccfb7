package domain

import "time"

// AuditLink is an event's place in the chain of the audit log: each link's MAC covers
// the one before, so that whoever lacks the key can neither change, remove, insert nor
// reorder what was chained. What is personal of an event is covered by Commitment only:
// a MAC over it and a random salt. Without the salt the commitment tells nothing, and
// the chain holds without what it commits to.
type AuditLink struct {
	EventID    ID
	Seq        int64 // from 1, without gaps
	KeyID      string
	Salt       []byte // nil: what is personal was taken away
	Commitment []byte
	MAC        []byte
}

// ChainedEvent is an event with its link.
type ChainedEvent struct {
	Event AuditEvent
	Link  AuditLink
}

// AuditHead says where the chain ends; the anchor, where it begins after the events
// before were removed. Proof is a MAC over the rest of it.
type AuditHead struct {
	Seq   int64 // of the last link; 0: none
	MAC   []byte
	KeyID string
	At    time.Time // when it was written
	Proof []byte
}
