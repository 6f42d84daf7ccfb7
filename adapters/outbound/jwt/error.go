package jwt

import (
	"errors"

	gojwt "github.com/golang-jwt/jwt/v5"

	"authserve/core/domain"
)

var (
	errInvalid = domain.NewError(domain.KindUnauthenticated, domain.CodeInvalidToken, "The access token is not valid.")
	errExpired = domain.NewError(domain.KindUnauthenticated, domain.CodeTokenExpired, "The access token has expired.")
	// errClaims: a required claim is missing, or one is out of bounds.
	errClaims = errors.New("a claim is missing or out of bounds")
)

// invalid says for the logs what is wrong with a token, in words of our own: what
// a token says never enters an error.
func invalid(reason string) error { return errInvalid.Wrap(errors.New(reason)) }

// refusal translates an error of the library. Expiry is named only when it is the
// one fault.
func refusal(err error) error {
	for _, fault := range []error{
		gojwt.ErrTokenMalformed, gojwt.ErrTokenUnverifiable, gojwt.ErrTokenSignatureInvalid,
		errClaims, gojwt.ErrTokenRequiredClaimMissing, gojwt.ErrTokenInvalidIssuer,
		gojwt.ErrTokenInvalidAudience, gojwt.ErrTokenNotValidYet, gojwt.ErrTokenUsedBeforeIssued,
	} {
		if errors.Is(err, fault) {
			return errInvalid.Wrap(fault)
		}
	}
	if errors.Is(err, gojwt.ErrTokenExpired) {
		return errExpired
	}
	return invalid("refused")
}
