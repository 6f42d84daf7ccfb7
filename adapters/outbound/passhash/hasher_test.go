package passhash_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"authserve/adapters/outbound/passhash"
	"authserve/core/domain"
)

// Settings that cost next to nothing; the tests of the defaults say so.
func cheap() passhash.Config { return passhash.Config{Argon2Memory: 64, Argon2Time: 1} }

func cheapBcrypt() passhash.Config {
	return passhash.Config{Algorithm: passhash.Bcrypt, BcryptCost: 10}
}

func password(tb testing.TB, plain string) domain.Password {
	tb.Helper()
	p, ok := domain.PresentedPassword(plain)
	if !ok {
		tb.Fatalf("%q is no legal password", plain)
	}
	return p
}

func verify(t *testing.T, pool *passhash.Pool, plain, hash string) (match, needsRehash bool) {
	t.Helper()
	match, needsRehash, err := pool.Verify(t.Context(), password(t, plain), domain.NewSecret(hash))
	if err != nil {
		t.Fatalf("Verify: %v", err)
	}
	return match, needsRehash
}

// From the test suites of the reference implementations: phc-winner-argon2
// (src/test.c, version 0x13) and crypt_blowfish (wrapper.c).
func knownAnswers() map[string]struct{ plain, hash string } {
	return map[string]struct{ plain, hash string }{
		"argon2id m=65536 t=2 p=1": {"password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"},
		"argon2id m=256 t=2 p=1":   {"password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"},
		"argon2id m=256 t=2 p=2":   {"password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"},
		"bcrypt 2a U*U":            {"U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
		"bcrypt 2b U*U":            {"U*U", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
		"bcrypt 2y U*U*":           {"U*U*", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"},
		"bcrypt 2a U*U*U":          {"U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"},
	}
}

func TestVerifyKnownAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range knownAnswers() {
		for algorithm, cfg := range map[string]passhash.Config{"argon2id": cheap(), "bcrypt": cheapBcrypt()} {
			t.Run(name+" beside "+algorithm, func(t *testing.T) {
				t.Parallel()
				pool := newPool(t, cfg)
				if match, _ := verify(t, pool, c.plain, c.hash); !match {
					t.Error("the right password does not match")
				}
				if match, _ := verify(t, pool, c.plain+"x", c.hash); match {
					t.Error("a wrong password matches")
				}
			})
		}
	}
}

func TestHashVerifies(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		cfg    passhash.Config
		prefix string
	}{
		"argon2id by default": {passhash.Config{}, "$argon2id$v=19$m=19456,t=2,p=1$"},
		"argon2id configured": {passhash.Config{Argon2Memory: 64, Argon2Time: 3, Argon2Parallelism: 2}, "$argon2id$v=19$m=64,t=3,p=2$"},
		"bcrypt":              {cheapBcrypt(), "$2a$10$"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := newPool(t, c.cfg)
			plain := "Пароль с пробелами 🔑"
			hash, err := pool.Hash(t.Context(), password(t, plain))
			if err != nil {
				t.Fatalf("Hash: %v", err)
			}
			if got := hash.Reveal(); !strings.HasPrefix(got, c.prefix) {
				t.Errorf("got %q, want the prefix %q", got, c.prefix)
			}
			if match, rehash := verify(t, pool, plain, hash.Reveal()); !match || rehash {
				t.Errorf("right password: got match %v, rehash %v, want true, false", match, rehash)
			}
			if match, _ := verify(t, pool, plain+" ", hash.Reveal()); match {
				t.Error("a longer password matches")
			}
			again, err := pool.Hash(t.Context(), password(t, plain))
			if err != nil || again == hash {
				t.Errorf("a second hash of the password: got the same, or %v", err)
			}
		})
	}
}

