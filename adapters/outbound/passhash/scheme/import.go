package scheme

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Import reads a hash in the encoding of another program: the PHC string format,
// crypt(3), passlib, Django, LDAP servers, and the form that other services give to
// Firebase's hashes. Texts of our own are among them. An error says what is wrong, or
// which known form the text seems to be.
func Import(encoded string) (Hash, error) {
	if len(encoded) > maxText {
		return Hash{}, errors.New("a password hash is never that long")
	}
	text, err := translate(encoded)
	if err != nil {
		return Hash{}, err
	}
	return Parse(text)
}

// translate rewrites encoded as a text for Parse, which finds all that is still wrong
// with it.
func translate(encoded string) (string, error) {
	if scheme, data, ok := strings.Cut(encoded, "}"); ok && strings.HasPrefix(scheme, "{") {
		return translateLDAP(scheme[1:], data)
	}
	fields := strings.Split(encoded, "$")
	if fields[0] != "" {
		return translateDjango(fields, encoded)
	}
	if len(fields) < 3 {
		return "", refusal(encoded)
	}
	switch id, rest := fields[1], fields[2:]; id {
	case "2a", "2b", "2y":
		return translateBcrypt(rest, "$"+id+"$")
	case argon2id, argon2i, scryptID, ssha256, ssha512:
		return recode(encoded)
	case bcryptSHA256:
		return translateBcryptSHA256(rest)
	case "pbkdf2", pbkdf2SHA1, pbkdf2SHA256, pbkdf2SHA512:
		return translatePBKDF2(id, rest, encoded)
	case shaCrypt256ID, shaCrypt512ID:
		if len(rest) == 2 { // Drepper's default
			return fmt.Sprintf("$%s$rounds=5000$%s$%s", id, rest[0], rest[1]), nil
		}
		return encoded, nil
	case fbscryptID:
		return translateFirebase(rest, encoded)
	default:
		return "", refusal(encoded)
	}
}

var errNoBase64 = errors.New("salt or digest is not in base64")

// loosely decodes base64 of any usual writing: with or without padding, with loose
// bits at the end, and with passlib's dot for the plus sign.
func loosely(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") { // which the library would skip
		return nil, errNoBase64
	}
	b, err := base64.RawStdEncoding.DecodeString(strings.ReplaceAll(strings.TrimRight(s, "="), ".", "+"))
	if err != nil {
		return nil, errNoBase64
	}
	return b, nil
}

// recode returns a text with its last two parts, salt and digest, in canonical base64.
func recode(text string) (string, error) {
	rest, key, _ := cutLast(text)
	rest, salt, _ := cutLast(rest)
	s, err := loosely(salt)
	if err != nil {
		return "", err
	}
	k, err := loosely(key)
	if err != nil {
		return "", err
	}
	return rest + "$" + encode(s) + "$" + encode(k), nil
}

// translatePBKDF2 reads passlib's `$pbkdf2-sha256$29000$salt$digest` beside our form.
func translatePBKDF2(id string, rest []string, encoded string) (string, error) {
	if len(rest) != 3 || strings.HasPrefix(rest[0], "i=") {
		return recode(encoded)
	}
	if id == "pbkdf2" {
		id = pbkdf2SHA1
	}
	return recode(fmt.Sprintf("$%s$i=%s$%s$%s", id, rest[0], rest[1], rest[2]))
}

// translateBcrypt clears the unused bits at the end of salt and digest, which passlib
// before 1.5.3 did not always leave zero.
func translateBcrypt(rest []string, prefix string) (string, error) {
	if len(rest) != 2 || len(rest[1]) != bcryptBodyText {
		return "", fmt.Errorf("bcrypt salt and digest are not %d characters", bcryptBodyText)
	}
	salt, key := rest[1][:bcryptSaltText], rest[1][bcryptSaltText:]
	e := bcryptEncoding()
	s, err := e.DecodeString(salt)
	if err != nil {
		return "", errors.New("bcrypt salt is not in bcrypt's alphabet")
	}
	k, err := e.DecodeString(key)
	if err != nil {
		return "", errors.New("bcrypt digest is not in bcrypt's alphabet")
	}
	return prefix + rest[0] + "$" + e.EncodeToString(s) + e.EncodeToString(k), nil
}

// translateBcryptSHA256 reads passlib's version 1, `2b,12` in the parameters' place,
// beside its version 2, which is our form.
func translateBcryptSHA256(rest []string) (string, error) {
	if len(rest) != 3 {
		return "", errors.New("bcrypt-sha256 has the form $bcrypt-sha256$parameters$salt$digest")
	}
	if variant, cost, ok := strings.Cut(rest[0], ","); ok && !strings.Contains(rest[0], "=") {
		rest[0] = fmt.Sprintf("v=%s,t=%s,r=%s", plainSHA256, variant, cost)
	}
	return "$" + bcryptSHA256 + "$" + strings.Join(rest, "$"), nil
}

