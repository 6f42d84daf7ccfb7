package domain_test

import (
	"strings"
	"testing"

	"authserve/core/domain"
)

func TestSettingsOf(t *testing.T) {
	t.Parallel()
	const (
		salt, digest = "c29tZXNhbHRzb21lc2FsdA", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
		tail         = "$" + salt + "$" + digest
		blowfish     = "abcdefghijklmnopqrstuuGw1OPnVwbYqU8zPbRrj8ZzTm8VbN7xK" // bcrypt: both in one
	)
	for _, c := range []struct{ name, in, want string }{
		{"argon2id", "$argon2id$v=19$m=19456,t=2,p=1" + tail, "$argon2id$v=19$m=19456,t=2,p=1"},
		{"scrypt", "$scrypt$ln=14,r=8,p=1" + tail, "$scrypt$ln=14,r=8,p=1"},
		{"no parameters", "$ssha256" + tail, "$ssha256"},
		{"bcrypt 2a", "$2a$10$" + blowfish, "$2a$10"},
		{"bcrypt 2b", "$2b$12$" + blowfish, "$2b$12"},
		{"bcrypt 2y", "$2y$14$" + blowfish, "$2y$14"},
		{"bcrypt of a digest", "$bcrypt-sha256$v=2,t=2b,r=12" + tail, "$bcrypt-sha256$v=2,t=2b,r=12"},
		{"imported argon2id", "$import$argon2id$v=19$m=8,t=1,p=1" + tail, "$import$argon2id$v=19$m=8,t=1,p=1"},
		{"imported bcrypt", "$import$2b$12$" + blowfish, "$import$2b$12"},
		{"imported without parameters", "$import$ssha512" + tail, "$import$ssha512"},
		{"peppered argon2id", "$pepper$k1$argon2id$v=19$m=19456,t=2,p=1" + tail, "$pepper$k1$argon2id$v=19$m=19456,t=2,p=1"},
		{"peppered bcrypt", "$pepper$k1$2b$12$" + blowfish, "$pepper$k1$2b$12"},
		{"a key named as bcrypt", "$pepper$2b$argon2id$v=19$m=8,t=1,p=1" + tail, "$pepper$2b$argon2id$v=19$m=8,t=1,p=1"},
		{"empty salt and digest", "$argon2id$v=19$m=8,t=1,p=1$$", "$argon2id$v=19$m=8,t=1,p=1"},
		{"empty", "", ""},
		{"one dollar sign", "$", ""},
		{"two", "$$", ""},
		{"four", "$$$$", "$$"},
		{"no fields", "5f4dcc3b5aa765d61d8327deb882cf99", ""},
		{"two fields", "salt$digest", ""},
		{"an algorithm alone", "$argon2id", ""},
		{"bcrypt cut short", "$2b$12", ""},
		{"nothing but the word", "2b", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := domain.SettingsOf(domain.NewSecret(c.in))
			if got != c.want {
				t.Errorf("SettingsOf(%q) = %q, want %q", c.in, got, c.want)
			}
			for _, secret := range []string{salt, digest, blowfish} {
				if strings.Contains(got, secret) {
					t.Errorf("the settings %q hold %q", got, secret)
				}
			}
		})
	}
}

func FuzzSettingsOf(f *testing.F) {
	for _, seed := range [][4]string{
		{"", "argon2id$v=19$m=19456,t=2,p=1", "salt", "digest"},
		{"$import", "2b$12", "", "saltanddigest"},
		{"$pepper$k1", "ssha256", "2a", "2b"},
		{"$2y", "$$", "\x00", "\xff"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, prefix, settings, salt, digest string) {
		text := prefix + "$" + settings + "$" + salt + "$" + digest
		got := domain.SettingsOf(domain.NewSecret(text))
		if got != "" && !strings.HasPrefix(text, got+"$") {
			t.Fatalf("SettingsOf(%q) = %q, want its first fields", text, got)
		}
		if left := text[len(got):]; strings.Count(left, "$") > 2 {
			t.Fatalf("SettingsOf(%q) = %q, want all but two fields or one", text, got)
		}

		// A well-formed text: no dollar signs inside of a field, and parameters that
		// are assignments.
		field := strings.NewReplacer("$", "").Replace
		want := prefix + "$" + field(settings) + "$m=" + field(prefix)
		text = want + "$" + field(salt) + "$" + field(digest)
		if got := domain.SettingsOf(domain.NewSecret(text)); got != want {
			t.Fatalf("SettingsOf(%q) = %q, want %q", text, got, want)
		}
	})
}
