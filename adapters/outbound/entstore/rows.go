package entstore

import (
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// optional returns NULL for the zero instant.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = domain.Instant(t)
	return &t
}

// instant returns the zero instant for NULL.
func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// optionalText returns NULL for the empty string.
func optionalText(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// text returns the empty string for NULL.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// convert turns strings of one type into another.
func convert[To, From ~string](from []From) []To {
	if from == nil {
		return nil
	}
	to := make([]To, len(from))
	for i, s := range from {
		to[i] = To(s)
	}
	return to
}

// one is the verdict of a conditional write: changed rows, or stale.
func one(changed int) error {
	if changed == 0 {
		return ports.ErrStale
	}
	return nil
}

// page makes a page of rows, of which there is one more than limit when another
// page follows.
func page[Row, T any](rows []Row, limit int, noun func(Row) T, position func(T) domain.Position) domain.Page[T] {
	var out domain.Page[T]
	more := len(rows) > limit
	if more {
		rows = rows[:limit]
	}
	out.Items = make([]T, len(rows))
	for i, row := range rows {
		out.Items[i] = noun(row)
	}
	if more {
		last := position(out.Items[limit-1])
		out.Next = &last
	}
	return out
}
