package boltstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"authserve/core/domain"
	"authserve/ports"
)

// table is a bucket of rows by their key, and the indexes over it.
type table[T any] struct {
	bucket   string
	key      func(row T) []byte
	field    string // that a second row of the same key is a conflict of
	instants func(row *T) []*time.Time
	indexes  []index[T]
}

// index is a bucket that leads from a key to that of the row.
type index[T any] struct {
	bucket string
	key    func(row T) []byte // nil: the row is not in the index
	field  string             // that a second row of the same key is a conflict of; empty: keys end with the row's own
}

// claim is a key that only one row can have.
type claim struct {
	bucket, key, field string
}

// claims are the unique keys of row, that of the row itself first.
func (t table[T]) claims(row T) []claim {
	found := []claim{{t.bucket, string(t.key(row)), t.field}}
	for _, ix := range t.indexes {
		if key := ix.key(row); ix.field != "" && key != nil {
			found = append(found, claim{ix.bucket, string(key), ix.field})
		}
	}
	return found
}

func (t table[T]) has(x *tx, key []byte) bool { return x.bucket(t.bucket).Get(key) != nil }

// get returns the row of a key. Errors: ports.ErrNotFound.
func (t table[T]) get(x *tx, key []byte) (row T, err error) {
	kept := x.bucket(t.bucket).Get(key)
	if kept == nil {
		return row, ports.ErrNotFound
	}
	return decode[T](kept)
}

// find returns the row that an index leads to. Errors: ports.ErrNotFound.
func (t table[T]) find(x *tx, index string, key []byte) (row T, err error) {
	to := x.bucket(index).Get(key)
	if to == nil {
		return row, ports.ErrNotFound
	}
	return t.follow(x, index, to)
}

// follow returns the row that an index leads to. That there is none is a damaged
// file, and must not look like a row that does not exist.
func (t table[T]) follow(x *tx, index string, to []byte) (row T, err error) {
	if !t.has(x, to) {
		return row, errRow.Wrap(fmt.Errorf("%s leads nowhere", index))
	}
	return t.get(x, to)
}

// insert adds a row. Errors: ports.Conflict.
func (t table[T]) insert(x *tx, row T) error {
	for _, c := range t.claims(row) {
		if x.bucket(c.bucket).Get([]byte(c.key)) != nil {
			return ports.Conflict(c.field)
		}
	}
	return t.write(x, nil, row)
}

// replace writes row in the place of old, which has the same key. Errors:
// ports.Conflict with a third row.
func (t table[T]) replace(x *tx, old, row T) error {
	for _, c := range t.claims(row)[1:] {
		if owner := x.bucket(c.bucket).Get([]byte(c.key)); owner != nil && !bytes.Equal(owner, t.key(row)) {
			return ports.Conflict(c.field)
		}
	}
	return t.write(x, &old, row)
}

// write keeps row with its instants in the form that all stores keep, and brings the
// indexes from old (nil: none) to it.
func (t table[T]) write(x *tx, old *T, row T) error {
	for _, at := range t.instants(&row) {
		*at = domain.Instant(*at)
	}
	value, err := encode(row)
	if err != nil {
		return err
	}
	key := t.key(row)
	for _, ix := range t.indexes {
		var before []byte
		if old != nil {
			before = ix.key(*old)
		}
		after := ix.key(row)
		if bytes.Equal(before, after) {
			continue
		}
		if before != nil {
			if err := x.remove(ix.bucket, before); err != nil {
				return err
			}
		}
		if after != nil {
			if err := x.put(ix.bucket, after, key); err != nil {
				return err
			}
		}
	}
	return x.put(t.bucket, key, value)
}

// remove takes the rows out, with their places in the indexes.
func (t table[T]) remove(x *tx, rows []T) error {
	for _, row := range rows {
		for _, ix := range t.indexes {
			if key := ix.key(row); key != nil {
				if err := x.remove(ix.bucket, key); err != nil {
					return err
				}
			}
		}
		if err := x.remove(t.bucket, t.key(row)); err != nil {
			return err
		}
	}
	return nil
}

// all calls each with every row, in the order of keys.
func (t table[T]) all(ctx context.Context, x *tx, each func(row T)) error {
	return x.bucket(t.bucket).ForEach(func(_, kept []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		row, err := decode[T](kept)
		if err != nil {
			return err
		}
		each(row)
		return nil
	})
}

// before returns at most limit rows whose keys in the index sort before end, the
// lowest first.
func (t table[T]) before(ctx context.Context, x *tx, index string, end []byte, limit int) ([]T, error) {
	return t.rising(ctx, x, index, nil, func(key []byte) bool { return bytes.Compare(key, end) < 0 }, limit)
}

// from returns at most limit rows whose keys in the index begin with prefix and do not
// sort before start, the lowest first.
func (t table[T]) from(ctx context.Context, x *tx, index string, prefix, start []byte, limit int) ([]T, error) {
	if bytes.Compare(start, prefix) < 0 {
		start = prefix
	}
	return t.rising(ctx, x, index, start, func(key []byte) bool { return bytes.HasPrefix(key, prefix) }, limit)
}

// rising returns at most limit rows from a key of the index on, as long as they are
// wanted. It collects them, since a bucket must not be written while a cursor walks it.
func (t table[T]) rising(ctx context.Context, x *tx, index string, start []byte, wanted func(key []byte) bool, limit int) ([]T, error) {
	var rows []T
	cursor := x.bucket(index).Cursor()
	for key, to := cursor.Seek(start); key != nil && wanted(key) && len(rows) < limit; key, to = cursor.Next() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		row, err := t.follow(x, index, to)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// page returns one page of the rows that match, newest first, out of an index whose
// keys are prefix and position (schema.go). It begins after the position that is
// asked for, so its cost does not grow with the number of pages before, and leaves
// out the first skip rows.
func (t table[T]) page(ctx context.Context, x *tx, index string, prefix []byte, match func(T) bool, skip int, request domain.PageRequest) (domain.Page[T], error) {
	var page domain.Page[T]
	var last domain.Position
	cursor := x.bucket(index).Cursor()
	for key, to := seekBelow(cursor, prefix, request.After); bytes.HasPrefix(key, prefix) && key != nil; key, to = cursor.Prev() {
		if err := ctx.Err(); err != nil {
			return domain.Page[T]{}, err
		}
		row, err := t.follow(x, index, to)
		switch {
		case err != nil:
			return domain.Page[T]{}, err
		case !match(row):
			continue
		case skip > 0:
			skip--
			continue
		case len(page.Items) == request.Limit: // there is one more, so this page is not the last
			page.Next = &last
			return page, nil
		}
		page.Items = append(page.Items, row)
		last = positionIn(key[len(prefix):])
	}
	return page, nil
}

// seekBelow moves the cursor to the highest key that begins with prefix and sorts
// before the position (nil: to the highest of all), or to one without the prefix.
func seekBelow(cursor *bbolt.Cursor, prefix []byte, after *domain.Position) (key, value []byte) {
	limit := append(bytes.Clone(prefix), 0xff) // no instant of the next 200,000 years begins like this
	if after != nil {
		limit = append(bytes.Clone(prefix), positionKey(after.At, after.ID)...)
	}
	if key, _ := cursor.Seek(limit); key == nil {
		return cursor.Last()
	}
	return cursor.Prev()
}
