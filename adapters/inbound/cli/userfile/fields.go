package userfile

import (
	"fmt"
	"strings"
	"time"

	"authserve/core/account"
	"authserve/core/domain"
)

// field is one thing that is known of an account.
type field int

const (
	fieldSourceID field = iota
	fieldEmail
	fieldUsername
	fieldDisplayName
	fieldPasswordHash
	fieldStatus
	fieldEmailVerified
	fieldCreatedAt
	fieldCount
)

// String is the name of the field in refusals.
func (f field) String() string {
	return [fieldCount]string{
		"source_id", "email", "username", "display_name", "password_hash", "is_active", "email_verified", "created_at",
	}[f]
}

// disabledName is the one name whose meaning is the opposite of its field's.
const disabledName = "disabled"

// fieldOf returns the field that a column or member of a row is.
func fieldOf(name string) (f field, known bool) {
	switch name {
	case "id", "source_id":
		return fieldSourceID, true
	case "email":
		return fieldEmail, true
	case "username":
		return fieldUsername, true
	case "display_name", "full_name", "name":
		return fieldDisplayName, true
	case "password_hash", "hashed_password", "password":
		return fieldPasswordHash, true
	case "is_active", "active", disabledName:
		return fieldStatus, true
	case "email_verified", "is_verified":
		return fieldEmailVerified, true
	case "created_at", "date_joined":
		return fieldCreatedAt, true
	default:
		return 0, false
	}
}

// column is one column of a table of users.
type column struct {
	name  string
	field field
	known bool
}

// columns finds the fields among the names of a table's columns and tells f of the
// others.
func (f *File) columns(header []string) ([]column, error) {
	list := make([]column, len(header))
	var first [fieldCount]string
	for i, name := range header {
		c := column{name: name}
		c.field, c.known = fieldOf(name)
		list[i] = c
		switch {
		case !c.known:
			f.ignored.add(name)
		case first[c.field] != "":
			return nil, fmt.Errorf("the columns %q and %q mean the same: leave one out", first[c.field], name)
		default:
			first[c.field] = name
		}
	}
	if first[fieldEmail] == "" {
		return nil, fmt.Errorf("there is no column email, only %s", strings.Join(quoted(header), ", "))
	}
	if first[fieldPasswordHash] == "" {
		return nil, fmt.Errorf("there is no column password_hash, hashed_password or password, only %s: add an empty one if no account shall have a password",
			strings.Join(quoted(header), ", "))
	}
	return list, nil
}

func quoted(header []string) []string {
	var n names
	for _, name := range header {
		n.add(name)
	}
	return n.list
}

// value is what a row has in one place. SQL's NULL, JSON's null and the empty text
// are one: nothing.
type value struct {
	text    string
	literal bool // a number or a boolean of JSON, as it was written
}

// builder makes a row of its values and keeps the first fault.
type builder struct {
	row     account.ImportRow
	present [fieldCount]bool
	err     error
}

func (b *builder) fault(f field, code domain.Code, message string) {
	if b.err == nil {
		b.err = domain.Invalid(domain.FieldError{Field: f.String(), Code: code, Message: message})
	}
}

// set puts the value of what is called name into the row.
func (b *builder) set(f field, name string, v value) {
	if b.present[f] {
		b.fault(f, account.CodeMalformedRow, "The row has this twice, by two names that mean the same.")
		return
	}
	b.present[f] = true
	switch f {
	case fieldSourceID:
		b.row.SourceID = v.text // also a number: most ids are
	case fieldEmail:
		b.row.Email = b.text(f, v)
	case fieldUsername:
		b.row.Username = b.text(f, v)
	case fieldDisplayName:
		b.row.DisplayName = b.text(f, v)
	case fieldPasswordHash:
		b.row.PasswordHash = domain.NewSecret(b.text(f, v))
	case fieldStatus:
		b.row.Disabled = b.boolean(f, v) == (name == disabledName)
	case fieldEmailVerified:
		b.row.EmailVerified = b.boolean(f, v)
	case fieldCreatedAt:
		b.row.CreatedAt = b.time(v)
	default:
	}
}

func (b *builder) text(f field, v value) string {
	if v.literal {
		b.fault(f, domain.CodeInvalidFormat, "This must be a text.")
		return ""
	}
	return v.text
}

// boolean reads what JSON, SQLite, Python and PostgreSQL write. Nothing counts as
// false, as it does in the programs that the files come from: an account whose
// is_active is empty could not be used there.
func (b *builder) boolean(f field, v value) bool {
	switch strings.ToLower(v.text) {
	case "1", "t", "true":
		return true
	case "", "0", "f", "false":
		return false
	default:
		b.fault(f, domain.CodeInvalidFormat, "This must be true or false, or 1 or 0.")
		return false
	}
}

// time reads RFC 3339, and what ISO 8601 allows beside it and Python's isoformat,
// SQLAlchemy, Django and PostgreSQL write: a blank for the T, an offset without
// minutes, and no offset, which means UTC. Numbers are refused: they can count
// seconds or milliseconds.
func (b *builder) time(v value) time.Time {
	if v.text == "" {
		return time.Time{}
	}
	if text := []byte(v.text); len(text) > 10 {
		if text[10] == ' ' {
			text[10] = 'T'
		}
		for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04:05Z07"} {
			t, err := time.Parse(layout, string(text))
			if err != nil {
				continue
			}
			if t.IsZero() { // which would mean that it is unknown
				b.fault(fieldCreatedAt, account.CodeOutOfRange, "The account was created before 1970.")
			}
			return domain.Instant(t)
		}
	}
	b.fault(fieldCreatedAt, domain.CodeInvalidFormat, "This must be a date and time such as 2024-05-01T12:34:56Z or 2024-05-01 12:34:56.789012 (UTC), not a number.")
	return time.Time{}
}

// finish returns the row with its fault.
func (b *builder) finish() (account.ImportRow, error) {
	if !b.present[fieldPasswordHash] {
		b.fault(fieldPasswordHash, domain.CodeRequired, "The row has no password_hash; null stands for an account without a password.")
	}
	return b.row, b.err
}

// malformed is the fault of a row that cannot be read at all.
func malformed(line int, message string) (account.ImportRow, error) {
	return account.ImportRow{Line: line}, domain.NewError(domain.KindMalformed, account.CodeMalformedRow, message)
}
