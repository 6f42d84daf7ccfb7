package domain

import "time"

// ID identifies one row for ever: a UUID in its canonical lower-case text form
// (RFC 9562). IDs are public; nothing may depend on their being hard to guess.
type ID string

// ParseID accepts exactly the canonical form: 36 characters, lower case.
func ParseID(s string) (ID, error) {
	if len(s) != 36 {
		return "", errBadID
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return "", errBadID
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return "", errBadID
			}
		}
	}
	return ID(s), nil
}

var errBadID = NewError(KindNotFound, CodeNotFound, "There is no object with this id.")

// Instant brings t to the form in which every instant is kept: UTC, whole
// microseconds, no monotonic part (the least that all databases can hold).
func Instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
