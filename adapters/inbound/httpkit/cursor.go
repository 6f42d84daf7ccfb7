package httpkit

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// maxCursor bounds a cursor, in characters; a position with the longest e-mail address
// takes three quarters of it.
const maxCursor = 2048

var errInvalidCursor = domain.NewError(domain.KindMalformed, CodeInvalidCursor, "The cursor is not valid for this list.")

// Cursors turns positions in lists into what clients pass back, and back again.
// A cursor is sealed and bound to the name of its list: clients can neither read,
// nor forge, nor carry it to another list.
type Cursors struct{ sealer ports.Sealer }

// NewCursors makes Cursors that seal with the keyring.
func NewCursors(sealer ports.Sealer) Cursors { return Cursors{sealer: sealer} }

func (c Cursors) encode(ctx context.Context, list string, p *domain.Position) (*string, error) {
	if p == nil {
		return nil, nil
	}
	plain := binary.AppendVarint(nil, p.At.UnixMicro())
	plain = binary.AppendUvarint(plain, uint64(len(p.Text)))
	plain = append(plain, p.Text...)
	plain = append(plain, p.ID...)
	sealed, err := c.sealer.Seal(ctx, ports.PurposeCursor, plain, []byte(list))
	if err != nil {
		return nil, err
	}
	text := base64.RawURLEncoding.EncodeToString(sealed)
	return &text, nil
}

func (c Cursors) decode(ctx context.Context, list, text string) (*domain.Position, error) {
	if len(text) > maxCursor {
		return nil, errInvalidCursor
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errInvalidCursor
	}
	plain, err := c.sealer.Open(ctx, ports.PurposeCursor, sealed, []byte(list))
	switch kind := domain.KindOf(err); {
	case err == nil:
	case kind == domain.KindMalformed, kind == domain.KindNotFound:
		return nil, errInvalidCursor
	default:
		return nil, err
	}
	return positionIn(plain)
}

// positionIn reads what encode wrote.
func positionIn(plain []byte) (*domain.Position, error) {
	at, n := binary.Varint(plain)
	if n <= 0 {
		return nil, errInvalidCursor
	}
	plain = plain[n:]
	size, n := binary.Uvarint(plain)
	if n <= 0 || size > uint64(len(plain)-n) { //nolint:gosec // n is at most len(plain)
		return nil, errInvalidCursor
	}
	text, rest := plain[n:n+int(size)], plain[n+int(size):] //nolint:gosec // bounded above
	id, err := domain.ParseID(string(rest))
	if err != nil {
		return nil, errInvalidCursor
	}
	p := &domain.Position{At: domain.Instant(time.UnixMicro(at)), Text: string(text), ID: id}
	return p, nil
}

// Page is the wire form of one page of a list.
type Page[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"` // null on the last page
}

// NewPage makes the wire form of page, each item by wire.
func NewPage[T, W any](ctx context.Context, c Cursors, list string, page domain.Page[T], wire func(T) W) (Page[W], error) {
	next, err := c.encode(ctx, list, page.Next)
	if err != nil {
		return Page[W]{}, err
	}
	items := make([]W, len(page.Items))
	for i, item := range page.Items {
		items[i] = wire(item)
	}
	return Page[W]{Items: items, NextCursor: next}, nil
}
