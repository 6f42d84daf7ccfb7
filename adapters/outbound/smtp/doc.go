// Package smtp hands messages to a mail system by SMTP submission (RFC 6409).
//
// Each message gets a connection of its own: connect, greet, secure, authenticate,
// transfer, leave. The connection is encrypted and the server's certificate is
// checked: from the first byte for smtps (RFC 8314), by a mandatory STARTTLS
// (RFC 3207) for smtp. Only a server on the loopback interface may do without.
//
// Error texts name the step and the reply code. The text of a reply is never
// repeated, since servers quote addresses in it.
package smtp
