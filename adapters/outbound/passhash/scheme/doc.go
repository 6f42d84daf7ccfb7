// Package scheme knows every scheme of password hashing that this service accepts:
// its text form, the bounds of its cost, and the computation.
//
// All of it is pure: a text becomes a Hash by Parse (texts of our own, strictly) or by
// Import (what another program wrote), and Hash.Matches does the costly work in the
// caller's goroutine. Import only translates: its result goes through Parse, so there
// is one gate, and what is beyond the bounds never becomes a Hash. That is what keeps
// a planted or imported record from stopping the service.
//
// The texts follow the PHC string format
// (https://github.com/P-H-C/phc-string-format): `$id$parameters$salt$digest`, or, for
// bcrypt and SHA-crypt, the form that crypt(3) gave them. All that stands before the
// salt is the Settings, which tell what a verification costs:
//
//	$argon2id$v=19$m=19456,t=2,p=1     RFC 9106; also argon2i
//	$2b$12                             bcrypt; also 2a and 2y
//	$bcrypt-sha256$v=2,t=2b,r=12       bcrypt of a SHA-256: passlib's versions 1 and 2;
//	                                   v=hex is Django's
//	$scrypt$ln=14,r=8,p=1              RFC 7914
//	$fbscrypt$n=14,r=8                 Firebase's scrypt; its salt is the user's salt, the
//	                                   project's separator and the project's signer key,
//	                                   joined by dots
//	$pbkdf2-sha256$i=600000            RFC 8018; also sha512 and sha1
//	$6$rounds=5000                     SHA-512-crypt; $5$ is SHA-256-crypt
//	$ssha512                           salted SHA-512 of LDAP servers; also ssha256
//
// New hashes are made by argon2id or bcrypt. The rest is there to be verified once, at
// the login that replaces it. What is unsalted, or made by MD5 or plain SHA-1, is
// refused: who has such a hash as good as has the password.
//
// No error of this package holds any part of the text that it is about, so all of them
// may be shown.
package scheme
