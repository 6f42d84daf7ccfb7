package jwt_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"reflect"
	"strings"
	"testing"

	"authserve/adapters/outbound/jwt"
	"authserve/core/domain"
)

func FuzzKeyID(f *testing.F) {
	f.Add(sign(f, domain.EdDSA, sampleClaims()))
	f.Add("..")
	f.Add("e30.e30.")
	f.Add(b64([]byte(headerFor(domain.ES256))) + "..")
	f.Fuzz(func(t *testing.T, token string) {
		id, err := jwt.New().KeyID(token)
		if err != nil {
			wantCode(t, err, domain.CodeInvalidToken)
			return
		}
		if _, err := domain.ParseID(string(id)); err != nil || len(token) > 8<<10 || strings.Count(token, ".") != 2 {
			t.Fatalf("accepted %q with the kid %q", token, id)
		}
	})
}

// FuzzVerify mutates a good token: nothing but the token itself is accepted.
func FuzzVerify(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) // the same in every process of the fuzzer
	private, errPrivate := x509.MarshalPKCS8PrivateKey(key)
	public, errPublic := x509.MarshalPKIXPublicKey(key.Public())
	signer, errSigner := jwt.New().Signer(keyID, domain.EdDSA, private)
	verifier, errVerifier := jwt.New().Verifier(keyID, domain.EdDSA, public)
	if err := errors.Join(errPrivate, errPublic, errSigner, errVerifier); err != nil {
		f.Fatal(err)
	}
	good, err := signer.Sign(sampleClaims())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good.Reveal())
	f.Add("e30.e30.")
	f.Add(b64([]byte(headerFor(domain.EdDSA))) + ".bnVsbA.AAAA")
	f.Fuzz(func(t *testing.T, token string) {
		_, err := verifier.Verify(token, expectation())
		if token == good.Reveal() {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		wantCode(t, err, domain.CodeInvalidToken)
	})
}

// FuzzClaims reads claims as if their signature were good: whatever is accepted
// says what every token must say, and is written again without loss.
func FuzzClaims(f *testing.F) {
	f.Add(payload(f, nil))
	f.Add(payload(f, map[string]any{"exp": 1, "aud": "x", "nbf": nil, "roles": nil}))
	f.Add(`{}`)
	f.Add(`{"iss":null,"exp":1e3,"aud":[[]],"iss":1}`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := jwt.ParseClaims([]byte(text))
		if err != nil {
			return
		}
		if got.Issuer == "" || got.ExpiresAt.IsZero() || got.AuthGeneration < 1 || len(got.SessionID) != 36 {
			t.Fatalf("accepted %+v", got)
		}
		written, err := jwt.WriteClaims(got)
		if err != nil {
			t.Fatal(err)
		}
		again, err := jwt.ParseClaims(written)
		if got.Roles == nil {
			got.Roles = []domain.Role{} // absent and empty are one
		}
		if len(got.AuthMethods) == 0 {
			got.AuthMethods = nil
		}
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("got %+v, %v, want %+v", again, err, got)
		}
	})
}
