// Package domain holds the nouns of authserve: what an account, a session, a
// signing key or an audit event is, which values are legal, and how each of them
// may change. Everything here is pure: time arrives as an argument, randomness
// and storage do not exist, and nothing of this module is imported.
//
// Every failure is one type, Error, with a stable code; see error.go.
package domain
