package scheme_test

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"authserve/adapters/outbound/passhash/scheme"
	"authserve/ports/fake"
)

// everyScheme is the cheapest settings of each scheme, with the metric's label.
func everyScheme() map[string]string {
	return map[string]string{
		"$argon2id$v=19$m=64,t=1,p=2":   "argon2id",
		"$argon2i$v=19$m=64,t=1,p=1":    "argon2i",
		"$2a$04":                        "bcrypt",
		"$2b$04":                        "bcrypt",
		"$2y$04":                        "bcrypt",
		"$bcrypt-sha256$v=1,t=2a,r=4":   "bcrypt-sha256",
		"$bcrypt-sha256$v=2,t=2b,r=4":   "bcrypt-sha256",
		"$bcrypt-sha256$v=hex,t=2b,r=4": "bcrypt-sha256",
		"$scrypt$ln=8,r=8,p=2":          "scrypt",
		"$fbscrypt$n=8,r=8":             "fbscrypt",
		"$pbkdf2-sha1$i=2":              "pbkdf2-sha1",
		"$pbkdf2-sha256$i=2":            "pbkdf2-sha256",
		"$pbkdf2-sha512$i=2":            "pbkdf2-sha512",
		"$5$rounds=1000":                "sha256-crypt",
		"$6$rounds=1000":                "sha512-crypt",
		"$ssha256":                      "ssha256",
		"$ssha512":                      "ssha512",
	}
}

func settings(tb testing.TB, text string) scheme.Settings {
	tb.Helper()
	s, err := scheme.ParseSettings(text)
	if err != nil {
		tb.Fatalf("ParseSettings(%q): %v", text, err)
	}
	return s
}

func TestDummies(t *testing.T) {
	t.Parallel()
	for text, algorithm := range everyScheme() {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			random := new(fake.Random)
			s := settings(t, text)
			dummy := s.Dummy(random.Bytes)
			if got, err := scheme.Parse(dummy.String()); err != nil || got != dummy {
				t.Errorf("Parse(%q): got %v, %v, want the dummy", dummy, got, err)
			}
			if dummy.Settings() != s || dummy.Algorithm() != algorithm || s.Algorithm() != algorithm {
				t.Errorf("got settings %v of %q, want %v of %q", dummy.Settings(), dummy.Algorithm(), s, algorithm)
			}
			for _, plain := range []string{"", "a good password", strings.Repeat("x", 1024)} {
				if matches(t, dummy, plain) {
					t.Errorf("a password of %d bytes matches", len(plain))
				}
			}
			if s.Dummy(random.Bytes) == dummy {
				t.Error("two dummies are the same")
			}
		})
	}
}

// TestDummiesHaveTheFormOfHashes holds the sizes of dummies against those of hashes of
// the programs' defaults: they are what the work depends on beside the settings.
func TestDummiesHaveTheFormOfHashes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"bcrypt 2b", "bcrypt-sha256 1", "bcrypt-sha256 2", "Django bcrypt_sha256", "passlib scrypt", "Firebase",
		"passlib pbkdf2", "passlib pbkdf2 256", "passlib pbkdf2 512", "passlib sha256_crypt", "sha512-crypt, rounds",
		"LDAP SSHA256", "LDAP SSHA512",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			genuine := imported(t, vectors()[name].encoded)
			dummy := genuine.Settings().Dummy(new(fake.Random).Bytes)
			if got, want := lengths(dummy), lengths(genuine); got != want {
				t.Errorf("got parts of lengths %s, want %s", got, want)
			}
		})
	}
}

func lengths(h scheme.Hash) string {
	var all []int
	for _, part := range strings.Split(h.String(), "$") {
		all = append(all, len(part))
	}
	return fmt.Sprint(all)
}

func TestMake(t *testing.T) {
	t.Parallel()
	salt := []byte("sixteen bytes...")
	for _, text := range []string{"$argon2id$v=19$m=64,t=2,p=2", "$2b$04", "$2a$04"} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			s := settings(t, text)
			h, err := s.Make([]byte("a good password"), salt)
			if err != nil {
				t.Fatalf("Make: %v", err)
			}
			if h.Settings() != s || !strings.HasPrefix(h.String(), text+"$") {
				t.Errorf("got %q, want the settings %q", h, text)
			}
			if got, err := scheme.Parse(h.String()); err != nil || got != h {
				t.Errorf("Parse: got %v, %v, want the hash", got, err)
			}
			if !matches(t, h, "a good password") || matches(t, h, "a good password ") {
				t.Error("the hash matches another password than its own")
			}
			if h.WeakerThan(s) {
				t.Error("a new hash is weaker than its own settings")
			}
			if got, want := lengths(h), lengths(s.Dummy(new(fake.Random).Bytes)); got != want {
				t.Errorf("got parts of lengths %s, want %s as of a dummy", got, want)
			}
		})
	}
}

func TestMakeRefuses(t *testing.T) {
	t.Parallel()
	salt := make([]byte, scheme.SaltSize)
	cases := map[string]struct {
		settings string
		password string
		salt     []byte
	}{
		"a short salt":            {"$argon2id$v=19$m=64,t=1,p=1", "a good password", salt[1:]},
		"a long bcrypt password":  {"$2b$04", strings.Repeat("x", 73), salt},
		"argon2i":                 {"$argon2i$v=19$m=64,t=1,p=1", "a good password", salt},
		"an algorithm of imports": {"$6$rounds=1000", "a good password", salt},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if h, err := settings(t, c.settings).Make([]byte(c.password), c.salt); err == nil {
				t.Errorf("got %v, want an error", h)
			}
		})
	}
}

