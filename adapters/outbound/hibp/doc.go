// Package hibp asks a service that speaks the range protocol of Have I Been Pwned
// (https://haveibeenpwned.com/API/v3#PwnedPasswords) whether a password became public
// in a breach. That may be the original, https://api.pwnedpasswords.com, or a mirror.
//
// The SHA-1 of the password is cut in two. The first 5 of its 40 hexadecimal digits
// are asked for, and are all that leaves: each of the million prefixes stands for
// about a thousand breached passwords (k-anonymity) and for endlessly many others.
// The answer lists the other 35 digits of all breached passwords with that prefix,
// and is searched here. It is padded on request, so that its size does not give the
// prefix away to who watches the line.
//
// Nothing that the other side says is trusted: only a complete list in the exact form
// of the protocol, of bounded size, tells anything. Everything else is
// ports.ErrUnavailable, and registration goes on without an answer. Errors hold no
// part of the hash and no text of the other side.
package hibp
