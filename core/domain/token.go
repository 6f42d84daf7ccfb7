package domain

import "time"

// Claims are the claims of an access token (RFC 9068 section 2.2, and `sid`,
// `roles`, `ver` of our own).
type Claims struct {
	Issuer         string
	Audience       []string
	Subject        ID
	ExpiresAt      time.Time
	IssuedAt       time.Time
	NotBefore      time.Time
	TokenID        ID
	SessionID      ID
	ClientID       string
	Scope          string
	Roles          []Role
	AuthTime       time.Time
	AuthMethods    []string // RFC 8176
	AuthGeneration int64
}

// FirstPartyScope is the scope of tokens from the first-party login: whatever the
// owner of the account may do with it.
const FirstPartyScope = "account"

// FirstPartyClient is the client_id of tokens from the first-party login.
const FirstPartyClient = "first-party"

// Identity is who makes an authenticated call: the claims of the access token
// with account and session as they were read for this very request.
type Identity struct {
	Claims  Claims
	Account Account
	Session Session
}

// TokenPair is what a client holds after login and after each refresh.
type TokenPair struct {
	Access           Secret
	AccessExpiresIn  time.Duration
	Refresh          Secret
	RefreshExpiresIn time.Duration
	SessionID        ID
}
