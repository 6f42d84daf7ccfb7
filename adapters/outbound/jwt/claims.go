package jwt

import (
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	gojwt "github.com/golang-jwt/jwt/v5"

	"authserve/core/domain"
)

// Bounds of what a token may say; its length bounds the rest.
const (
	maxAudiences = 16
	maxRoles     = 64
	maxRoleName  = 64
	maxMethods   = 16
	// maxSeconds is the end of the year 9999, the last that RFC 3339 can write.
	maxSeconds = 253402300799
)

// wireClaims are the claims as JSON (RFC 7519 section 4.1, RFC 9068 section 2.2).
// Times are whole seconds since 1970; zero stands for a claim that is absent.
type wireClaims struct {
	Issuer         string             `json:"iss"`
	Audience       gojwt.ClaimStrings `json:"aud"`
	Subject        string             `json:"sub"`
	ExpiresAt      int64              `json:"exp"`
	IssuedAt       int64              `json:"iat"`
	NotBefore      int64              `json:"nbf,omitempty"`
	TokenID        string             `json:"jti"`
	SessionID      string             `json:"sid"`
	ClientID       string             `json:"client_id"`
	Scope          string             `json:"scope,omitempty"`
	Roles          []domain.Role      `json:"roles"`
	AuthTime       int64              `json:"auth_time,omitempty"`
	AuthMethods    []string           `json:"amr,omitempty"`
	AuthGeneration int64              `json:"ver"`
}

var (
	_ gojwt.Claims          = (*wireClaims)(nil)
	_ gojwt.ClaimsValidator = (*wireClaims)(nil)
)

func toWire(c domain.Claims) *wireClaims {
	return &wireClaims{
		Issuer: c.Issuer, Audience: c.Audience, Subject: string(c.Subject),
		ExpiresAt: toSeconds(c.ExpiresAt), IssuedAt: toSeconds(c.IssuedAt), NotBefore: toSeconds(c.NotBefore),
		TokenID: string(c.TokenID), SessionID: string(c.SessionID),
		ClientID: c.ClientID, Scope: c.Scope, Roles: append([]domain.Role{}, c.Roles...),
		AuthTime: toSeconds(c.AuthTime), AuthMethods: c.AuthMethods, AuthGeneration: c.AuthGeneration,
	}
}

func (c *wireClaims) toDomain() domain.Claims {
	return domain.Claims{
		Issuer: c.Issuer, Audience: c.Audience, Subject: domain.ID(c.Subject),
		ExpiresAt: fromSeconds(c.ExpiresAt), IssuedAt: fromSeconds(c.IssuedAt), NotBefore: fromSeconds(c.NotBefore),
		TokenID: domain.ID(c.TokenID), SessionID: domain.ID(c.SessionID),
		ClientID: c.ClientID, Scope: c.Scope, Roles: c.Roles,
		AuthTime: fromSeconds(c.AuthTime), AuthMethods: c.AuthMethods, AuthGeneration: c.AuthGeneration,
	}
}

// UnmarshalJSON reads strictly: no name twice, names in their own case, whole
// numbers. Unknown claims are ignored (RFC 7519 section 4).
func (c *wireClaims) UnmarshalJSON(text []byte) error {
	type plain wireClaims // without this method
	return json.Unmarshal(text, (*plain)(c))
}

// Validate implements gojwt.ClaimsValidator: what every token of ours says,
// whoever reads it and when.
func (c *wireClaims) Validate() error {
	for _, id := range []string{c.Subject, c.TokenID, c.SessionID} {
		if _, err := domain.ParseID(id); err != nil {
			return errClaims
		}
	}
	switch {
	case c.Issuer == "", c.ClientID == "", c.AuthGeneration < 1,
		len(c.Audience) < 1, len(c.Audience) > maxAudiences, slices.Contains(c.Audience, ""),
		c.ExpiresAt < 1, c.ExpiresAt > maxSeconds, c.IssuedAt < 1, c.IssuedAt > maxSeconds,
		c.NotBefore < 0, c.NotBefore > maxSeconds, c.AuthTime < 0, c.AuthTime > maxSeconds,
		len(c.AuthMethods) > maxMethods,
		len(c.Roles) > maxRoles, slices.ContainsFunc(c.Roles, isBadRole):
		return errClaims
	default:
		return nil
	}
}

func isBadRole(r domain.Role) bool { return r == "" || len(r) > maxRoleName }

// GetExpirationTime implements gojwt.Claims.
func (c *wireClaims) GetExpirationTime() (*gojwt.NumericDate, error) { return date(c.ExpiresAt), nil }

// GetIssuedAt implements gojwt.Claims.
func (c *wireClaims) GetIssuedAt() (*gojwt.NumericDate, error) { return date(c.IssuedAt), nil }

// GetNotBefore implements gojwt.Claims.
func (c *wireClaims) GetNotBefore() (*gojwt.NumericDate, error) { return date(c.NotBefore), nil }

// GetIssuer implements gojwt.Claims.
func (c *wireClaims) GetIssuer() (string, error) { return c.Issuer, nil }

// GetSubject implements gojwt.Claims.
func (c *wireClaims) GetSubject() (string, error) { return c.Subject, nil }

// GetAudience implements gojwt.Claims.
func (c *wireClaims) GetAudience() (gojwt.ClaimStrings, error) { return c.Audience, nil }

func date(seconds int64) *gojwt.NumericDate {
	if seconds == 0 {
		return nil
	}
	return &gojwt.NumericDate{Time: fromSeconds(seconds)}
}

func toSeconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func fromSeconds(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
