// Package jwt makes signing keys and signs and verifies access tokens: JSON Web
// Tokens (RFC 7519) in JWS compact form (RFC 7515), profiled by RFC 9068 (`typ:
// at+jwt`) and hardened after RFC 8725.
//
// A token passes three gates, the cheapest first. Its form: length, alphabet,
// three parts, a header with the right `typ`, a `kid` and no `crit`. Its
// signature, by the one algorithm of the key that the `kid` names. Its claims:
// all that RFC 9068 section 2.2 requires and our own, held against what the
// caller expects at the instant the caller names.
//
// Headers that point at keys (jku, jwk, x5u, x5c) are never read. JSON is read
// strictly: a name given twice, a name in other case, or invalid UTF-8 is refused,
// so that no other reader can see another token in the same bytes.
package jwt
