// Package cache answers Views from memory. It is a ports.Store around another one.
//
// What is remembered is a View: one that read sessions and accounts by their ids is
// kept with all the rows it read, under the first of them. A later View is run over
// what is kept under the row that it reads first. When it asks for anything else, or
// nothing young enough is kept, that run counts for nothing and the View starts over
// in a transaction of the store. So the rows of one View always come from one
// snapshot, and a View that was answered from memory never opened a transaction.
//
//	View ── kept, and younger than TTL ──────────────────▶ answered, nothing opened
//	  │ not kept, or asks for more ───▶ store ── done ───▶ answered, and kept
//	  └ the store is unavailable ── younger than Stale ──▶ answered
//
// Writes of this process are exact. A transaction that writes a session or an account
// says so in the ledger before it does, and again after its end, whatever became of
// it; meanwhile nothing with that row is answered from memory, and nothing that was
// read before that end ever is again. So every View that begins after an Update has
// returned sees it, and none sees less than one that ended before it began.
//
// Writes of others (replicas, the command line, a commit that the database carries
// out after it was given up for lost) are seen after TTL at the latest, or Stale
// while the store is unavailable. Rows are kept as they are: whether a session has
// expired is judged by whoever reads it, by the time of that moment. That a row does
// not exist is never kept.
//
// Replicas can tell each other what they write (NewReplica, Relay): what one hears of is
// noted as if it was written here, so that it is seen at once. The bound above does not
// rest on it.
//
// There are no goroutines but the two of the Relay; what is too old goes when it is met
// or when room is needed.
package cache
