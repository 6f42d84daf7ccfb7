package jwt_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"authserve/adapters/outbound/jwt"
	"authserve/core/domain"
	"authserve/ports"
)

const (
	keyID     = domain.ID("01890a5d-ac96-774b-bcce-b302099a8057")
	otherID   = domain.ID("01890a5d-ac96-774b-bcce-b302099a8058")
	issuer    = "https://auth.example"
	audience  = "https://api.example"
	accountID = domain.ID("01890a5d-ac96-774b-bcce-000000000001")
	tokenID   = domain.ID("01890a5d-ac96-774b-bcce-000000000002")
	sessionID = domain.ID("01890a5d-ac96-774b-bcce-000000000003")
)

func algorithms() []domain.Algorithm {
	return []domain.Algorithm{domain.ES256, domain.EdDSA, domain.RS256}
}

func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func sampleClaims() domain.Claims {
	now := start()
	return domain.Claims{
		Issuer: issuer, Audience: []string{audience}, Subject: accountID,
		ExpiresAt: now.Add(10 * time.Minute), IssuedAt: now, NotBefore: now,
		TokenID: tokenID, SessionID: sessionID, ClientID: domain.FirstPartyClient,
		Scope: "profile", Roles: []domain.Role{domain.RoleUser}, AuthTime: now.Add(-time.Hour),
		AuthMethods: []string{"pwd"}, AuthGeneration: 7,
	}
}

func expectation() ports.TokenExpectation {
	return ports.TokenExpectation{Issuer: issuer, Audience: audience, Now: start().Add(time.Minute), Leeway: 30 * time.Second}
}

// pair is one key pair with the adapter's own ends of it.
type pair struct {
	private  crypto.Signer
	public   []byte
	signer   ports.TokenSigner
	verifier ports.TokenVerifier
}

// pairs makes each key pair once: RSA keys take long.
var pairs = map[domain.Algorithm]func() (pair, error){
	domain.ES256: sync.OnceValues(func() (pair, error) { return makePair(domain.ES256) }),
	domain.EdDSA: sync.OnceValues(func() (pair, error) { return makePair(domain.EdDSA) }),
	domain.RS256: sync.OnceValues(func() (pair, error) { return makePair(domain.RS256) }),
}

func makePair(alg domain.Algorithm) (pair, error) {
	codec := jwt.New()
	private, public, err := codec.Generate(context.Background(), alg)
	if err != nil {
		return pair{}, err
	}
	signer, err := codec.Signer(keyID, alg, private)
	if err != nil {
		return pair{}, err
	}
	verifier, err := codec.Verifier(keyID, alg, public)
	if err != nil {
		return pair{}, err
	}
	key, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		return pair{}, err
	}
	pairOf, ok := key.(crypto.Signer)
	if !ok {
		return pair{}, errors.New("the private key does not sign")
	}
	return pair{private: pairOf, public: public, signer: signer, verifier: verifier}, nil
}

func pairFor(tb testing.TB, alg domain.Algorithm) pair {
	tb.Helper()
	p, err := pairs[alg]()
	if err != nil {
		tb.Fatalf("key pair for %s: %v", alg, err)
	}
	return p
}

func sign(tb testing.TB, alg domain.Algorithm, c domain.Claims) string {
	tb.Helper()
	token, err := pairFor(tb, alg).signer.Sign(c)
	if err != nil {
		tb.Fatalf("Sign: %v", err)
	}
	return token.Reveal()
}

