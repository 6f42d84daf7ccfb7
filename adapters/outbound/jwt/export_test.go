package jwt

import (
	"encoding/json"

	"authserve/core/domain"
)

// ParseClaims reads the payload of a token whose signature was found good.
func ParseClaims(text []byte) (domain.Claims, error) {
	var c wireClaims
	if err := json.Unmarshal(text, &c); err != nil {
		return domain.Claims{}, err
	}
	return c.toDomain(), c.Validate()
}

// WriteClaims makes the payload of a token.
func WriteClaims(c domain.Claims) ([]byte, error) { return json.Marshal(toWire(c)) }
