package audit

import (
	"fmt"

	"authserve/core/domain"
)

// FaultKind says what is wrong with the chain. The words are for scripts.
type FaultKind string

// The kinds of fault.
const (
	FaultChanged    FaultKind = "changed"     // an event, or its place
	FaultPersonal   FaultKind = "personal"    // what is personal of an event
	FaultMissing    FaultKind = "missing"     // events between two others, or at the beginning
	FaultInserted   FaultKind = "inserted"    // an event where the chain has none
	FaultCut        FaultKind = "cut"         // events at the end
	FaultHead       FaultKind = "head"        // the end itself
	FaultAnchor     FaultKind = "anchor"      // the beginning itself
	FaultUnknownKey FaultKind = "unknown_key" // cannot be verified
	FaultRolledBack FaultKind = "rolled_back" // the chain is not the one that the kept head is of
)

// Meaning says it in words.
func (k FaultKind) Meaning() string {
	switch k {
	case FaultChanged:
		return "the event was changed, or does not belong here"
	case FaultPersonal:
		return "the address or the program of the actor was changed, or taken away without an erasure"
	case FaultMissing:
		return "events are missing before this one, or the event of this link is"
	case FaultInserted:
		return "an event was put where the chain has none"
	case FaultCut:
		return "events are missing at the end: the head is further than the last event"
	case FaultHead:
		return "the head was not written by this service, or is not that of the last event"
	case FaultAnchor:
		return "the anchor, where the chain begins, was not written by this service"
	case FaultUnknownKey:
		return "the master key that it was sealed with is not in the ring, so it cannot be verified"
	case FaultRolledBack:
		return "the chain is not the one that the kept head is of: the database was taken back to an earlier state, or replaced"
	default:
		return string(k)
	}
}

// Fault is one thing that is wrong.
type Fault struct {
	Kind    FaultKind
	Seq     int64     // where
	EventID domain.ID // empty: it is no fault of one event
}

// String describes the fault for the log.
func (f Fault) String() string {
	if f.EventID == "" {
		return fmt.Sprintf("%s at %d: %s", f.Kind, f.Seq, f.Kind.Meaning())
	}
	return fmt.Sprintf("%s at %d, event %s: %s", f.Kind, f.Seq, f.EventID, f.Kind.Meaning())
}

// ErrBroken is the error of who would have to build on a chain with a fault.
var ErrBroken = domain.NewError(domain.KindInternal, "audit_chain_broken", "The chain of the audit log is broken.")

func broken(f Fault) error { return ErrBroken.Wrap(fmt.Errorf("%s; see `authserve audit verify`", f)) }
