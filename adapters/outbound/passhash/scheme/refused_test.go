package scheme_test

import (
	"strings"
	"testing"

	"authserve/adapters/outbound/passhash/scheme"
)

// Parts of the texts below, none of which may come back in an error.
const (
	salt     = "c29tZXNhbHQ"
	key      = "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	tail     = "$" + salt + "$" + key
	body     = "CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
	crypt256 = "$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"
	secret   = "hunter2hunter2"
)

func b64(n int) string { return strings.Repeat("A", (n*4+2)/3) }

func noEcho(t *testing.T, err error) {
	t.Helper()
	for _, part := range []string{salt, key[:8], body[22:30], crypt256[1:11], secret, "AAAA"} {
		if strings.Contains(err.Error(), part) {
			t.Errorf("the error repeats a part of the hash: %v", err)
		}
	}
}

// costs are settings, and whether they are within the bounds.
func costs() map[string]bool {
	return map[string]bool{
		"$argon2id$v=19$m=19456,t=2,p=1":      true, // OWASP
		"$argon2id$v=19$m=65536,t=3,p=4":      true, // RFC 9106, argon2-cffi and passlib
		"$argon2id$v=19$m=102400,t=2,p=8":     true, // Django
		"$argon2i$v=19$m=8,t=1,p=1":           true,
		"$argon2id$v=19$m=262144,t=8,p=8":     true,
		"$argon2id$v=19$m=262144,t=9,p=1":     false, // the product
		"$argon2id$v=19$m=209715,t=10,p=1":    true,
		"$argon2id$v=19$m=209716,t=10,p=1":    false,
		"$argon2id$v=19$m=262145,t=1,p=1":     false,
		"$argon2id$v=19$m=4294967295,t=1,p=1": false,
		"$argon2id$v=19$m=4294967360,t=1,p=1": false,
		"$argon2id$v=19$m=15,t=1,p=2":         false,
		"$argon2id$v=19$m=64,t=0,p=1":         false,
		"$argon2id$v=19$m=64,t=11,p=1":        false,
		"$argon2id$v=19$m=64,t=1,p=0":         false,
		"$argon2id$v=19$m=256,t=1,p=9":        false,
		"$argon2id$v=19$m=4096,t=1,p=257":     false,
		"$argon2id$v=16$m=64,t=1,p=1":         false,
		"$argon2id$m=64,t=1,p=1":              false,
		"$argon2d$v=19$m=64,t=1,p=1":          false,

		"$2b$04": true, "$2y$15": true, "$2a$12": true,
		"$2a$03": false, "$2a$16": false, "$2a$31": false, "$2x$05": false, "$2$05": false, "$2c$05": false, "$3a$05": false,

		"$bcrypt-sha256$v=2,t=2b,r=12":  true,
		"$bcrypt-sha256$v=2,t=2b,r=16":  false,
		"$bcrypt-sha256$v=1,t=2a,r=3":   false,
		"$bcrypt-sha256$v=3,t=2b,r=12":  false,
		"$bcrypt-sha256$v=2,t=2x,r=12":  false,
		"$bcrypt-sha256$v=2,t=2b,r=012": false,

		"$scrypt$ln=14,r=8,p=5":          true, // Django
		"$scrypt$ln=16,r=8,p=1":          true, // passlib
		"$scrypt$ln=17,r=8,p=1":          true, // OWASP
		"$scrypt$ln=18,r=8,p=2":          true,
		"$scrypt$ln=18,r=8,p=3":          false, // the product
		"$scrypt$ln=17,r=11,p=3":         false,
		"$scrypt$ln=18,r=9,p=1":          false, // the memory
		"$scrypt$ln=19,r=8,p=1":          false,
		"$scrypt$ln=15,r=64,p=1":         true,
		"$scrypt$ln=1,r=65,p=1":          false,
		"$scrypt$ln=10,r=8,p=9":          false,
		"$scrypt$ln=0,r=8,p=1":           false,
		"$scrypt$ln=31,r=1,p=1":          false,
		"$scrypt$ln=64,r=1,p=1":          false,
		"$scrypt$ln=10,r=0,p=1":          false,
		"$scrypt$ln=10,r=8,p=0":          false,
		"$scrypt$ln=10,r=134217728,p=32": false,

		"$fbscrypt$n=14,r=8":     true,
		"$fbscrypt$n=19,r=8":     false,
		"$fbscrypt$n=14,r=8,p=1": false,

		"$pbkdf2-sha256$i=1200000": true, // Django
		"$pbkdf2-sha512$i=4000000": true,
		"$pbkdf2-sha512$i=4000001": false,
		"$pbkdf2-sha256$i=0":       false,
		"$pbkdf2-sha1$i=1":         true,
		"$pbkdf2-sha224$i=1":       false,
		"$pbkdf2$i=1":              false,

		"$6$rounds=656000":  true, // passlib
		"$5$rounds=1000000": true,
		"$5$rounds=1000001": false,
		"$5$rounds=999":     false,
		"$6":                false,
		"$4$rounds=5000":    false,

		"$ssha256": true, "$ssha512": true, "$ssha1": false, "$ssha256$": false,
	}
}

