package scheme

import (
	"errors"
	"strings"
)

// refusal says why a text is no hash that can be imported, by what it looks like. It
// never repeats any of it: the text may be the password itself.
func refusal(encoded string) error {
	if encoded == "" {
		return errors.New("there is no hash")
	}
	for _, form := range refusedForms() {
		if strings.HasPrefix(encoded, form.prefix) {
			return errors.New("looks like " + form.looks)
		}
	}
	if looks := hexadecimal(encoded); looks != "" {
		return errors.New("looks like " + looks + ", which can be reversed by lookup")
	}
	return errors.New("looks like no known form of password hash: the password itself, perhaps")
}

type refusedForm struct{ prefix, looks string }

// refusedForms lists longer prefixes first where one begins another.
func refusedForms() []refusedForm {
	const weak = ", which is too weak to be kept"
	return []refusedForm{
		{"!", "the mark of an account without a usable password"},
		{"*", "the mark of a locked account, or MySQL's unsalted SHA-1"},

		{"$argon2d$", "argon2d, which is not for passwords: it leaks them to who shares the processor"},
		{"$2x$", "bcrypt 2x, which stands for an implementation that misread bytes above 127"},
		{"$2$", "the first version of bcrypt, which is not supported"},
		{"$apr1$", "Apache's MD5-crypt" + weak},
		{"$1$", "MD5-crypt" + weak},
		{"$md5", "Sun's MD5-crypt" + weak},
		{"$sha1$", "SHA-1-crypt" + weak},
		{"$P$", "phpass, which is MD5" + weak},
		{"$H$", "phpass, which is MD5" + weak},
		{"$S$", "Drupal 7's phpass, which is not supported"},
		{"$y$", "yescrypt, which is not supported"},
		{"$gy$", "gost-yescrypt, which is not supported"},
		{"$7$", "crypt(3)'s form of scrypt, which is not supported"},
		{"$", "a scheme that is not supported"},

		{"{CRYPT}", "DES-crypt" + weak},
		{"{SSHA}", "salted SHA-1" + weak},
		{"{SMD5}", "salted MD5" + weak},
		{"{SHA", "an unsalted SHA, which can be reversed by lookup"},
		{"{MD5}", "an unsalted MD5, which can be reversed by lookup"},
		{"{", "a scheme of an LDAP server that is not supported"},

		{"md5$$", "Django's unsalted MD5, which can be reversed by lookup"},
		{"sha1$$", "Django's unsalted SHA-1, which can be reversed by lookup"},
		{"md5$", "Django's salted MD5" + weak},
		{"sha1$", "Django's salted SHA-1" + weak},
		{"crypt$", "Django's DES-crypt" + weak},
		{"argon2$", "Django's encoding of another argon2 than argon2id and argon2i"},
		{"bcrypt$", "Django's encoding of bcrypt, but damaged"},
		{"bcrypt_sha256$", "Django's encoding of bcrypt, but damaged"},
		{"pbkdf2_", "Django's encoding of PBKDF2, but damaged or with another hash than SHA-256 and SHA-1"},
		{"scrypt$", "Django's encoding of scrypt, but damaged"},
		{"pbkdf2:", "Werkzeug's encoding, which is not supported"},
		{"scrypt:", "Werkzeug's encoding, which is not supported"},
		{"SCRAM-SHA-256$", "a SCRAM verifier of a database, which is not supported"},
	}
}

// hexadecimal names the unsalted hash that s would be by its length.
func hexadecimal(s string) string {
	if strings.Trim(s, "0123456789abcdefABCDEF") != "" {
		return ""
	}
	switch len(s) {
	case 32:
		return "an unsalted MD5 or an NTLM hash"
	case 40:
		return "an unsalted SHA-1"
	case 56, 64, 96, 128:
		return "an unsalted SHA-2"
	default:
		return ""
	}
}