// craft signs any header and payload with the key of alg, past the adapter.
func craft(tb testing.TB, alg domain.Algorithm, header, payload string) string {
	tb.Helper()
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	private := pairFor(tb, alg).private
	digest := sha256.Sum256([]byte(input))
	var signature []byte
	var err error
	switch key := private.(type) {
	case *ecdsa.PrivateKey:
		r, s, signErr := ecdsa.Sign(rand.Reader, key, digest[:])
		signature, err = make([]byte, 64), signErr
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
	case ed25519.PrivateKey:
		signature = ed25519.Sign(key, []byte(input))
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	}
	if err != nil {
		tb.Fatal(err)
	}
	return input + "." + b64(signature)
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func headerFor(alg domain.Algorithm) string {
	return `{"alg":"` + string(alg) + `","kid":"` + string(keyID) + `","typ":"at+jwt"}`
}

// payload is the payload of the sample claims, with changes: a nil value removes.
func payload(tb testing.TB, changes map[string]any) string {
	tb.Helper()
	part := strings.Split(sign(tb, domain.EdDSA, sampleClaims()), ".")[1]
	text, _ := base64.RawURLEncoding.DecodeString(part)
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		tb.Fatal(err)
	}
	for name, value := range changes {
		all[name] = value
		if value == nil {
			delete(all, name)
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

func wantCode(t *testing.T, err error, want domain.Code) {
	t.Helper()
	if err == nil || domain.CodeOf(err) != want || domain.KindOf(err) != domain.KindUnauthenticated {
		t.Errorf("got %v, want the code %q", err, want)
	}
}

func TestSignedTokenVerifies(t *testing.T) {
	t.Parallel()
	minimal := sampleClaims()
	minimal.NotBefore, minimal.AuthTime, minimal.Scope, minimal.AuthMethods, minimal.Roles = time.Time{}, time.Time{}, "", nil, []domain.Role{}
	several := sampleClaims()
	several.Audience = []string{"https://other.example", audience}
	several.Roles = []domain.Role{domain.RoleAdmin, "a<b>&c"}
	for _, alg := range algorithms() {
		for name, want := range map[string]domain.Claims{"all claims": sampleClaims(), "required claims": minimal, "several values": several} {
			t.Run(string(alg)+" "+name, func(t *testing.T) {
				t.Parallel()
				token := sign(t, alg, want)
				if got, err := jwt.New().KeyID(token); err != nil || got != keyID {
					t.Errorf("KeyID: got %q, %v, want %q", got, err, keyID)
				}
				got, err := pairFor(t, alg).verifier.Verify(token, expectation())
				if err != nil {
					t.Fatalf("Verify: %v", err)
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("got  %+v\nwant %+v", got, want)
				}
			})
		}
	}
}

func TestWireForm(t *testing.T) {
	t.Parallel()
	c := sampleClaims()
	c.IssuedAt = c.IssuedAt.Add(999 * time.Millisecond)
	parts := strings.Split(sign(t, domain.ES256, c), ".")
	for i, want := range []string{
		headerFor(domain.ES256),
		`{"iss":"https://auth.example","aud":["https://api.example"],"sub":"` + string(accountID) +
			`","exp":1772367000,"iat":1772366400,"nbf":1772366400,"jti":"` + string(tokenID) + `","sid":"` + string(sessionID) +
			`","client_id":"first-party","scope":"profile","roles":["user"],"auth_time":1772362800,"amr":["pwd"],"ver":7}`,
	} {
		if got, _ := base64.RawURLEncoding.DecodeString(parts[i]); string(got) != want {
			t.Errorf("part %d: got  %s\nwant %s", i, got, want)
		}
	}
}

// The signatures are what other implementations expect (RFC 7518 sections 3.3 and
// 3.4, RFC 8037 section 3.1), checked by the standard library alone.
func TestSignaturesAreStandard(t *testing.T) {
	t.Parallel()
	for _, alg := range algorithms() {
		token := sign(t, alg, sampleClaims())
		cut := strings.LastIndex(token, ".")
		signature, _ := base64.RawURLEncoding.DecodeString(token[cut+1:])
		digest := sha256.Sum256([]byte(token[:cut]))
		key, err := x509.ParsePKIXPublicKey(pairFor(t, alg).public)
		if err != nil {
			t.Fatal(err)
		}
		good := false
		switch key := key.(type) {
		case *ecdsa.PublicKey:
			r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
			good = key.Curve == elliptic.P256() && len(signature) == 64 && ecdsa.Verify(key, digest[:], r, s)
		case ed25519.PublicKey:
			good = ed25519.Verify(key, []byte(token[:cut]), signature)
		case *rsa.PublicKey:
			good = key.N.BitLen() == 3072 && rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
		}
		if !good {
			t.Errorf("%s: the standard library refuses the signature or the key", alg)
		}
	}
}

func TestSignRefusesWhatNoVerifierAccepts(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*domain.Claims){
		"no subject":        func(c *domain.Claims) { c.Subject = "" },
		"subject not an ID": func(c *domain.Claims) { c.Subject = "root" },
		"no audience":       func(c *domain.Claims) { c.Audience = nil },
		"no expiry":         func(c *domain.Claims) { c.ExpiresAt = time.Time{} },
		"no session":        func(c *domain.Claims) { c.SessionID = "" },
		"no generation":     func(c *domain.Claims) { c.AuthGeneration = 0 },
		"65 roles":          func(c *domain.Claims) { c.Roles = make([]domain.Role, 65) },
		"over 8 KiB":        func(c *domain.Claims) { c.Scope = strings.Repeat("s", 8<<10) },
	} {
		c := sampleClaims()
		change(&c)
		if _, err := pairFor(t, domain.EdDSA).signer.Sign(c); err == nil || domain.KindOf(err) != domain.KindInternal {
			t.Errorf("%s: got %v, want an internal error", name, err)
		}
	}
}

func TestUnfitKeysAreRefused(t *testing.T) {
	t.Parallel()
	encode := func(key crypto.Signer) (private, public []byte) {
		private, errPrivate := x509.MarshalPKCS8PrivateKey(key)
		public, errPublic := x509.MarshalPKIXPublicKey(key.Public())
		if err := errors.Join(errPrivate, errPublic); err != nil {
			t.Fatal(err)
		}
		return private, public
	}
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		id  domain.ID
		alg domain.Algorithm
		key crypto.Signer
	}{
		"RSA of 2048 bits":    {keyID, domain.RS256, weak},
		"P-384 for ES256":     {keyID, domain.ES256, p384},
		"Ed25519 for ES256":   {keyID, domain.ES256, pairFor(t, domain.EdDSA).private},
		"P-256 for EdDSA":     {keyID, domain.EdDSA, pairFor(t, domain.ES256).private},
		"P-256 for RS256":     {keyID, domain.RS256, pairFor(t, domain.ES256).private},
		"algorithm none":      {keyID, "none", pairFor(t, domain.ES256).private},
		"algorithm HS256":     {keyID, "HS256", pairFor(t, domain.ES256).private},
		"no algorithm":        {keyID, "", pairFor(t, domain.ES256).private},
		"a kid that is no ID": {"key-1", domain.ES256, pairFor(t, domain.ES256).private},
	}
	for name, c := range cases {
		private, public := encode(c.key)
		if _, err := jwt.New().Signer(c.id, c.alg, private); err == nil {
			t.Errorf("%s: a signer was made", name)
		}
		if _, err := jwt.New().Verifier(c.id, c.alg, public); err == nil {
			t.Errorf("%s: a verifier was made", name)
		}
	}
	for _, junk := range [][]byte{nil, {}, []byte("secret junk"), bytes.Repeat([]byte{0x30}, 100)} {
		if _, err := jwt.New().Signer(keyID, domain.ES256, junk); err == nil || strings.Contains(err.Error(), "junk") {
			t.Errorf("Signer of %q: got %v", junk, err)
		}
		if _, err := jwt.New().Verifier(keyID, domain.ES256, junk); err == nil {
			t.Errorf("Verifier of %q was made", junk)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := jwt.New().Generate(ended, domain.ES256); !errors.Is(err, context.Canceled) {
		t.Errorf("Generate with an ended context: got %v, want context.Canceled", err)
	}
	if _, _, err := jwt.New().Generate(t.Context(), "HS256"); err == nil {
		t.Error("a key for HS256 was made")
	}
}

func BenchmarkSign(b *testing.B) {
	for _, alg := range algorithms() {
		b.Run(string(alg), func(b *testing.B) {
			signer, claims := pairFor(b, alg).signer, sampleClaims()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := signer.Sign(claims); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, alg := range algorithms() {
		b.Run(string(alg), func(b *testing.B) {
			verifier, token, expect := pairFor(b, alg).verifier, sign(b, alg, sampleClaims()), expectation()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := verifier.Verify(token, expect); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkKeyID(b *testing.B) {
	token := sign(b, domain.EdDSA, sampleClaims())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := jwt.New().KeyID(token); err != nil {
			b.Fatal(err)
		}
	}
}