func TestBcryptReadsTheFirst72Bytes(t *testing.T) {
	t.Parallel()
	h, err := settings(t, "$2b$04").Make([]byte(strings.Repeat("x", 72)), nil)
	if err != nil {
		t.Fatalf("Make: %v", err)
	}
	for length, want := range map[int]bool{71: false, 72: true, 73: true, 1024: true} {
		if got := matches(t, h, strings.Repeat("x", length)); got != want {
			t.Errorf("%d bytes: got %v, want %v", length, got, want)
		}
	}
}

func TestNewSettings(t *testing.T) {
	t.Parallel()
	for cost, want := range map[int]bool{-1: false, 4: false, 9: false, 10: true, 14: true, 15: false, math.MaxInt: false} {
		s, err := scheme.Bcrypt(cost)
		if (err == nil) != want {
			t.Errorf("Bcrypt(%d): got %v, want legal: %v", cost, err, want)
		}
		if text := fmt.Sprintf("$2b$%02d", cost); want && s != settings(t, text) {
			t.Errorf("Bcrypt(%d): got %q, want %q", cost, s, text)
		}
	}
	for text, c := range map[string]struct {
		memory, time uint32
		lanes        uint8
		want         bool
	}{
		"$argon2id$v=19$m=19456,t=2,p=1":  {19456, 2, 1, true},
		"$argon2id$v=19$m=262144,t=8,p=8": {262144, 8, 8, true},
		"too much work":                   {262144, 9, 1, false},
		"too much memory":                 {262145, 1, 1, false},
		"a product that overflows":        {1 << 31, 2, 1, false},
		"no passes":                       {64, 0, 1, false},
		"no lanes":                        {64, 1, 0, false},
	} {
		s, err := scheme.Argon2id(c.memory, c.time, c.lanes)
		if (err == nil) != c.want || !c.want && s != (scheme.Settings{}) {
			t.Errorf("%s: got %v, %v, want legal: %v", text, s, err, c.want)
		}
		if c.want && s != settings(t, text) {
			t.Errorf("got %q, want %q", s, text)
		}
	}
}

func TestWeakerThan(t *testing.T) {
	t.Parallel()
	const ours, salt16, key32 = "$argon2id$v=19$m=64,t=2,p=2", "$c29tZXNhbHRzb21lc2FsdA", "$" + key
	cases := map[string]struct {
		ours, hash string
		want       bool
	}{
		"as now":              {ours, ours + salt16 + key32, false},
		"stronger":            {ours, "$argon2id$v=19$m=128,t=3,p=3" + salt16 + key32, false},
		"less memory":         {ours, "$argon2id$v=19$m=63,t=3,p=2" + salt16 + key32, true},
		"fewer passes":        {ours, "$argon2id$v=19$m=128,t=1,p=2" + salt16 + key32, true},
		"fewer lanes":         {ours, "$argon2id$v=19$m=64,t=2,p=1" + salt16 + key32, true},
		"short salt":          {ours, ours + "$" + salt + key32, true},
		"short digest":        {ours, ours + salt16 + "$" + b64(16), true},
		"argon2i":             {ours, "$argon2i$v=19$m=128,t=3,p=3" + salt16 + key32, true},
		"bcrypt":              {ours, "$2b$15$" + body, true},
		"scrypt":              {ours, "$scrypt$ln=17,r=8,p=1" + salt16 + key32, true},
		"bcrypt as now":       {"$2b$10", "$2b$10$" + body, false},
		"bcrypt 2a":           {"$2b$10", "$2a$10$" + body, false},
		"bcrypt stronger":     {"$2b$10", "$2b$11$" + body, false},
		"bcrypt weaker":       {"$2b$10", "$2b$09$" + body, true},
		"bcrypt of a SHA-256": {"$2b$10", "$bcrypt-sha256$v=2,t=2b,r=12$" + body[:22] + "$" + body[22:], true},
		"argon2id for bcrypt": {"$2b$10", ours + salt16 + key32, true},
		"not for new hashes":  {"$ssha256", "$ssha256" + salt16 + key32, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, err := scheme.Parse(c.hash)
			if err != nil {
				t.Fatalf("Parse: %v", err)
			}
			if got := h.WeakerThan(settings(t, c.ours)); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

//nolint:paralleltest // it counts the allocations of the whole process
func TestMemoryIsTheMost(t *testing.T) {
	texts := []string{"$argon2id$v=19$m=4096,t=2,p=1", "$argon2id$v=19$m=4096,t=10,p=8", "$scrypt$ln=12,r=8,p=1", "$scrypt$ln=4,r=64,p=8"}
	for text := range everyScheme() {
		texts = append(texts, text)
	}
	password := []byte(strings.Repeat("x", 1024))
	for _, text := range texts {
		s := settings(t, text)
		h := s.Dummy(new(fake.Random).Bytes)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := h.Matches(password); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		runtime.ReadMemStats(&after)
		got := int64(after.TotalAlloc - before.TotalAlloc)
		if limit := s.Memory(); got > limit || got < limit-65<<10 {
			t.Errorf("%s: got %d bytes allocated, want at most %d and about that", text, got, limit)
		}
	}
}
