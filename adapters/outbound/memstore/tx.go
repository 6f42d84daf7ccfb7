package memstore

import (
	"cmp"
	"context"
	"slices"

	"authserve/core/domain"
	"authserve/ports"
)

var errEnded = domain.NewError(domain.KindInternal, "store_tx_ended", "A transaction was used after its end.")

// tx is one open transaction.
type tx struct {
	data     *data
	writable bool
	ended    bool
	journal  []func() // how to take back each write, in order
}

var _ ports.Tx = (*tx)(nil)

// Accounts implements ports.Tx.
func (t *tx) Accounts() ports.Accounts { return accounts{t} }

// Credentials implements ports.Tx.
func (t *tx) Credentials() ports.Credentials { return credentials{t} }

// Sessions implements ports.Tx.
func (t *tx) Sessions() ports.Sessions { return sessions{t} }

// Keys implements ports.Tx.
func (t *tx) Keys() ports.Keys { return keys{t} }

// Outbox implements ports.Tx.
func (t *tx) Outbox() ports.Outbox { return outbox{t} }

// Audit implements ports.Tx.
func (t *tx) Audit() ports.Audit { return audit{t} }

// Idempotency implements ports.Tx.
func (t *tx) Idempotency() ports.Idempotency { return idempotency{t} }

// Imports implements ports.Tx.
func (t *tx) Imports() ports.Imports { return imports{t} }

// Guards implements ports.Tx.
func (t *tx) Guards() ports.Guards { return guards{t} }

// OneTimeTokens implements ports.Tx.
func (t *tx) OneTimeTokens() ports.OneTimeTokens { return oneTimeTokens{t} }

// Throttles implements ports.Tx.
func (t *tx) Throttles() ports.Throttles { return throttles{t} }

// Erasures implements ports.Tx.
func (t *tx) Erasures() ports.Erasures { return erasures{t} }

// PersonalData implements ports.Tx.
func (t *tx) PersonalData() ports.PersonalData { return personalData{t} }

// reading refuses a call on an ended transaction or with an ended context.
func (t *tx) reading(ctx context.Context) error {
	if t.ended {
		return errEnded
	}
	return ctx.Err()
}

// writing refuses what reading does, and writes inside View.
func (t *tx) writing(ctx context.Context) error {
	if err := t.reading(ctx); err != nil {
		return err
	}
	if !t.writable {
		return ports.ErrReadOnly
	}
	return nil
}

// rollback takes back all writes but the first kept.
func (t *tx) rollback(kept int) {
	for _, undo := range slices.Backward(t.journal[kept:]) {
		undo()
	}
	t.journal = t.journal[:kept]
}

// table is a map whose changes the transaction can take back. A row that was put
// is never changed in place.
type table[K comparable, V any] map[K]V

func (m table[K, V]) has(key K) bool {
	_, ok := m[key]
	return ok
}

// those are the rows of some keys.
func (m table[K, V]) those(keys []K) map[K]V {
	found := map[K]V{}
	for _, key := range keys {
		if row, ok := m[key]; ok {
			found[key] = row
		}
	}
	return found
}

func (m table[K, V]) put(t *tx, key K, row V) {
	m.note(t, key)
	m[key] = row
}

func (m table[K, V]) remove(t *tx, key K) {
	m.note(t, key)
	delete(m, key)
}

// note writes into the journal how to bring key back to what it is now.
func (m table[K, V]) note(t *tx, key K) {
	before, existed := m[key]
	t.journal = append(t.journal, func() {
		if existed {
			m[key] = before
		} else {
			delete(m, key)
		}
	})
}

// purge removes at most limit of the rows that are due, lowest keys first.
func purge[K cmp.Ordered, V any](m table[K, V], limit int, due func(V) bool, remove func(K)) int {
	var found []K
	for key, row := range m {
		if due(row) {
			found = append(found, key)
		}
	}
	slices.Sort(found)
	found = found[:min(limit, len(found))]
	for _, key := range found {
		remove(key)
	}
	return len(found)
}

// pageOf sorts rows newest first and cuts one page out of them.
func pageOf[T any](rows []T, skip int, position func(T) domain.Position, request domain.PageRequest) domain.Page[T] {
	if request.After != nil {
		rows = slices.DeleteFunc(rows, func(row T) bool { return comparePositions(position(row), *request.After) >= 0 })
	}
	slices.SortFunc(rows, func(a, b T) int { return comparePositions(position(b), position(a)) })
	rows = rows[min(skip, len(rows)):]
	if len(rows) <= request.Limit {
		return domain.Page[T]{Items: rows}
	}
	rows = rows[:request.Limit]
	last := position(rows[len(rows)-1])
	return domain.Page[T]{Items: rows, Next: &last}
}

func comparePositions(a, b domain.Position) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
}