func TestParseSettingsHoldsToTheBounds(t *testing.T) {
	t.Parallel()
	for text, want := range costs() {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			s, err := scheme.ParseSettings(text)
			if (err == nil) != want {
				t.Fatalf("got %v, want legal: %v", err, want)
			}
			if err == nil && s.String() != text {
				t.Errorf("got %q, want %q", s, text)
			}
		})
	}
}

func TestParseIsStrict(t *testing.T) {
	t.Parallel()
	argon := "$argon2id$v=19$m=64,t=1,p=1"
	cases := map[string]string{
		"empty":                      "",
		"plain text":                 secret,
		"dollars":                    "$$$$",
		"unknown scheme":             "$md5$" + salt + "$" + key,
		"leading zero":               "$argon2id$v=19$m=064,t=1,p=1" + tail,
		"plus sign":                  "$argon2id$v=19$m=+64,t=1,p=1" + tail,
		"minus sign":                 "$argon2id$v=19$m=64,t=-1,p=1" + tail,
		"underscore":                 "$argon2id$v=19$m=6_4,t=1,p=1" + tail,
		"hexadecimal":                "$argon2id$v=19$m=0x40,t=1,p=1" + tail,
		"other order":                "$argon2id$v=19$t=1,m=64,p=1" + tail,
		"extra parameter":            argon + ",keyid=AAAA" + tail,
		"missing parameter":          "$argon2id$v=19$m=64,t=1" + tail,
		"extra part":                 argon + tail + "$",
		"missing part":               argon + "$" + key,
		"no dollar in front":         strings.TrimPrefix(argon, "$") + tail,
		"two dollars in front":       "$" + argon + tail,
		"space in front":             " " + argon + tail,
		"line break at the end":      argon + tail + "\n",
		"line break inside":          argon + "$" + salt + "$" + key[:8] + "\n" + key[8:],
		"padding":                    argon + tail + "=",
		"url alphabet":               argon + "$" + salt + "$_" + key[1:],
		"passlib's alphabet":         argon + "$" + salt + "$." + key[1:],
		"loose last bits":            argon + "$" + salt + "$" + key[:42] + "d",
		"salt of 7 bytes":            argon + "$" + b64(7) + "$" + key,
		"salt of 65 bytes":           argon + "$" + b64(65) + "$" + key,
		"no salt":                    argon + "$$" + key,
		"digest of 15 bytes":         argon + "$" + salt + "$" + b64(15),
		"digest of 65 bytes":         argon + "$" + salt + "$" + b64(65),
		"no digest":                  argon + "$" + salt + "$",
		"very long":                  argon + "$" + salt + "$" + b64(1<<20),
		"bcrypt without variant":     "$2$05$" + body + "C",
		"bcrypt cost one digit":      "$2a$5$" + body,
		"bcrypt cost not digits":     "$2a$+5$" + body,
		"bcrypt too short":           "$2a$05$" + body[:52],
		"bcrypt too long":            "$2a$05$" + body + "W",
		"bcrypt in three parts":      "$2a$05$" + body[:22] + "$" + body[22:],
		"bcrypt bad character":       "$2a$05$" + body[:40] + "!" + body[41:],
		"bcrypt loose salt bits":     "$2a$05$" + body[:21] + "/" + body[22:],
		"bcrypt loose key bits":      "$2a$05$" + body[:52] + "X",
		"bcrypt line breaks":         "$2a$05$" + body[:52] + "\n",
		"bcrypt-sha256 v1 form":      "$bcrypt-sha256$2b,12$" + body[:22] + "$" + body[22:],
		"bcrypt-sha256 border":       "$bcrypt-sha256$v=2,t=2b,r=12$" + body[:21] + "$" + body[21:],
		"passlib pbkdf2":             "$pbkdf2-sha256$29000" + tail,
		"pbkdf2 digest too long":     "$pbkdf2-sha256$i=1$" + salt + "$" + b64(33),
		"pbkdf2 digest too short":    "$pbkdf2-sha256$i=1$" + salt + "$" + b64(15),
		"pbkdf2 salt too short":      "$pbkdf2-sha256$i=1$" + b64(3) + "$" + key,
		"scrypt salt too long":       "$scrypt$ln=4,r=8,p=1$" + b64(65) + "$" + key,
		"ssha256 digest size":        "$ssha256$" + salt + "$" + b64(31),
		"ssha256 no salt":            "$ssha256$$" + key,
		"sha-crypt no rounds":        "$5" + crypt256,
		"sha-crypt leading zero":     "$5$rounds=05000" + crypt256,
		"sha-crypt salt 17":          "$5$rounds=5000$" + strings.Repeat("a", 17) + crypt256[11:],
		"sha-crypt salt 3":           "$5$rounds=5000$aaa" + crypt256[11:],
		"sha-crypt salt alphabet":    "$5$rounds=5000$salt:string" + crypt256[11:],
		"sha-crypt digest short":     "$5$rounds=5000" + crypt256[:len(crypt256)-1],
		"sha-crypt digest loose":     "$5$rounds=5000" + crypt256[:len(crypt256)-1] + "z",
		"sha-crypt of other size":    "$6$rounds=5000" + crypt256,
		"sha256-crypt one bit loose": "$5$rounds=5000" + crypt256[:len(crypt256)-1] + "E",
		"sha512-crypt one bit loose": "$6$rounds=5000$saltstring$" + strings.Repeat(".", 85) + "2",
		"firebase import form":       firebase,
		"firebase without parts":     "$fbscrypt$n=4,r=8$" + salt + "$" + b64(64),
		"firebase digest size":       "$fbscrypt$n=4,r=8$" + salt + ".Bw." + b64(64) + "$" + b64(63),
		"firebase key size":          "$fbscrypt$n=4,r=8$" + salt + ".Bw." + b64(15) + "$" + b64(15),
		"firebase separator size":    "$fbscrypt$n=4,r=8$" + salt + "." + b64(17) + "." + b64(64) + "$" + b64(64),
		"firebase separator text":    "$fbscrypt$n=4,r=8$" + salt + ".!." + b64(64) + "$" + b64(64),
		"firebase salt size":         "$fbscrypt$n=4,r=8$" + b64(3) + ".Bw." + b64(64) + "$" + b64(64),
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, err := scheme.Parse(text)
			if err == nil {
				t.Fatalf("got %v, want an error", h)
			}
			noEcho(t, err)
		})
	}
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	hex := func(n int) string { return strings.Repeat("a", n) }
	cases := map[string]struct{ encoded, want string }{
		"nothing":                  {"", "no hash"},
		"a password":               {secret, "the password itself"},
		"a password with dollars":  {"$" + secret + "$" + secret, "not supported"},
		"unusable":                 {"!" + secret, "usable password"},
		"locked":                   {"*", "locked"},
		"MD5":                      {hex(32), "MD5"},
		"SHA-1":                    {hex(40), "SHA-1"},
		"SHA-256":                  {hex(64), "SHA-2"},
		"SHA-512":                  {strings.ToUpper(hex(128)), "SHA-2"},
		"MD5-crypt":                {"$1$" + secret + "$" + secret, "MD5-crypt"},
		"Apache":                   {"$apr1$" + secret + "$" + secret, "Apache"},
		"phpass":                   {"$P$" + secret, "phpass"},
		"yescrypt":                 {"$y$j9T$" + secret + "$" + secret, "yescrypt"},
		"argon2d":                  {"$argon2d$v=19$m=64,t=1,p=1" + tail, "argon2d"},
		"bcrypt 2x":                {"$2x$05$" + body, "2x"},
		"Django bcrypt 2x":         {"bcrypt$$2x$05$" + body, "2x"},
		"LDAP bcrypt 2x":           {"{CRYPT}$2x$05$" + body, "2x"},
		"LDAP DES-crypt":           {"{CRYPT}" + secret, "DES-crypt"},
		"LDAP SSHA":                {"{SSHA}" + secret, "salted SHA-1"},
		"LDAP SHA256":              {"{SHA256}" + secret, "unsalted"},
		"LDAP plain text":          {"{CLEARTEXT}" + secret, "LDAP"},
		"LDAP without salt":        {"{SSHA256}" + b64(32), "4 to 64 bytes"},
		"LDAP cut":                 {"{SSHA256}" + b64(31), "digest and salt"},
		"Django md5":               {"md5$" + secret + "$" + hex(32), "salted MD5"},
		"Django unsalted sha1":     {"sha1$$" + hex(40), "unsalted SHA-1"},
		"Django crypt":             {"crypt$$" + secret, "DES-crypt"},
		"Django pbkdf2 unsalted":   {"pbkdf2_sha256$10$$" + key, "salt"},
		"Django pbkdf2 too costly": {"pbkdf2_sha256$4000001$" + secret + "$" + key, "4000000"},
		"Django pbkdf2 damaged":    {"pbkdf2_sha256$10$" + secret, "damaged"},
		"Django pbkdf2 sha512":     {"pbkdf2_sha512$10$" + secret + "$" + key, "another hash"},
		"Django scrypt N":          {"scrypt$15$" + secret + "$8$1$" + key, "power of two"},
		"Django scrypt N of 0":     {"scrypt$0$" + secret + "$8$1$" + key, "power of two"},
		"Django argon2 without v":  {"argon2$argon2i$m=8,t=1,p=1" + tail, "another version"},
		"Django argon2d":           {"argon2$argon2d$v=19$m=8,t=1,p=1" + tail, "argon2id and argon2i"},
		"Werkzeug":                 {"pbkdf2:sha256:10$" + secret + "$" + hex(64), "Werkzeug"},
		"argon2 version 16":        {"$argon2id$v=16$m=64,t=1,p=1" + tail, "another version"},
		"argon2 2 GiB":             {"$argon2id$v=19$m=2097152,t=1,p=4" + tail, "256 MiB"},
		"bcrypt 31":                {"$2b$31$" + body, "4 to 15"},
		"bcrypt cut":               {"$2b$12$" + body[:50], "53 characters"},
		"bcrypt alphabet":          {"$2b$12$" + body[:50] + "!!!", "alphabet"},
		"bcrypt line break":        {"$2b$12$" + body[:52] + "\n", "53 characters"},
		"scrypt too costly":        {"$scrypt$ln=20,r=8,p=1" + tail, "256 MiB"},
		"sha-crypt too costly":     {"$6$rounds=999999999" + crypt256, "1000 to 1000000"},
		"line break":               {"$argon2id$v=19$m=64,t=1,p=1" + tail + "\n", "base64"},
		"firebase p":               {strings.Replace(firebase, "p=1", "p=2", 1), "fbscrypt parameters"},
		"firebase version":         {strings.Replace(firebase, "v=1", "v=2", 1), "fbscrypt parameters"},
		"firebase too costly":      {strings.Replace(firebase, "n=14", "n=24", 1), "256 MiB"},
		"very long":                {strings.Repeat("A", 1<<20), "that long"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, err := scheme.Import(c.encoded)
			if err == nil {
				t.Fatalf("got %v, want an error", h)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want it to speak of %q", err, c.want)
			}
			noEcho(t, err)
		})
	}
}
