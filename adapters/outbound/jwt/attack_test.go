package jwt_test

import (
	"crypto"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"authserve/adapters/outbound/jwt"
	"authserve/core/domain"
	"authserve/ports"
)

// Attacks by the header (RFC 8725 sections 2.1, 2.2, 2.8, 2.9), each signed by
// the right key where that is possible.
func TestHeaderAttacks(t *testing.T) {
	t.Parallel()
	const id = `"kid":"` + string(keyID) + `"`
	cases := map[string]struct {
		header string
		form   bool // KeyID refuses it too
	}{
		"typ JWT":               {`{"alg":"ES256",` + id + `,"typ":"JWT"}`, true},
		"typ of an ID token":    {`{"alg":"ES256",` + id + `,"typ":"id+jwt"}`, true},
		"typ of a logout token": {`{"alg":"ES256",` + id + `,"typ":"logout+jwt"}`, true},
		"no typ":                {`{"alg":"ES256",` + id + `}`, true},
		"typ null":              {`{"alg":"ES256",` + id + `,"typ":null}`, true},
		"typ in a list":         {`{"alg":"ES256",` + id + `,"typ":["at+jwt"]}`, true},
		"TYP":                   {`{"alg":"ES256",` + id + `,"TYP":"at+jwt"}`, true},
		"crit":                  {`{"alg":"ES256",` + id + `,"typ":"at+jwt","crit":["exp"]}`, true},
		"crit b64":              {`{"alg":"ES256",` + id + `,"typ":"at+jwt","b64":false,"crit":["b64"]}`, true},
		"crit empty":            {`{"alg":"ES256",` + id + `,"typ":"at+jwt","crit":[]}`, true},
		"crit null":             {`{"alg":"ES256",` + id + `,"typ":"at+jwt","crit":null}`, true},
		"no kid":                {`{"alg":"ES256","typ":"at+jwt"}`, true},
		"kid a path":            {`{"alg":"ES256","kid":"../../dev/null","typ":"at+jwt"}`, true},
		"kid SQL":               {`{"alg":"ES256","kid":"x' UNION SELECT 'key'--","typ":"at+jwt"}`, true},
		"kid a number":          {`{"alg":"ES256","kid":1,"typ":"at+jwt"}`, true},
		"kid in upper case":     {`{"alg":"ES256","kid":"` + strings.ToUpper(string(keyID)) + `","typ":"at+jwt"}`, true},
		"kid twice":             {`{"alg":"ES256",` + id + `,` + id + `,"typ":"at+jwt"}`, true},
		"alg twice":             {`{"alg":"none","alg":"ES256",` + id + `,"typ":"at+jwt"}`, true},
		"invalid UTF-8":         {"{\"alg\":\"ES256\"," + id + ",\"typ\":\"at+jwt\",\"x\":\"\xff\"}", true},
		"trailing data":         {headerFor(domain.ES256) + "{}", true},
		"no object":             {`["ES256"]`, true},
		"null":                  {`null`, true},
		"nothing":               {``, true},
		"deep nesting":          {`{"x":` + strings.Repeat("[", 5000), true},
		"another kid":           {`{"alg":"ES256","kid":"` + string(otherID) + `","typ":"at+jwt"}`, false},
		"alg none":              {`{"alg":"none",` + id + `,"typ":"at+jwt"}`, false},
		"alg NoNe":              {`{"alg":"NoNe",` + id + `,"typ":"at+jwt"}`, false},
		"alg of another key":    {`{"alg":"RS256",` + id + `,"typ":"at+jwt"}`, false},
		"alg ES384":             {`{"alg":"ES384",` + id + `,"typ":"at+jwt"}`, false},
		"alg in lower case":     {`{"alg":"es256",` + id + `,"typ":"at+jwt"}`, false},
		"no alg":                {`{` + id + `,"typ":"at+jwt"}`, false},
		"alg null":              {`{"alg":null,` + id + `,"typ":"at+jwt"}`, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token := craft(t, domain.ES256, c.header, payload(t, nil))
			_, err := pairFor(t, domain.ES256).verifier.Verify(token, expectation())
			wantCode(t, err, domain.CodeInvalidToken)
			got, err := jwt.New().KeyID(token)
			if c.form {
				wantCode(t, err, domain.CodeInvalidToken)
			} else if err != nil || got == "" {
				t.Errorf("KeyID: got %q, %v, want the kid", got, err)
			}
		})
	}
}

