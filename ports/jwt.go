package ports

import (
	"context"
	"time"

	"authserve/core/domain"
)

// JWT makes signing keys, and signs and verifies access tokens: JWS compact form
// (RFC 7515) with `typ: at+jwt` (RFC 9068), following RFC 8725.
type JWT interface {
	// Generate makes a key pair: P-256, Ed25519, or RSA of 3072 bits. private is
	// PKCS #8 and public PKIX, both DER.
	Generate(ctx context.Context, alg domain.Algorithm) (private, public []byte, err error)
	// Signer prepares a private key for signing.
	Signer(keyID domain.ID, alg domain.Algorithm, private []byte) (TokenSigner, error)
	// Verifier prepares a public key for verifying, bound to alg.
	Verifier(keyID domain.ID, alg domain.Algorithm, public []byte) (TokenVerifier, error)
	// KeyID reads the `kid` of a token without trusting it. Errors: an error of
	// code domain.CodeInvalidToken for anything that is not a token of ours by
	// form: over 8 KiB, not three parts, another `typ`, a `crit` header, no kid.
	KeyID(token string) (domain.ID, error)
}

// TokenSigner signs with one key. Safe for concurrent use.
type TokenSigner interface {
	Sign(claims domain.Claims) (domain.Secret, error)
}

// TokenVerifier verifies with one key and its one algorithm. It ignores jku, x5u
// and jwk. Safe for concurrent use.
type TokenVerifier interface {
	// Verify checks signature, algorithm, type and every claim of expect. Errors:
	// domain.CodeTokenExpired when only the expiry is at fault, otherwise
	// domain.CodeInvalidToken.
	Verify(token string, expect TokenExpectation) (domain.Claims, error)
}

// TokenExpectation is what a token must say.
type TokenExpectation struct {
	Issuer   string
	Audience string
	Now      time.Time
	Leeway   time.Duration // for exp, nbf and iat, in both directions
}
