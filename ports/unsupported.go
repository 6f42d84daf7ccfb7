package ports

// Unsupported implements Tx with stores whose every method fails with
// ErrUnsupported. A third-party store embeds it in its own Tx, so that it still
// compiles when Tx grows, and declares the gap to the conformance suite. The
// stores can be embedded one by one too, for an aggregate that grows.
type Unsupported struct{}

var _ Tx = Unsupported{}

// Accounts implements Tx.
func (Unsupported) Accounts() Accounts { return UnsupportedAccounts{} }

// Credentials implements Tx.
func (Unsupported) Credentials() Credentials { return UnsupportedCredentials{} }

// Sessions implements Tx.
func (Unsupported) Sessions() Sessions { return UnsupportedSessions{} }

// Keys implements Tx.
func (Unsupported) Keys() Keys { return UnsupportedKeys{} }

// Outbox implements Tx.
func (Unsupported) Outbox() Outbox { return UnsupportedOutbox{} }

// Audit implements Tx.
func (Unsupported) Audit() Audit { return UnsupportedAudit{} }

// Idempotency implements Tx.
func (Unsupported) Idempotency() Idempotency { return UnsupportedIdempotency{} }

// Guards implements Tx.
func (Unsupported) Guards() Guards { return UnsupportedGuards{} }

// Imports implements Tx.
func (Unsupported) Imports() Imports { return UnsupportedImports{} }

// OneTimeTokens implements Tx.
func (Unsupported) OneTimeTokens() OneTimeTokens { return UnsupportedOneTimeTokens{} }

// Throttles implements Tx.
func (Unsupported) Throttles() Throttles { return UnsupportedThrottles{} }

// Erasures implements Tx.
func (Unsupported) Erasures() Erasures { return UnsupportedErasures{} }

// PersonalData implements Tx.
func (Unsupported) PersonalData() PersonalData { return UnsupportedPersonalData{} }

// AuditChain implements Tx.
func (Unsupported) AuditChain() AuditChain { return UnsupportedAuditChain{} }
