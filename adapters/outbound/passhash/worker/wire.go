package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
)

// Both pipes carry frames: a length of four bytes, big-endian, and that much JSON.
const (
	// protocol is what a child says first. A program that says anything else is not
	// one of ours.
	protocol = "authserve hash-worker 1"
	// maxFrame bounds a frame, so that garbage is not taken for a length.
	maxFrame = 64 << 10
	// maxFault bounds the text of an error.
	maxFault = 1 << 10

	lengthSize = 4
)

// hello is the child's first frame.
type hello struct {
	Protocol string `json:"protocol"`
}

// request is a job on its way to the child.
type request struct {
	ID  uint64 `json:"id"`
	Job Job    `json:"job"`
}

// reply is the answer to the request of the same ID: a result, or why there is none.
type reply struct {
	ID     uint64  `json:"id"`
	Result *Result `json:"result,omitempty"`
	Fault  string  `json:"fault,omitempty"`
}

// answers reports whether r is the one answer to the request of the ID.
func (r reply) answers(id uint64) bool { return r.ID == id && (r.Result == nil) == (r.Fault != "") }

var errFrame = errors.New("not a frame of the hash worker's protocol")

// encode makes the frame of a value. It fails for texts that are not UTF-8, which
// would arrive changed, and for what is too long.
func encode(v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%w: it cannot be written as JSON", errFrame) // err may quote what must not be told
	}
	defer clear(body) // there may be a password in it
	if len(body) > maxFrame {
		return nil, fmt.Errorf("%w: %d bytes are too long", errFrame, len(body))
	}
	frame := make([]byte, lengthSize, lengthSize+len(body))
	binary.BigEndian.PutUint32(frame, uint32(len(body))) //nolint:gosec // G115: at most maxFrame
	return append(frame, body...), nil
}

// decode reads one frame into v. The error is io.EOF at the end between two frames,
// io.ErrUnexpectedEOF at the end inside one, errFrame for what the protocol does not
// have.
func decode(r io.Reader, v any) error {
	var length [lengthSize]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxFrame {
		return fmt.Errorf("%w: a length of %d", errFrame, n)
	}
	body := make([]byte, n)
	defer clear(body)
	if _, err := io.ReadFull(r, body); errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	} else if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("%w: its JSON is another", errFrame)
	}
	return nil
}

// faultText makes the error's text fit for a reply.
func faultText(err error) string {
	text := err.Error()
	if text == "" {
		text = "an error without words"
	}
	return strings.ToValidUTF8(text[:min(len(text), maxFault)], "?")
}