func TestBcryptDefaultCost(t *testing.T) {
	t.Parallel()
	pool := newPool(t, passhash.Config{Algorithm: passhash.Bcrypt})
	if got, want := pool.Dummy().Reveal()[:7], "$2a$12$"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNeedsRehash(t *testing.T) {
	t.Parallel()
	salt8, salt16 := "c29tZXNhbHQ", "c29tZXNhbHRzb21lc2FsdA"
	key16, key32 := strings.Repeat("A", 22), strings.Repeat("A", 43)
	argon := func(cost, salt, key string) string { return "$argon2id$v=19$" + cost + "$" + salt + "$" + key }
	bcrypt := func(cost int) string {
		return fmt.Sprintf("$2b$%02d$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", cost)
	}
	argonNow := passhash.Config{Argon2Memory: 64, Argon2Time: 2, Argon2Parallelism: 2}
	cases := map[string]struct {
		cfg  passhash.Config
		hash string
		want bool
	}{
		"argon2id as now":       {argonNow, argon("m=64,t=2,p=2", salt16, key32), false},
		"argon2id stronger":     {argonNow, argon("m=128,t=3,p=3", salt16, key32), false},
		"argon2id less memory":  {argonNow, argon("m=63,t=3,p=2", salt16, key32), true},
		"argon2id fewer passes": {argonNow, argon("m=128,t=1,p=2", salt16, key32), true},
		"argon2id fewer lanes":  {argonNow, argon("m=64,t=2,p=1", salt16, key32), true},
		"argon2id short salt":   {argonNow, argon("m=64,t=2,p=2", salt8, key32), true},
		"argon2id short hash":   {argonNow, argon("m=64,t=2,p=2", salt16, key16), true},
		"bcrypt under argon2id": {argonNow, bcrypt(4), true},
		"argon2id under bcrypt": {cheapBcrypt(), argon("m=64,t=2,p=2", salt16, key32), true},
		"bcrypt as now":         {cheapBcrypt(), bcrypt(10), false},
		"bcrypt stronger":       {cheapBcrypt(), bcrypt(11), false},
		"bcrypt weaker":         {cheapBcrypt(), bcrypt(9), true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, got := verify(t, newPool(t, c.cfg), "any password", c.hash); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestBcryptReadsNoMoreThan72Bytes(t *testing.T) {
	t.Parallel()
	pool := newPool(t, cheapBcrypt())
	limit := strings.Repeat("x", 72)
	hash, err := pool.Hash(t.Context(), password(t, limit))
	if err != nil {
		t.Fatalf("Hash of 72 bytes: %v", err)
	}
	if match, _ := verify(t, pool, limit, hash.Reveal()); !match {
		t.Error("72 bytes do not match")
	}
	if match, _ := verify(t, pool, limit+"x", hash.Reveal()); match {
		t.Error("73 bytes match the hash of their first 72")
	}
	_, err = pool.Hash(t.Context(), password(t, limit+"x"))
	if fields := domain.FieldsOf(err); domain.KindOf(err) != domain.KindInvalid || len(fields) != 1 || fields[0].Code != domain.CodeTooLong {
		t.Errorf("Hash of 73 bytes: got %v, want the field error %q", err, domain.CodeTooLong)
	}
	long := newPool(t, cheap())
	if _, err := long.Hash(t.Context(), password(t, limit+"x")); err != nil {
		t.Errorf("argon2id of 73 bytes: %v", err)
	}
}

//nolint:paralleltest // AllocsPerRun counts the allocations of the whole process
func TestBcryptWorksForTooLongPasswordsToo(t *testing.T) {
	work := func(plain, hash string) float64 {
		return testing.AllocsPerRun(1, func() {
			if match, err := passhash.Matches(hash, plain); match || err != nil {
				t.Errorf("got match %v, %v, want false, nil", match, err)
			}
		})
	}
	for name, hash := range map[string]string{
		"genuine": "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"dummy":   newPool(t, cheapBcrypt()).Dummy().Reveal(),
	} {
		fits, tooLong := work(strings.Repeat("x", 72), hash), work(strings.Repeat("x", 73), hash)
		if tooLong < fits/2 { // without a comparison there would be next to none
			t.Errorf("%s: got %v allocations for 73 bytes, want about the %v of a comparison", name, tooLong, fits)
		}
	}
}

func TestDummyLooksLikeAHashAndMatchesNothing(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]passhash.Config{"argon2id": cheap(), "bcrypt": cheapBcrypt()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := newPool(t, cfg)
			genuine, err := pool.Hash(t.Context(), password(t, "a good password"))
			if err != nil {
				t.Fatal(err)
			}
			dummy := pool.Dummy().Reveal()
			if len(dummy) != len(genuine.Reveal()) || settings(dummy) != settings(genuine.Reveal()) {
				t.Errorf("got %q, want the form of %q", dummy, genuine.Reveal())
			}
			if match, rehash := verify(t, pool, "a good password", dummy); match || rehash {
				t.Errorf("got match %v, rehash %v, want false, false", match, rehash)
			}
			if other := newPool(t, cfg).Dummy().Reveal(); other == dummy {
				t.Error("two pools have the same dummy")
			}
		})
	}
}

// settings is a hash without its last two parts or, for bcrypt, last part.
func settings(hash string) string {
	if strings.HasPrefix(hash, "$2") {
		return hash[:7]
	}
	return strings.Join(strings.Split(hash, "$")[:4], "$")
}

func TestUnreadableHashes(t *testing.T) {
	t.Parallel()
	const (
		salt = "c29tZXNhbHQ"
		key  = "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
		tail = "$" + salt + "$" + key
		body = "CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
	)
	b64 := func(n int) string { return strings.Repeat("A", (n*4+2)/3) }
	cases := map[string]string{
		"empty":                   "",
		"plain text":              "hunter2 hunter2",
		"argon2i":                 "$argon2i$v=19$m=64,t=1,p=1" + tail,
		"version 16":              "$argon2id$v=16$m=64,t=1,p=1" + tail,
		"no version":              "$argon2id$m=64,t=1,p=1" + tail,
		"memory above 256 MiB":    "$argon2id$v=19$m=262145,t=1,p=1" + tail,
		"memory beyond 32 bits":   "$argon2id$v=19$m=4294967360,t=1,p=1" + tail,
		"memory below 8 per lane": "$argon2id$v=19$m=15,t=1,p=2" + tail,
		"no passes":               "$argon2id$v=19$m=64,t=0,p=1" + tail,
		"11 passes":               "$argon2id$v=19$m=64,t=11,p=1" + tail,
		"no lanes":                "$argon2id$v=19$m=64,t=1,p=0" + tail,
		"9 lanes":                 "$argon2id$v=19$m=256,t=1,p=9" + tail,
		"257 lanes":               "$argon2id$v=19$m=4096,t=1,p=257" + tail,
		"leading zero":            "$argon2id$v=19$m=064,t=1,p=1" + tail,
		"plus sign":               "$argon2id$v=19$m=+64,t=1,p=1" + tail,
		"other order":             "$argon2id$v=19$t=1,m=64,p=1" + tail,
		"extra parameter":         "$argon2id$v=19$m=64,t=1,p=1,keyid=AAAA" + tail,
		"missing parameter":       "$argon2id$v=19$m=64,t=1" + tail,
		"extra part":              "$argon2id$v=19$m=64,t=1,p=1" + tail + "$",
		"space in front":          " $argon2id$v=19$m=64,t=1,p=1" + tail,
		"line break at the end":   "$argon2id$v=19$m=64,t=1,p=1" + tail + "\n",
		"padding":                 "$argon2id$v=19$m=64,t=1,p=1" + tail + "=",
		"url alphabet":            "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$_" + key[1:],
		"loose last bits":         "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key[:42] + "d",
		"salt of 7 bytes":         "$argon2id$v=19$m=64,t=1,p=1$" + b64(7) + "$" + key,
		"salt of 65 bytes":        "$argon2id$v=19$m=64,t=1,p=1$" + b64(65) + "$" + key,
		"hash of 15 bytes":        "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + b64(15),
		"hash of 65 bytes":        "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + b64(65),
		"very long":               "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + b64(1<<20),
		"bcrypt without variant":  "$2$05$" + body + "C",
		"bcrypt 2x":               "$2x$05$" + body,
		"bcrypt 3a":               "$3a$05$" + body,
		"bcrypt cost 3":           "$2a$03$" + body,
		"bcrypt cost 16":          "$2a$16$" + body,
		"bcrypt cost 31":          "$2a$31$" + body,
		"bcrypt cost not digits":  "$2a$+5$" + body,
		"bcrypt too short":        "$2a$05$" + body[:52],
		"bcrypt too long":         "$2a$05$" + body + "W",
		"bcrypt bad character":    "$2a$05$" + body[:40] + "!" + body[41:],
		"bcrypt loose salt bits":  "$2a$05$" + body[:21] + "/" + body[22:],
		"bcrypt loose hash bits":  "$2a$05$" + body[:52] + "X",
	}
	pool := newPool(t, cheap())
	for name, hash := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			match, rehash, err := pool.Verify(t.Context(), password(t, "password"), domain.NewSecret(hash))
			var e *domain.Error
			if match || rehash || !errors.As(err, &e) || e.Kind != domain.KindInternal {
				t.Fatalf("got %v, %v, %v, want an error of KindInternal", match, rehash, err)
			}
			for _, part := range []string{salt, key, body, "hunter2", "AAAA"} {
				if strings.Contains(err.Error(), part) {
					t.Errorf("the error shows a part of the hash: %v", err)
				}
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range knownAnswers() {
		f.Add(c.hash)
	}
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=4294967296,t=0,p=256$$")
	f.Add("$2a$31$")
	f.Fuzz(func(t *testing.T, in string) {
		out, err := passhash.ParseAndEncode(in)
		if err == nil && out != in {
			t.Fatalf("%q was accepted and is written %q", in, out)
		}
		if err != nil && domain.KindOf(err) != domain.KindInternal {
			t.Fatalf("got %v, want KindInternal", err)
		}
	})
}

func BenchmarkHash(b *testing.B) {
	for name, cfg := range map[string]passhash.Config{
		"argon2id": {}, "bcrypt12": {Algorithm: passhash.Bcrypt},
	} {
		b.Run(name, func(b *testing.B) {
			pool := newPool(b, cfg)
			p := password(b, "a good password")
			for b.Loop() {
				if _, err := pool.Hash(b.Context(), p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
