package domain

import (
	"crypto/sha256"
	"time"
)

// TokenPurpose is the one thing that a one-time token is good for.
type TokenPurpose string

// The purposes.
const (
	TokenVerifyEmail   TokenPurpose = "verify_email"   // to prove that the owner reads the account's address
	TokenChangeEmail   TokenPurpose = "change_email"   // to prove the same of the address wanted instead
	TokenUndoEmail     TokenPurpose = "undo_email"     // to take the address back that the account had
	TokenResetPassword TokenPurpose = "reset_password" // to choose a password without the old one
)

// TTL is how long a token of the purpose is good. A code that recovers an account is
// good for 24 hours at most (NIST SP 800-63B-4 section 4.2.1.2).
func (p TokenPurpose) TTL() time.Duration {
	switch p {
	case TokenVerifyEmail:
		return 24 * time.Hour
	case TokenChangeEmail:
		return time.Hour
	case TokenUndoEmail:
		return 7 * 24 * time.Hour
	case TokenResetPassword:
		return 30 * time.Minute
	default:
		return 0
	}
}

// OneTimeToken is what is kept of a secret that was sent by mail and can be spent
// once (OWASP ASVS 5.0 6.4.1 and 6.5.1). It is there while it can be spent.
type OneTimeToken struct {
	Hash      []byte // OneTimeHash of the secret
	AccountID ID
	Purpose   TokenPurpose
	Address   Email // the address it was sent to, and speaks of
	// Generation is the account's AuthGeneration that it is good for. A token to undo is
	// good for all of them: it must outlive what a thief does to the account.
	Generation int64
	CreatedAt  time.Time // when it was asked for
	ExpiresAt  time.Time
}

// NewOneTimeToken makes what is kept of a secret that was asked for at created and is
// sent to address now.
func NewOneTimeToken(secret []byte, purpose TokenPurpose, account Account, address Email, created, now time.Time) OneTimeToken {
	return OneTimeToken{
		Hash: OneTimeHash(purpose, secret), AccountID: account.ID, Purpose: purpose, Address: address,
		Generation: account.Version.AuthGeneration, CreatedAt: Instant(created), ExpiresAt: Instant(now).Add(purpose.TTL()),
	}
}

// OneTimeHash is the form in which a secret of 256 bits is kept. The purpose
// goes into it, so that a token of another purpose is not found.
func OneTimeHash(purpose TokenPurpose, secret []byte) []byte {
	sum := sha256.Sum256(append([]byte(purpose+"\x00"), secret...))
	return sum[:]
}

// Slot tells the tokens of one account and purpose apart that are good beside one
// another; a newer one of the same slot ends the older. Each address that the account
// had has its own to undo: otherwise a thief could end the owner's by changing twice.
func (t OneTimeToken) Slot() string {
	if t.Purpose == TokenUndoEmail {
		return t.Address.Canonical
	}
	return ""
}

// IsGoodFor reports whether the token may be spent at now for the account.
func (t OneTimeToken) IsGoodFor(account Account, now time.Time) bool {
	return t.AccountID == account.ID && now.Before(t.ExpiresAt) &&
		(t.Purpose == TokenUndoEmail || t.Generation == account.Version.AuthGeneration)
}
