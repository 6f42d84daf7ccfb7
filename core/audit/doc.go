// Package audit seals the audit log into a chain, verifies it, prunes it, and counts
// denials of callers that nobody knows.
//
// Events are committed without a link, in the transaction of what they tell of, so that
// nobody waits for anybody. Seal gives links to those that have none: of each event a
// MAC over the event, its sequence number and the MAC before, under a key of the master
// key. The head, the last sequence number with its MAC, carries a proof, a MAC of its
// own. Any number of replicas seal: who moves the head from where it was has won, and
// the others leave it to the winner.
//
// What is personal of an event (the actor's address and program) enters the chain as a
// commitment, a MAC over it and a random salt. Erasure takes both away, and the chain
// stays valid. Without the salt the commitment tells nothing, not even to who has the
// key.
//
// Flow: Seal every second; Prune now and then, which moves the beginning of the chain,
// the anchor, behind what is too old, and signs it; Verify when somebody asks. Prune
// removes nothing that Verify would find a fault in, or an edited instant would make
// the service itself remove the evidence. A Head that is kept elsewhere shows later
// that the database was taken back to an earlier state.
//
// Verify does not find
//   - what was done to events that have no link yet: those of the last two seconds, and
//     of as long as no service ran;
//   - what was inserted before it was sealed: the chain says that nothing was changed
//     afterwards, and not that it was true;
//   - anything done by who has the master key, or the service's own rights;
//   - a database that was taken back to an earlier state as a whole, or emptied as a
//     whole, where no later head is kept elsewhere;
//   - that personal data was taken away from an event of an account that was erased.
package audit
