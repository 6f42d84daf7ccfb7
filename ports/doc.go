// Package ports is the list of what the core needs from the outside world: one
// file per need, one interface per file or, for the store, per aggregate. The
// core depends on nothing else; adapters implement these interfaces.
//
// Every comment states what an implementation guarantees. ports/conformance holds
// the tests that say the same, and an adapter is whatever passes them.
//
// Two rules hold for every method here. It honours its context: when the context
// ends it returns, with an error for which errors.Is(err, ctx.Err()) holds. And it
// is safe for concurrent use, unless its comment says otherwise.
package ports
