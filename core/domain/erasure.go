package domain

import "time"

// Erasure notes that an account was removed. It holds nothing of the account but its id.
type Erasure struct {
	AccountID  ID
	At         time.Time
	FinishedAt time.Time // zero: audit events may still hold an address of the actor
}
