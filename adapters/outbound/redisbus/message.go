package redisbus

import (
	"strings"

	"authserve/core/domain"
	"authserve/ports"
)

// A message is `1 sender rows`: version, the sender's identifier, and the rows'
// identifiers with commas between them, or an asterisk for any row. One that names no
// row tells nothing.
const (
	version = "1 "
	anyRow  = "*"
	comma   = ","

	idLength = 36 // of domain.ID
	// maxMessage is the length of the longest message, in bytes.
	maxMessage = len(version) + idLength + 1 + ports.MaxChanges*(idLength+len(comma)) - len(comma)
)

// encode writes a message. Of what it does not understand it makes one for any row.
func encode(sender domain.ID, c ports.Changes) string {
	var m strings.Builder
	m.WriteString(version)
	m.WriteString(string(sender))
	m.WriteByte(' ')
	if c.Any || len(c.Rows) > ports.MaxChanges {
		m.WriteString(anyRow)
		return m.String()
	}
	for i, id := range c.Rows {
		if _, err := domain.ParseID(string(id)); err != nil {
			return encode(sender, ports.Changes{Any: true})
		}
		if i > 0 {
			m.WriteString(comma)
		}
		m.WriteString(string(id))
	}
	return m.String()
}

// decode reads a message. It takes exactly what encode writes.
func decode(m string) (sender domain.ID, c ports.Changes, ok bool) {
	if len(m) > maxMessage {
		return "", ports.Changes{}, false
	}
	rest, ok := strings.CutPrefix(m, version)
	if !ok {
		return "", ports.Changes{}, false
	}
	from, rows, ok := strings.Cut(rest, " ")
	if !ok {
		return "", ports.Changes{}, false
	}
	sender, err := domain.ParseID(from)
	switch {
	case err != nil:
		return "", ports.Changes{}, false
	case rows == "":
		return sender, ports.Changes{}, true
	case rows == anyRow:
		return sender, ports.Changes{Any: true}, true
	}
	for text := range strings.SplitSeq(rows, comma) {
		id, err := domain.ParseID(text)
		if err != nil {
			return "", ports.Changes{}, false
		}
		c.Rows = append(c.Rows, id)
	}
	return sender, c, true
}
