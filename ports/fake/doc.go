// Package fake holds the test doubles of the ports and the fixtures of the
// domain. Each double is a small true implementation that a test can steer: a
// clock that stands still, identifiers and random bytes that repeat from run to
// run, a mailer that records, a hasher that costs nothing, a store that runs every
// Update twice (Twice) and one that fails when told to (Broken).
//
// Fixtures are numbered: the same number always gives the same value, and two
// numbers never share a unique one. So tests need no counter and no random data.
package fake
