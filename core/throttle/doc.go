// Package throttle slows down who guesses passwords, and nobody else.
//
// Failures in a row are counted by class: those of unknown devices together for each
// account, those of each device that the account knows, and of each session, by
// themselves. So an attacker can close the way in for strangers, and never for the
// owner's own device or session. A few failures are free; then each doubles the delay,
// and after the last that NIST SP 800-63B-4 section 3.2.2 allows the class is closed
// until the account is recovered. What nobody has is counted like what somebody has,
// so that nothing tells them apart.
//
// Flow: Read the count beside the account, Begin before the password is held against
// its hash, and in the transaction that says how it went Fail or Succeed; Refund what
// was no failure. Counting is atomic, and once a class is closed the attempts still
// under way are all answered alike, right or wrong, so parallel guesses gain nothing.
//
// Beside the counts stand buckets of the limiter, for the attempts that run at the same
// time and all find the same count: as many as it holds pass while failures are free,
// and one for each delay from then on. Attempts that were right are given back, so
// logins that are right pass however many there are.
package throttle
