package domain

import "time"

// Algorithm is a JWS signature algorithm (RFC 7518, RFC 8037). Each key has one.
type Algorithm string

// The algorithms for access tokens.
const (
	ES256 Algorithm = "ES256"
	EdDSA Algorithm = "EdDSA"
	RS256 Algorithm = "RS256"
)

// KeyState is the place of a signing key in its life.
type KeyState string

// A key is published before it signs (next), signs (active), and is published
// until the last token it signed has expired (retired).
const (
	KeyNext    KeyState = "next"
	KeyActive  KeyState = "active"
	KeyRetired KeyState = "retired"
)

// SigningKey is a key pair for access tokens. The private half exists at rest
// only sealed by the keyring.
type SigningKey struct {
	ID            ID // the `kid` of tokens and of the JWKS
	Algorithm     Algorithm
	State         KeyState
	Public        []byte // PKIX, DER
	SealedPrivate []byte // PKCS #8, DER, sealed with the ID as associated data
	CreatedAt     time.Time
	StateSince    time.Time
}

// SigningKeysGuard is the name of the guard row that every change of the set of
// signing keys advances, so that two replicas cannot both make the first keys.
const SigningKeysGuard = "signing_keys"
