package scheme_test

import (
	"strings"
	"testing"

	"authserve/adapters/outbound/passhash/scheme"
	"authserve/core/domain"
)

// vector is a hash that somebody else's program made.
type vector struct{ plain, encoded, settings string }

const (
	table   = "t\u00e1\u0411\u2113\u0259" // of passlib's tests
	letmein = "l\u00e8tmein"              // of Django's tests
)

// Firebase's published project, and a user of it (README.md of
// github.com/firebase/scrypt).
const (
	firebaseKey    = "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
	firebaseSalt   = "42xEC+ixf3L2lw=="
	firebaseDigest = "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="
	firebase       = "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=" + firebaseKey + "$" + firebaseSalt + "$" + firebaseDigest
)

// vectors are those of the programs and specifications that define each format. Those
// of passlib are in its tests/test_handlers*.py, Django's in
// tests/auth_tests/test_hashers.py.
func vectors() map[string]vector {
	return map[string]vector{
		// phc-winner-argon2, src/test.c, version 0x13.
		"argon2id":           {"password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "$argon2id$v=19$m=256,t=2,p=1"},
		"argon2id 2 lanes":   {"password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc", "$argon2id$v=19$m=256,t=2,p=2"},
		"argon2i":            {"password", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8", "$argon2i$v=19$m=256,t=2,p=1"},
		"argon2i 2 lanes":    {"password", "$argon2i$v=19$m=256,t=2,p=2$c29tZXNhbHQ$T/XOJ2mh1/TIpJHfCdQan76Q5esCFVoT5MAeIM1Oq2E", "$argon2i$v=19$m=256,t=2,p=2"},
		"passlib argon2i":    {"password", "$argon2i$v=19$m=380,t=2,p=2$c29tZXNhbHQ$SrssP8n7m/12VWPM8dvNrw", "$argon2i$v=19$m=380,t=2,p=2"},
		"passlib argon2 NUL": {"password\x00", "$argon2i$v=19$m=512,t=2,p=2$c29tZXNhbHQ$Fb5+nPuLzZvtqKRwqUEtUQ", "$argon2i$v=19$m=512,t=2,p=2"},
		"Django argon2":      {"secret", "argon2$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q", "$argon2i$v=19$m=8,t=1,p=1"},

		// crypt_blowfish, wrapper.c.
		"bcrypt 2a": {"U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "$2a$05"},
		"bcrypt 2b": {"U*U", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "$2b$05"},
		"bcrypt 2y": {"\xa3", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", "$2y$05"},
		"bcrypt of more than 72 bytes": {
			strings.Repeat("\xaa", 72) + "chars after 72 are ignored as usual",
			"$2a$05$/OK.fbVrR/bpIqNJ5ianF.swQOIzjOiJ9GHEPuhEkvqrUyvWhEMx6", "$2a$05",
		},
		"passlib bcrypt, loose salt":   {"test", "$2a$04$yjDgE74RJkeqC0/1NheSScrvKeu9IbKDpcQf/Ox3qsrRS/Kw42qIS", "$2a$04"},
		"passlib bcrypt, loose digest": {"test", "$2a$04$yjDgE74RJkeqC0/1NheSSOrvKeu9IbKDpcQf/Ox3qsrRS/Kw42qIV", "$2a$04"},
		"Django bcrypt":                {table, "bcrypt$$2a$05$Z17AXnnlpzddNUvnC6cZNOSwMA/8oNiKnHTHTwLlBijfucQQlHjaG", "$2a$05"},
		"LDAP bcrypt":                  {"U*U", "{CRYPT}$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "$2b$05"},

		// passlib's vectors; Django's are in passlib's test_handlers_django.py.
		"bcrypt-sha256 1": {"password", "$bcrypt-sha256$2b,5$5Hg1DKFqPE8C2aflZ5vVoe$12BjNE0p7axMg55.Y/mHsYiVuFBDQyu", "$bcrypt-sha256$v=1,t=2b,r=5"},
		"bcrypt-sha256 1, more than 72 bytes": {
			strings.Repeat("abc123", 12) + "qwr",
			"$bcrypt-sha256$2b,5$X1g1nh3g0v4h6970O68cxe$021KLEif6epjot5yoxk0m8I0929ohEa", "$bcrypt-sha256$v=1,t=2b,r=5",
		},
		"bcrypt-sha256 2": {"password", "$bcrypt-sha256$v=2,t=2b,r=5$5Hg1DKFqPE8C2aflZ5vVoe$wOK1VFFtS8IGTrGa7.h5fs0u84qyPbS", "$bcrypt-sha256$v=2,t=2b,r=5"},
		"bcrypt-sha256 2, more than 72 bytes": {
			strings.Repeat("abc123", 12) + "qwr",
			"$bcrypt-sha256$v=2,t=2b,r=5$X1g1nh3g0v4h6970O68cxe$CBF9csfEdW68xv3DwE6xSULXMtqEFP.", "$bcrypt-sha256$v=2,t=2b,r=5",
		},
		"Django bcrypt_sha256": {table, "bcrypt_sha256$$2a$06$kCXUnRFQptGg491siDKNTu8RxjBGSjALHRuvhPYNFsa4Ea5d9M48u", "$bcrypt-sha256$v=hex,t=2a,r=6"},
		"Django bcrypt_sha256, more than 72 bytes": {
			strings.Repeat("abc123", 12) + "qwr",
			"bcrypt_sha256$$2a$06$Tg/oYyZTyAf.Nb3qSgN61Ocy0BEz1RK6xslSNi8PlaLX2pe7x/KQG", "$bcrypt-sha256$v=hex,t=2a,r=6",
		},

		// RFC 7914 section 12.
		"scrypt":           {"pleaseletmein", "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw", "$scrypt$ln=14,r=8,p=1"},
		"passlib scrypt":   {"test", "$scrypt$ln=8,r=8,p=1$wlhLyXmP8b53bm1NKYVQqg$mTpvG8lzuuDk+DWz8HZIB6Vum6erDuUm0As5yU+VxWA", "$scrypt$ln=8,r=8,p=1"},
		"passlib scrypt p": {"nacl", "$scrypt$ln=1,r=4,p=2$yhnD+J+Tci4lZCwFgHCuVQ$fAsEWmxSHuC0cHKMwKVFPzrQukgvK09Sj+NueTSxKds", "$scrypt$ln=1,r=4,p=2"},
		"Django scrypt":    {letmein, "scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==", "$scrypt$ln=14,r=8,p=1"},
		// Made with Python hashlib, as Django 5 does.
		"Django scrypt, p of Django 5": {letmein, "scrypt$16$séasalt$8$5$Uyulk1RVeDD+1+GKTr64s0VutSRTJ+7h2Ks84ErsqvLl9dvez1kOVD9hD5VJvTV3pqZdvP+tUru4EnGX7I8m/Q==", "$scrypt$ln=4,r=8,p=5"},

		"Firebase": {"user1password", firebase, "$fbscrypt$n=14,r=8"},
		// Of supabase/auth, internal/crypto/password_test.go.
		"Firebase of another project": {"mytestpassword", "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=ou9tdYTGyYm8kuR6Dt0Bp0kDuAYoXrK16mbZO4yGwAn3oLspjnN0/c41v8xZnO1n14J3MjKj1b2g6AUCAlFwMw==$C0sHCg9ek77hsg==$zKVTMvnWVw5BBOZNUdnsalx4c4c7y/w7IS5p6Ut2+CfEFFlz37J9huyQfov4iizN8dbjvEJlM5tQaJP84+hfTw==", "$fbscrypt$n=14,r=8"},

		// RFC 6070 section 2.
		"pbkdf2-sha1, 1":    {"password", "$pbkdf2-sha1$i=1$c2FsdA$DGDID5YfDnHzqbUkr2ASBi/gN6Y", "$pbkdf2-sha1$i=1"},
		"pbkdf2-sha1, 4096": {"password", "$pbkdf2-sha1$i=4096$c2FsdA$SwB5AbdlSJq+rUnZJvch0GWkKcE", "$pbkdf2-sha1$i=4096"},
		"pbkdf2-sha1, NULs": {"pass\x00word", "$pbkdf2-sha1$i=4096$c2EAbHQ$Vvpqp1VICZ3MN9fwNCXgww", "$pbkdf2-sha1$i=4096"},
		// RFC 7914 section 11, the first block of each.
		"pbkdf2-sha256, 1":     {"passwd", "$pbkdf2-sha256$i=1$c2FsdA$VawEblbjCJ/sFpHCJUS2BflBhSFt3gRl5oudV8INrLw", "$pbkdf2-sha256$i=1"},
		"pbkdf2-sha256, 80000": {"Password", "$pbkdf2-sha256$i=80000$TmFDbA$TdzY9guYviGDDO5e8icB+WQaRBjQTAQUrv8Ih2s0q1Y", "$pbkdf2-sha256$i=80000"},
		"passlib pbkdf2":       {"password", "$pbkdf2$1212$OB.dtnSEXZK8U5cgxU/GYQ$y5LKPOplRmok7CZp/aqVDVg8zGI", "$pbkdf2-sha1$i=1212"},
		"passlib pbkdf2 256":   {"password", "$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ", "$pbkdf2-sha256$i=1212"},
		"passlib pbkdf2 512":   {"password", "$pbkdf2-sha512$1212$RHY0Fr3IDMSVO/RSZyb5ow$eNLfBK.eVozomMr.1gYa17k9B7KIK25NOEshvhrSX.esqY3s.FvWZViXz4KoLlQI.BzY/YTNJOiKc5gBYFYGww", "$pbkdf2-sha512$i=1212"},
		"Django pbkdf2_sha256": {table, "pbkdf2_sha256$10000$bEwAfNrH1TlQ$OgYUblFNUX1B8GfMqaCYUK/iHyO0pa7STTDdaEJBuY0=", "$pbkdf2-sha256$i=10000"},
		"Django pbkdf2_sha1":   {table, "pbkdf2_sha1$10000$KZKWwvqb8BfL$rw5pWsxJEU4JrZAQhHTCO+u0f5Y=", "$pbkdf2-sha1$i=10000"},

		// Drepper's specification, the last section.
		"sha256-crypt":              {"Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "$5$rounds=5000"},
		"sha256-crypt, rounds":      {"Hello world!", "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA", "$5$rounds=10000"},
		"sha256-crypt, two lines":   {twoLines, "$5$rounds=1400$anotherlongsalts$Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1", "$5$rounds=1400"},
		"sha256-crypt, short salt":  {"we have a short salt string but not a short password", "$5$rounds=77777$short$JiO1O3ZpDAxGJeaDIuqCoEFysAe1mZNJRs3pw0KQRd/", "$5$rounds=77777"},
		"sha256-crypt, few rounds":  {"the minimum number is still observed", "$5$rounds=1000$roundstoolow$yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC", "$5$rounds=1000"},
		"sha512-crypt":              {"Hello world!", "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1", "$6$rounds=5000"},
		"sha512-crypt, rounds":      {"Hello world!", "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.", "$6$rounds=10000"},
		"sha512-crypt, two lines":   {twoLines, "$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1", "$6$rounds=1400"},
		"sha512-crypt, short salt":  {"we have a short salt string but not a short password", "$6$rounds=77777$short$WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0", "$6$rounds=77777"},
		"passlib sha256_crypt":      {"with unic\u00d6de", "$5$rounds=1000$IbG0EuGQXw5EkMdP$LQ5AfPf13KufFsKtmazqnzSGZ4pxtUNw3woQ.ELRDF4", "$5$rounds=1000"},
		"sha512-crypt, no password": {"", "$6$ojWH1AiTee9x1peC$QVEnTvRVlPRhcLQCk/HnHaZmlGAAjCfrAN0FtOsOnUk5K5Bn/9eLHHiRzrTzaIKjW9NTLNIBUCtNVOowWS2mN.", "$6$rounds=5000"},

		// passlib, ldap_salted_sha256 and ldap_salted_sha512.
		"LDAP SSHA256":             {"password", "{SSHA256}x1tymSTVjozxQ2PtT46ysrzhZxbcskK0o2f8hEFx7fAQQmhtDSEkJA==", "$ssha256"},
		"LDAP SSHA256, short salt": {"test", "{SSHA256}TFv2RpwyO0U9mA0Hk8FsXRa1I+4dNUtv27Qa8dzGVLinlDIm", "$ssha256"},
		"LDAP SSHA512":             {"toomanysecrets", "{SSHA512}wExp4xjiCHS0zidJDC4UJq9EEeIebAQPJ1PWSwfhxWjfutI9XiiKuHm2AE41cEFfK+8HyI8bh+ztbczUGsvVFIgICWWPt7qu", "$ssha512"},
	}
}

const twoLines = "a very much longer text to encrypt.  This one even stretches over morethan one line."

func imported(tb testing.TB, encoded string) scheme.Hash {
	tb.Helper()
	h, err := scheme.Import(encoded)
	if err != nil {
		tb.Fatalf("Import: %v", err)
	}
	return h
}

func matches(tb testing.TB, h scheme.Hash, plain string) bool {
	tb.Helper()
	ok, err := h.Matches([]byte(plain))
	if err != nil {
		tb.Fatalf("Matches: %v", err)
	}
	return ok
}

func TestVectors(t *testing.T) {
	t.Parallel()
	for name, v := range vectors() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := imported(t, v.encoded)
			if got := h.Settings().String(); got != v.settings {
				t.Errorf("got the settings %q, want %q", got, v.settings)
			}
			if !matches(t, h, v.plain) {
				t.Error("the right password does not match")
			}
			if matches(t, h, "x"+v.plain) {
				t.Error("a wrong password matches")
			}
		})
	}
}

func TestTextsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for name, v := range vectors() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := imported(t, v.encoded)
			text := h.String()
			if got, err := scheme.Parse(text); err != nil || got != h {
				t.Errorf("Parse(%q): got %v, %v, want the same hash", text, got, err)
			}
			if got := imported(t, text); got != h {
				t.Errorf("Import(%q): got %v, want the same hash", text, got)
			}
			if got := domain.SettingsOf(domain.NewSecret(text)); got != v.settings {
				t.Errorf("SettingsOf(%q): got %q, want %q", text, got, v.settings)
			}
			if got, err := scheme.ParseSettings(v.settings); err != nil || got != h.Settings() {
				t.Errorf("ParseSettings(%q): got %v, %v, want the hash's", v.settings, got, err)
			}
		})
	}
}

func TestFirebaseKeyStaysOutOfTheSettings(t *testing.T) {
	t.Parallel()
	h := imported(t, firebase)
	if got, want := h.String(), "$fbscrypt$n=14,r=8$42xEC+ixf3L2lw.Bw."+strings.TrimRight(firebaseKey, "=")+"$"+strings.TrimRight(firebaseDigest, "="); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := h.Settings().String(); strings.Contains(got, firebaseKey[:8]) {
		t.Errorf("the settings %q hold the signer key", got)
	}
}

func TestFirebaseInTheURLAlphabet(t *testing.T) {
	t.Parallel()
	url := strings.NewReplacer("+", "-", "/", "_")
	encoded := strings.Replace(firebase, firebaseDigest, url.Replace(firebaseDigest), 1)
	encoded = strings.Replace(encoded, firebaseSalt, url.Replace(firebaseSalt), 1)
	if encoded == firebase {
		t.Fatal("nothing was replaced")
	}
	if got, want := imported(t, encoded), imported(t, firebase); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