func TestKeyIDReadsOneSpellingOnly(t *testing.T) {
	t.Parallel()
	header := headerFor(domain.ES256)
	for len(header)%3 != 1 { // then the last character has bits that no byte depends on
		header += " "
	}
	encoded := b64([]byte(header))
	if _, err := jwt.New().KeyID(encoded + ".e30.AAAA"); err != nil {
		t.Errorf("the canonical spelling: %v", err)
	}
	_, err := jwt.New().KeyID(loosen(encoded) + ".e30.AAAA")
	wantCode(t, err, domain.CodeInvalidToken)
}

func TestHarmlessHeadersAreAccepted(t *testing.T) {
	t.Parallel()
	const rest = `"alg":"ES256","kid":"` + string(keyID) + `"`
	for name, header := range map[string]string{
		"full media type":      `{` + rest + `,"typ":"application/at+jwt"}`,
		"typ in upper case":    `{` + rest + `,"typ":"AT+JWT"}`,
		"key pointers ignored": `{` + rest + `,"typ":"at+jwt","jku":"https://evil.example","x5u":"https://evil.example","x5c":["AA"],"jwk":{"kty":"oct","k":"AA"}}`,
	} {
		token := craft(t, domain.ES256, header, payload(t, nil))
		if _, err := pairFor(t, domain.ES256).verifier.Verify(token, expectation()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The key of the attacker inside the header changes nothing.
func TestEmbeddedKeyIsNotUsed(t *testing.T) {
	t.Parallel()
	header := `{"alg":"EdDSA","kid":"` + string(keyID) + `","typ":"at+jwt","jwk":{"kty":"OKP","crv":"Ed25519","x":"` +
		b64(pairFor(t, domain.EdDSA).public[12:]) + `"}}`
	_, public, err := jwt.New().Generate(t.Context(), domain.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := jwt.New().Verifier(keyID, domain.EdDSA, public)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ours.Verify(craft(t, domain.EdDSA, header, payload(t, nil)), expectation())
	wantCode(t, err, domain.CodeInvalidToken)
}

// RFC 8725 section 2.1: a MAC keyed with the public key, in every form an
// attacker can get it.
func TestKeyConfusion(t *testing.T) {
	t.Parallel()
	for _, alg := range algorithms() {
		public := pairFor(t, alg).public
		for form, key := range map[string][]byte{
			"DER": public,
			"PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
		} {
			for _, claimed := range []string{"HS256", string(alg)} {
				header := `{"alg":"` + claimed + `","kid":"` + string(keyID) + `","typ":"at+jwt"}`
				input := b64([]byte(header)) + "." + b64([]byte(payload(t, nil)))
				mac := hmac.New(sha256.New, key)
				mac.Write([]byte(input))
				_, err := pairFor(t, alg).verifier.Verify(input+"."+b64(mac.Sum(nil)), expectation())
				if domain.CodeOf(err) != domain.CodeInvalidToken {
					t.Errorf("%s key as %s, alg %s: got %v", alg, form, claimed, err)
				}
			}
		}
	}
}

func TestSignatureAttacks(t *testing.T) {
	t.Parallel()
	for _, alg := range algorithms() {
		token := sign(t, alg, sampleClaims())
		cut := strings.LastIndex(token, ".") + 1
		signature, _ := base64.RawURLEncoding.DecodeString(token[cut:])
		for name, forged := range map[string]string{
			"none":           token[:cut],
			"zeros":          token[:cut] + b64(make([]byte, len(signature))), // CVE-2022-21449
			"one byte":       token[:cut] + b64([]byte{0}),
			"cut":            token[:cut] + b64(signature[:len(signature)-1]),
			"longer":         token[:cut] + b64(append(signature, 0)),
			"padded":         token + "=",
			"a line break":   token + "\n",
			"break inside":   token[:cut+4] + "\r\n" + token[cut+4:],
			"of other token": token[:cut] + strings.Split(craft(t, alg, headerFor(alg), payload(t, map[string]any{"ver": 8})), ".")[2],
			"claims changed": strings.Split(token, ".")[0] + "." + b64([]byte(payload(t, map[string]any{"ver": 8}))) + "." + token[cut:],
		} {
			_, err := pairFor(t, alg).verifier.Verify(forged, expectation())
			if domain.CodeOf(err) != domain.CodeInvalidToken {
				t.Errorf("%s, signature %s: got %v, want invalid_token", alg, name, err)
			}
		}
	}
}

// ES256 has a second signature for everything signed; the DER form is another
// format and refused. That the second is accepted is harmless, because nothing
// recognises tokens by their bytes, and stated here so that nobody starts to.
func TestSecondES256Signature(t *testing.T) {
	t.Parallel()
	token := sign(t, domain.ES256, sampleClaims())
	cut := strings.LastIndex(token, ".") + 1
	signature, _ := base64.RawURLEncoding.DecodeString(token[cut:])
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(signature[32:])
	if _, err := pairFor(t, domain.ES256).verifier.Verify(token[:cut]+b64(signature), expectation()); err != nil {
		t.Errorf("the second signature: %v", err)
	}
	digest := sha256.Sum256([]byte(token[:cut-1]))
	der, err := pairFor(t, domain.ES256).private.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	_, err = pairFor(t, domain.ES256).verifier.Verify(token[:cut]+b64(der), expectation())
	wantCode(t, err, domain.CodeInvalidToken)
}

func TestFormAttacks(t *testing.T) {
	t.Parallel()
	token := sign(t, domain.ES256, sampleClaims())
	for name, forged := range map[string]string{
		"empty":           "",
		"dots":            "..",
		"one part":        strings.Split(token, ".")[0],
		"two parts":       token[:strings.LastIndex(token, ".")],
		"four parts":      token + ".AAAA",
		"five parts":      "A.A.A.A.A",
		"space in front":  " " + token,
		"JSON form":       `{"payload":"` + token + `"}`,
		"std alphabet":    "+/" + token[2:],
		"loose last bits": loosen(token),
		"over 8 KiB":      token + strings.Repeat("A", 8<<10),
		"a MiB of dots":   strings.Repeat(".", 1<<20),
		"NUL":             token + "\x00",
		"invalid UTF-8":   token[:9] + "\xff" + token[10:],
	} {
		_, err := pairFor(t, domain.ES256).verifier.Verify(forged, expectation())
		if domain.CodeOf(err) != domain.CodeInvalidToken {
			t.Errorf("%s: got %v, want invalid_token", name, err)
		}
		if err != nil && strings.Contains(err.Error(), token[:20]) {
			t.Errorf("%s: the error shows the token", name)
		}
	}
}

// loosen sets a bit of the last character that no byte depends on. A signature of
// 64 bytes leaves four such bits.
func loosen(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(token) - 1
	return token[:last] + string(alphabet[strings.IndexByte(alphabet, token[last])+1])
}

func TestClaimAttacks(t *testing.T) {
	t.Parallel()
	many := func(n int) []string { return strings.Split(strings.Repeat("x,", n-1)+"x", ",") }
	cases := map[string]map[string]any{
		"issuer":                {"iss": "https://evil.example"},
		"issuer with a slash":   {"iss": issuer + "/"},
		"issuer in upper case":  {"iss": strings.ToUpper(issuer)},
		"issuer a list":         {"iss": []string{issuer}},
		"audience":              {"aud": "https://other.example"},
		"audience prefix":       {"aud": audience + ".evil.example"},
		"audience empty":        {"aud": ""},
		"audience empty list":   {"aud": []string{}},
		"audience of numbers":   {"aud": []int{1}},
		"17 audiences":          {"aud": append(many(16), audience)},
		"subject not an ID":     {"sub": "root"},
		"subject a number":      {"sub": 1},
		"session not an ID":     {"sid": "1"},
		"jti not an ID":         {"jti": "1"},
		"client empty":          {"client_id": ""},
		"generation zero":       {"ver": 0},
		"generation negative":   {"ver": -1},
		"generation text":       {"ver": "7"},
		"expiry text":           {"exp": "1772367000"},
		"expiry fraction":       {"exp": 1772367000.5},
		"expiry negative":       {"exp": -1},
		"expiry beyond 9999":    {"exp": 253402300800},
		"expiry beyond 64 bits": {"exp": 1e300},
		"expiry largest":        {"exp": int64(1<<63 - 1)},
		"issued beyond 64 bits": {"iat": 1e19},
		"not before negative":   {"nbf": -1},
		"65 roles":              {"roles": many(65)},
		"a role of 65 bytes":    {"roles": []string{strings.Repeat("r", 65)}},
		"an empty role":         {"roles": []string{""}},
		"roles a text":          {"roles": "admin"},
		"17 methods":            {"amr": many(17)},
	}
	for _, name := range []string{"iss", "exp", "aud", "sub", "client_id", "iat", "jti", "sid", "ver"} {
		cases["no "+name] = map[string]any{name: nil}
	}
	for name, changes := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pairFor(t, domain.ES256).verifier.Verify(craft(t, domain.ES256, headerFor(domain.ES256), payload(t, changes)), expectation())
			wantCode(t, err, domain.CodeInvalidToken)
		})
	}
	good := payload(t, nil)
	for name, text := range map[string]string{
		"null":            "null",
		"nothing":         "",
		"a list":          "[" + good + "]",
		"trailing data":   good + "{}",
		"sub twice":       `{"sub":"` + string(accountID) + `",` + good[1:],
		"unknown twice":   `{"x":1,"x":2,` + good[1:],
		"SUB beside sub":  `{"SUB":"` + string(sessionID) + `",` + strings.Replace(good[1:], `"sub"`, `"Sub"`, 1),
		"exp null":        strings.Replace(good, `"exp":1772367000`, `"exp":null`, 1),
		"invalid UTF-8":   "{\"x\":\"\xff\"," + good[1:],
		"lone surrogate":  `{"x":"\ud800",` + good[1:],
		"over 8 KiB in x": `{"x":"` + strings.Repeat("x", 8<<10) + `",` + good[1:],
	} {
		token := craft(t, domain.ES256, headerFor(domain.ES256), text)
		_, err := pairFor(t, domain.ES256).verifier.Verify(token, expectation())
		if domain.CodeOf(err) != domain.CodeInvalidToken {
			t.Errorf("%s: got %v, want invalid_token", name, err)
		}
	}
}

func TestHarmlessClaimsAreAccepted(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"audience as a text":   payload(t, map[string]any{"aud": audience}),
		"an unknown claim":     payload(t, map[string]any{"azp": "x"}),
		"a deep unknown claim": `{"x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `,` + payload(t, nil)[1:],
	} {
		token := craft(t, domain.ES256, headerFor(domain.ES256), text)
		if _, err := pairFor(t, domain.ES256).verifier.Verify(token, expectation()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTimesWithLeewayInBothDirections(t *testing.T) {
	t.Parallel()
	const leeway = 30 * time.Second
	exp := sampleClaims().ExpiresAt
	cases := map[string]struct {
		now     time.Time
		changes map[string]any
		want    domain.Code // empty: accepted
	}{
		"at expiry":                      {exp, nil, ""},
		"just inside the leeway":         {exp.Add(leeway - time.Microsecond), nil, ""},
		"at the end of the leeway":       {exp.Add(leeway), nil, domain.CodeTokenExpired},
		"a year later":                   {exp.AddDate(1, 0, 0), nil, domain.CodeTokenExpired},
		"at issue":                       {start(), nil, ""},
		"clock behind, inside leeway":    {start().Add(-leeway), nil, ""},
		"clock behind, outside leeway":   {start().Add(-leeway - time.Microsecond), nil, domain.CodeInvalidToken},
		"issued ahead, inside leeway":    {start(), map[string]any{"iat": start().Add(leeway).Unix()}, ""},
		"issued ahead, outside leeway":   {start(), map[string]any{"iat": start().Add(leeway + time.Second).Unix()}, domain.CodeInvalidToken},
		"not before, inside leeway":      {start(), map[string]any{"nbf": start().Add(leeway).Unix()}, ""},
		"not before, outside leeway":     {start(), map[string]any{"nbf": start().Add(leeway + time.Second).Unix()}, domain.CodeInvalidToken},
		"no not before":                  {start(), map[string]any{"nbf": nil}, ""},
		"expired and of another issuer":  {exp.Add(time.Hour), map[string]any{"iss": "x"}, domain.CodeInvalidToken},
		"expired and without a session":  {exp.Add(time.Hour), map[string]any{"sid": nil}, domain.CodeInvalidToken},
		"expired and for another reader": {exp.Add(time.Hour), map[string]any{"aud": "x"}, domain.CodeInvalidToken},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expect := expectation()
			expect.Now, expect.Leeway = c.now, leeway
			_, err := pairFor(t, domain.EdDSA).verifier.Verify(craft(t, domain.EdDSA, headerFor(domain.EdDSA), payload(t, c.changes)), expect)
			if c.want != "" {
				wantCode(t, err, c.want)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestForgedExpiredTokenIsInvalidNotExpired(t *testing.T) {
	t.Parallel()
	token := sign(t, domain.ES256, sampleClaims())
	expect := expectation()
	expect.Now = expect.Now.AddDate(1, 0, 0)
	_, err := pairFor(t, domain.ES256).verifier.Verify(token[:len(token)-86]+strings.Repeat("A", 86), expect)
	wantCode(t, err, domain.CodeInvalidToken)
}

func TestAnOpenExpectationIsABug(t *testing.T) {
	t.Parallel()
	token := sign(t, domain.ES256, sampleClaims())
	noIssuer, noAudience := expectation(), expectation()
	noIssuer.Issuer, noAudience.Audience = "", ""
	for _, expect := range []ports.TokenExpectation{noIssuer, noAudience} {
		if _, err := pairFor(t, domain.ES256).verifier.Verify(token, expect); err == nil || domain.KindOf(err) != domain.KindInternal {
			t.Errorf("%+v: got %v, want an internal error", expect, err)
		}
	}
}

func TestAnyChangedCharacterIsRefused(t *testing.T) {
	t.Parallel()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=\n "
	for _, alg := range algorithms() {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			verifier, token := pairFor(t, alg).verifier, sign(t, alg, sampleClaims())
			rapid.Check(t, func(t *rapid.T) {
				i := rapid.IntRange(0, len(token)-1).Draw(t, "position")
				c := alphabet[rapid.IntRange(0, len(alphabet)-1).Draw(t, "character")]
				changed := rapid.SampledFrom([]string{
					token[:i] + string(c) + token[i+1:], token[:i] + string(c) + token[i:], token[:i] + token[i+1:],
				}).Draw(t, "changed")
				if changed == token {
					t.Skip("unchanged")
				}
				if _, err := verifier.Verify(changed, expectation()); domain.CodeOf(err) != domain.CodeInvalidToken {
					t.Fatalf("got %v, want invalid_token", err)
				}
			})
		})
	}
}