// translateFirebase reads `v=1,n=14,r=8,p=1,ss=separator,sk=signer key` beside our form.
// Some of Firebase's exports are in the URL alphabet.
func translateFirebase(rest []string, encoded string) (string, error) {
	if len(rest) != 3 || strings.HasPrefix(rest[0], "n=") {
		return encoded, nil
	}
	p, err := parameters(rest[0], "v", "n", "r", "p", "ss", "sk")
	if err != nil || p[0] != "1" || p[3] != "1" {
		return "", errors.New("fbscrypt parameters are not v=1, n, r, p=1, ss and sk")
	}
	parts := []string{rest[1], p[4], p[5], rest[2]} // salt, separator, signer key, digest
	for i, part := range parts {
		b, err := loosely(strings.NewReplacer("-", "+", "_", "/").Replace(part))
		if err != nil {
			return "", err
		}
		parts[i] = encode(b)
	}
	return fmt.Sprintf("$%s$n=%s,r=%s$%s$%s", fbscryptID, p[1], p[2], strings.Join(parts[:3], "."), parts[3]), nil
}

// translateLDAP reads `{SSHA256}` with the base64 of digest and salt, passlib's PBKDF2
// in braces, and crypt(3).
func translateLDAP(scheme, data string) (string, error) {
	id, size := ssha256, 32
	switch strings.ToUpper(scheme) {
	case "SSHA256":
	case "SSHA512":
		id, size = ssha512, 64
	case "PBKDF2", "PBKDF2-SHA256", "PBKDF2-SHA512":
		fields := strings.Split(data, "$")
		if len(fields) != 3 {
			return "", errors.New("the LDAP hash is not rounds, salt and digest")
		}
		return translatePBKDF2(strings.ToLower(scheme), fields, data)
	case "CRYPT":
		if strings.HasPrefix(data, "$") {
			return translate(data)
		}
		return "", refusal("{" + scheme + "}")
	default:
		return "", refusal("{" + scheme + "}")
	}
	b, err := loosely(data)
	if err != nil || len(b) < size {
		return "", errors.New("the LDAP hash is not digest and salt in base64")
	}
	return "$" + id + "$" + encode(b[size:]) + "$" + encode(b[:size]), nil
}

// translateDjango reads the encodings of django.contrib.auth.hashers. Their salts,
// except argon2's and bcrypt's, are taken as the bytes of the text.
func translateDjango(fields []string, encoded string) (string, error) {
	_, rest, _ := strings.Cut(encoded, "$")
	switch id := fields[0]; {
	case id == "argon2" && (strings.HasPrefix(rest, argon2id+"$") || strings.HasPrefix(rest, argon2i+"$")):
		return recode("$" + rest)
	case id == "bcrypt" && isBcrypt(rest):
		return translate(rest)
	case id == "bcrypt_sha256" && isBcrypt(rest) && len(fields) == 5:
		text, err := translateBcrypt(fields[3:], "")
		if err != nil {
			return "", err
		}
		_, body, _ := cutLast(text)
		cost := strings.TrimPrefix(fields[3], "0")
		return fmt.Sprintf("$%s$v=%s,t=%s,r=%s$%s$%s", bcryptSHA256, hexSHA256, fields[2], cost,
			body[:bcryptSaltText], body[bcryptSaltText:]), nil
	case id == "pbkdf2_sha256" && len(fields) == 4:
		return recode(fmt.Sprintf("$%s$i=%s$%s$%s", pbkdf2SHA256, fields[1], encode([]byte(fields[2])), fields[3]))
	case id == "pbkdf2_sha1" && len(fields) == 4:
		return recode(fmt.Sprintf("$%s$i=%s$%s$%s", pbkdf2SHA1, fields[1], encode([]byte(fields[2])), fields[3]))
	case id == scryptID && len(fields) == 6: // scrypt$N$salt$r$p$digest
		n, err := strconv.ParseUint(fields[1], 10, 32)
		if err != nil || bits.OnesCount64(n) != 1 {
			return "", errors.New("scrypt N is not a power of two")
		}
		return recode(fmt.Sprintf("$%s$ln=%d,r=%s,p=%s$%s$%s", scryptID, bits.TrailingZeros64(n),
			fields[3], fields[4], encode([]byte(fields[2])), fields[5]))
	default:
		return "", refusal(encoded)
	}
}
