// Package conformance is the executable form of the comments in ports: whatever
// passes Store is a store. An adapter needs one test:
//
//	func TestStore(t *testing.T) {
//		t.Parallel()
//		conformance.Store(t, conformance.Harness{New: newStore})
//	}
//
// Every case runs for every adapter. One that cannot meet a case declares a gap
// with its reason, which is printed; cases marked Must accept none, because the
// core's security rests on them.
//
// Cases see a store only through its two doors, each has a store of its own, and
// nothing is asked of a store beyond the comments: transactions may be serial,
// locking or optimistic; a View may wait for an Update or run beside it. A closure
// may run more than once, and every case allows for that.
package conformance
