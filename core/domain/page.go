package domain

import "time"

// Bounds of one page of a list.
const (
	DefaultPageLimit = 50
	MaxPageLimit     = 200
)

// Position is the key of the last row of a page: lists go on after it, so they
// stay stable while rows are inserted and deleted. Lists in the order of time use At,
// lists in the order of a text use Text; rows that are equal there follow one another
// by ID.
type Position struct {
	At   time.Time
	Text string
	ID   ID
}

// PageRequest asks for at most Limit rows after After (nil: from the start).
type PageRequest struct {
	Limit int
	After *Position
}

// Page is one page of a list. Next is nil on the last page.
type Page[T any] struct {
	Items []T
	Next  *Position
}
