package jwt

import (
	"crypto"
	"errors"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"authserve/core/domain"
	"authserve/ports"
)

// verifier implements ports.TokenVerifier.
type verifier struct {
	keyID domain.ID
	alg   domain.Algorithm
	key   crypto.PublicKey
}

var _ ports.TokenVerifier = (*verifier)(nil)

// Verify implements ports.TokenVerifier. An expectation without issuer or
// audience is a bug of the caller and an error of KindInternal.
//
// An ES256 signature has a second valid form that anybody can compute from the
// first, so a token must not be recognised by its bytes; `jti` identifies it.
func (v *verifier) Verify(token string, expect ports.TokenExpectation) (domain.Claims, error) {
	if expect.Issuer == "" || expect.Audience == "" {
		return domain.Claims{}, errors.New("verify an access token: no issuer or audience is expected") // the library would accept any
	}
	h, err := readHeader(token)
	if err != nil {
		return domain.Claims{}, err
	}
	// RFC 8725 sections 3.1 and 3.2: the key decides the algorithm, not the token.
	if h.keyID != v.keyID || h.alg != string(v.alg) {
		return domain.Claims{}, invalid("another key or algorithm")
	}
	parser := gojwt.NewParser(
		gojwt.WithValidMethods([]string{string(v.alg)}),
		gojwt.WithStrictDecoding(),
		gojwt.WithExpirationRequired(),
		gojwt.WithIssuedAt(),
		gojwt.WithIssuer(expect.Issuer),
		gojwt.WithAudience(expect.Audience),
		gojwt.WithLeeway(expect.Leeway),
		gojwt.WithTimeFunc(func() time.Time { return expect.Now }),
	)
	var claims wireClaims
	if _, err := parser.ParseWithClaims(token, &claims, v.keyFor); err != nil {
		return domain.Claims{}, refusal(err)
	}
	return claims.toDomain(), nil
}

func (v *verifier) keyFor(*gojwt.Token) (any, error) { return v.key, nil }
