// Package login proves who somebody is. Today that is the password; second steps
// and passkeys get files of their own beside it.
//
// Flow of a password login: read account and credential, hold the password
// against the hash outside of any transaction, then, in one transaction, record
// the login on condition that neither the password nor the account's generation
// changed meanwhile, and grant the session. An unknown identifier takes the same
// path with a dummy hash, so that nothing tells it apart (OWASP ASVS 5.0 6.3.8).
package login
