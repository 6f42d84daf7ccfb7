package jwt

import (
	"errors"
	"fmt"

	gojwt "github.com/golang-jwt/jwt/v5"

	"authserve/core/domain"
	"authserve/ports"
)

// signer implements ports.TokenSigner.
type signer struct {
	method gojwt.SigningMethod
	key    any
	header map[string]any // never written to after newSigner
}

var _ ports.TokenSigner = (*signer)(nil)

func newSigner(keyID domain.ID, method gojwt.SigningMethod, key any) *signer {
	return &signer{method: method, key: key, header: map[string]any{
		"alg": method.Alg(), "kid": string(keyID), "typ": tokenType,
	}}
}

// Sign implements ports.TokenSigner. Times are cut to whole seconds. It refuses
// claims that no verifier would accept: they are a bug of the caller.
func (s *signer) Sign(claims domain.Claims) (domain.Secret, error) {
	wire := toWire(claims)
	if err := wire.Validate(); err != nil {
		return domain.Secret{}, fmt.Errorf("sign an access token: %w", err)
	}
	token := gojwt.Token{Method: s.method, Header: s.header, Claims: wire}
	signed, err := token.SignedString(s.key)
	if err != nil {
		return domain.Secret{}, fmt.Errorf("sign an access token: %w", err)
	}
	if len(signed) > maxTokenLength {
		return domain.Secret{}, errors.New("sign an access token: longer than 8 KiB")
	}
	return domain.NewSecret(signed), nil
}
