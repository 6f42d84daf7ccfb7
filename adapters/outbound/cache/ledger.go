package cache

import (
	"hash/maphash"

	"authserve/core/domain"
)

// stripes is how many pages the ledger has. With 1,000 writes in the time that a view
// lives, three of a hundred views are read anew for the sake of a stranger.
const stripes = 1 << 15

// moment counts ends of writes. Of two moments of one ledger the larger is later.
type moment uint64

// ledger tells which rows are being written, and until when they last were. Rows
// share pages by their hash: of a row that shares its page with one that was written,
// it says that it was, too. The owner of the ledger has the lock.
type ledger struct {
	seed  maphash.Seed
	now   moment
	pages [stripes]page
	whole page // writes that may touch any row
}

type page struct {
	open int    // writes under way
	last moment // end of the last one
}

func newLedger() *ledger { return &ledger{seed: maphash.MakeSeed()} }

func (l *ledger) page(id domain.ID) *page {
	return &l.pages[maphash.String(l.seed, string(id))%stripes]
}

// untouched reports whether the row is not being written and was not since.
func (l *ledger) untouched(id domain.ID, since moment) bool { return l.page(id).clean(since) }

// untouchedBut is the same of writes that may touch any row.
func (l *ledger) untouchedBut(since moment) bool { return l.whole.clean(since) }

func (p *page) clean(since moment) bool { return p.open == 0 && p.last <= since }

func (l *ledger) end(p *page) {
	p.open--
	l.now++
	p.last = l.now
}
