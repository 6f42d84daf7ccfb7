package jwt

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"

	gojwt "github.com/golang-jwt/jwt/v5"

	"authserve/core/domain"
	"authserve/ports"
)

// rsaBits is the size of RSA keys made, and the least accepted (OWASP ASVS 5.0
// 11.2.3: 128 bits of security); maxRSABits bounds the cost of a verification.
const (
	rsaBits    = 3072
	maxRSABits = 8192
)

// Codec implements ports.JWT. It holds no state.
type Codec struct{}

var _ ports.JWT = (*Codec)(nil)

// New makes a codec.
func New() *Codec { return &Codec{} }

// Generate implements ports.JWT. Making an RSA key takes about a second and
// cannot be interrupted.
func (*Codec) Generate(ctx context.Context, alg domain.Algorithm) (private, public []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	key, err := generate(alg)
	if err != nil {
		return nil, nil, fmt.Errorf("generate a key for %s: %w", alg, err)
	}
	if private, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return nil, nil, fmt.Errorf("encode a key for %s: %w", alg, err)
	}
	if public, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
		return nil, nil, fmt.Errorf("encode a key for %s: %w", alg, err)
	}
	return private, public, nil
}

// generate passes no source of randomness: since Go 1.26 these functions take
// none but the system's CSPRNG.
func generate(alg domain.Algorithm) (crypto.Signer, error) {
	switch alg {
	case domain.ES256:
		return ecdsa.GenerateKey(elliptic.P256(), nil)
	case domain.EdDSA:
		_, key, err := ed25519.GenerateKey(nil)
		return key, err
	case domain.RS256:
		return rsa.GenerateKey(nil, rsaBits)
	default:
		return nil, errUnknownAlgorithm
	}
}

// Signer implements ports.JWT.
func (*Codec) Signer(keyID domain.ID, alg domain.Algorithm, private []byte) (ports.TokenSigner, error) {
	method, err := methodOf(alg)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		return nil, errors.New("the private key is not PKCS #8") // the cause could describe the key
	}
	pair, ok := key.(crypto.Signer)
	if !ok {
		return nil, errWrongKey
	}
	if err := checkKey(keyID, alg, pair.Public()); err != nil {
		return nil, err
	}
	return newSigner(keyID, method, key), nil
}

// Verifier implements ports.JWT.
func (*Codec) Verifier(keyID domain.ID, alg domain.Algorithm, public []byte) (ports.TokenVerifier, error) {
	if _, err := methodOf(alg); err != nil {
		return nil, err
	}
	key, err := x509.ParsePKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("the public key is not PKIX: %w", err)
	}
	if err := checkKey(keyID, alg, key); err != nil {
		return nil, err
	}
	return &verifier{keyID: keyID, alg: alg, key: key}, nil
}

// KeyID implements ports.JWT.
func (*Codec) KeyID(token string) (domain.ID, error) {
	h, err := readHeader(token)
	if err != nil {
		return "", err
	}
	return h.keyID, nil
}

var (
	errUnknownAlgorithm = errors.New("unknown signature algorithm")
	errWrongKey         = errors.New("the key does not fit its algorithm, or is too weak for it")
)

func methodOf(alg domain.Algorithm) (gojwt.SigningMethod, error) {
	switch alg {
	case domain.ES256:
		return gojwt.SigningMethodES256, nil
	case domain.EdDSA:
		return gojwt.SigningMethodEdDSA, nil
	case domain.RS256:
		return gojwt.SigningMethodRS256, nil
	default:
		return nil, errUnknownAlgorithm
	}
}

// checkKey refuses a key of another algorithm, curve or strength.
func checkKey(keyID domain.ID, alg domain.Algorithm, public crypto.PublicKey) error {
	if _, err := domain.ParseID(string(keyID)); err != nil {
		return fmt.Errorf("the key id is not an ID: %w", err)
	}
	fits := false
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		fits = alg == domain.ES256 && key.Curve == elliptic.P256()
	case ed25519.PublicKey:
		fits = alg == domain.EdDSA
	case *rsa.PublicKey:
		bits := key.N.BitLen()
		fits = alg == domain.RS256 && bits >= rsaBits && bits <= maxRSABits
	}
	if !fits {
		return errWrongKey
	}
	return nil
}
