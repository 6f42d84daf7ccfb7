// Package login proves who somebody is. Today that is the password; second steps
// and passkeys get files of their own beside it.
//
// Flow of a password login: read account, credential and the count of failures; let
// the throttle refuse before anything is computed; hold the password against the hash
// outside of any transaction; then, in one transaction, record the login on condition
// that neither the password nor the account's generation changed meanwhile and that
// the throttle was not closed, tell the owner of an unknown device, and grant the
// session. An unknown identifier takes the same path with a dummy hash and a count of
// its own, so that nothing tells it apart (OWASP ASVS 5.0 6.3.8).
//
// A device that logged in before shows its device token. Its failures are counted by
// themselves, so that nobody elsewhere can shut it out (OWASP ASVS 5.0 6.3.1).
package login
