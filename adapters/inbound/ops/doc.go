// Package ops answers the operations listener, the second port: liveness and
// readiness, metrics, the circuit breakers, the developer mailbox and, when asked
// for, profiles. It asks for no credentials, so the listener stands on loopback or
// in a network of its own.
//
// A page in a browser of the same machine can reach loopback too. Hence the check
// of the Host header, which a rebound DNS name cannot pass (hosts.go).
//
// Readiness is checked by probes. Each is asked at most once a second, however
// many callers there are, so that a storm of them does not load the database
// (readiness.go). Ready answers the same question on the main port, in one word.
package ops
