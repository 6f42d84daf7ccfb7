package ports

import "context"

// Store is the only way to what is kept. It has two doors, and the Tx they hand
// out ends with the closure: there is no reading or writing outside of one.
//
// Both doors return the closure's error unchanged (errors.Is works on it).
// A panic inside the closure rolls back and goes on.
type Store interface {
	// View runs fn over one consistent snapshot, which has all that this process
	// committed before. What other processes commit may reach it later, within a
	// bound that the adapter states. Writes inside fail with ErrReadOnly and change
	// nothing. fn may run more than once, so it resets what it captures.
	View(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error
	// Update runs fn in one transaction: all of its writes become visible
	// together when fn returns nil and the commit succeeds, or none ever does.
	// fn may run more than once (after a serialization failure), so it resets
	// what it captures, calls nothing outside the transaction, and hashes nothing.
	// When the commit's outcome is unknown, the error is ErrUnavailable.
	Update(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error
}

// Tx is the table of contents of persistence. All stores of one Tx share one
// transaction. A Tx is not safe for concurrent use.
type Tx interface {
	Accounts() Accounts
	Credentials() Credentials
	Sessions() Sessions
	Keys() Keys
	Outbox() Outbox
	Audit() Audit
	Idempotency() Idempotency
	Guards() Guards
	Imports() Imports
	OneTimeTokens() OneTimeTokens
	Throttles() Throttles
	Erasures() Erasures
	PersonalData() PersonalData
	AuditChain() AuditChain
}
