package cache

import (
	"container/list"
	"slices"
	"sync"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// memory is a bounded number of views and the ledger that tells which of them stand.
// When it is full the least recently used goes. Safe for concurrent use.
type memory struct {
	mu        sync.Mutex
	clock     ports.Clock
	latest    time.Time // that the clock has shown
	ledger    *ledger
	limit     int
	views     map[key]*list.Element // of recent
	recent    *list.List            // of *view, the last used in front
	evictions int64
}

func newMemory(limit int, clock ports.Clock) *memory {
	return &memory{clock: clock, ledger: newLedger(), limit: limit, views: map[key]*list.Element{}, recent: list.New()}
}

// void lets nothing stand that is kept or being read.
func (m *memory) void() {
	w := &writing{memory: m}
	w.any()
	w.end()
}

// now is the moment for a view whose snapshot comes after.
func (m *memory) now() moment {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ledger.now
}

// recall returns the view kept under k when it stands and is younger than limit.
func (m *memory) recall(k key, limit time.Duration) (*view, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock.Now() // under the lock, so that it goes back only where the clock does
	if now.Before(m.latest) {
		// What is kept would look young again once the clock has caught up.
		clear(m.views)
		m.recent.Init()
	}
	m.latest = now
	e, ok := m.views[k]
	if !ok {
		return nil, false
	}
	v := viewOf(e)
	if !v.standsIn(m.ledger) {
		m.remove(e)
		return nil, false
	}
	if !v.isYounger(limit, now) {
		return nil, false // it may serve later, while the store is unavailable
	}
	m.recent.MoveToFront(e)
	return v, true
}

// keep remembers v. Whether it still stands is judged when it is recalled.
func (m *memory) keep(v *view) {
	if n := v.rows(); n == 0 || n > maxRows {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, known := m.views[v.first]; known {
		if !viewOf(e).at.After(v.at) { // of two that were read side by side the younger stays
			e.Value = v
		}
		m.recent.MoveToFront(e)
		return
	}
	m.views[v.first] = m.recent.PushFront(v)
	if m.recent.Len() > m.limit {
		m.remove(m.recent.Back())
		m.evictions++
	}
}

func (m *memory) remove(e *list.Element) {
	delete(m.views, viewOf(e).first)
	m.recent.Remove(e)
}

func viewOf(e *list.Element) *view {
	v, _ := e.Value.(*view) // nothing else is ever put in
	return v
}

// size returns how many views are kept, and how many ever went to make room.
func (m *memory) size() (kept int, evictions int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.recent.Len(), m.evictions
}

// writing is what one Update writes. Not safe for concurrent use.
type writing struct {
	memory *memory
	pages  []*page
	rows   []domain.ID // for other replicas, whose pages are divided otherwise
	whole  bool
}

// row says that the row, or any session of the account id, is about to be written.
func (w *writing) row(id domain.ID) {
	w.memory.mu.Lock()
	defer w.memory.mu.Unlock()
	w.begin(w.memory.ledger.page(id))
	if !slices.Contains(w.rows, id) {
		w.rows = append(w.rows, id)
	}
}

// any says that whatever row is about to be written.
func (w *writing) any() {
	w.memory.mu.Lock()
	defer w.memory.mu.Unlock()
	w.begin(&w.memory.ledger.whole)
	w.whole = true
}

func (w *writing) begin(p *page) {
	for _, known := range w.pages {
		if known == p {
			return
		}
	}
	p.open++
	w.pages = append(w.pages, p)
}

// end says that the transaction is over, one way or the other.
func (w *writing) end() {
	if len(w.pages) == 0 {
		return
	}
	w.memory.mu.Lock()
	defer w.memory.mu.Unlock()
	for _, p := range w.pages {
		w.memory.ledger.end(p)
	}
}
