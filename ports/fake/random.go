package fake

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	"authserve/core/domain"
	"authserve/ports"
)

// kind keeps the identifiers of different fixtures apart.
type kind int

const (
	kindSequence kind = iota
	kindAccount
	kindSession
	kindKey
	kindMessage
	kindEvent
	kindResource
)

// id has the shape of a UUIDv7 (RFC 9562 section 5.7) and sorts by kind and n.
func id(k kind, n int64) domain.ID {
	return domain.ID(fmt.Sprintf("0190%04x-0000-7000-8000-%012x", int(k), n))
}

// IDs makes an ascending sequence of identifiers, the same in every run. Safe for
// concurrent use.
type IDs struct{ last atomic.Int64 }

var _ ports.IDs = (*IDs)(nil)

// New implements ports.IDs.
func (i *IDs) New() domain.ID { return id(kindSequence, i.last.Add(1)) }

// Random is a stream of bytes that is the same for the same seed. Safe for
// concurrent use.
type Random struct {
	mu    sync.Mutex
	seed  uint64
	block uint64
	rest  []byte
}

var _ ports.Random = (*Random)(nil)

// NewRandom returns the stream of the seed.
func NewRandom(seed uint64) *Random { return &Random{seed: seed} }

// Bytes implements ports.Random.
func (r *Random) Bytes(n int) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.rest) < n {
		var input [16]byte
		binary.BigEndian.PutUint64(input[:8], r.seed)
		binary.BigEndian.PutUint64(input[8:], r.block)
		block := sha256.Sum256(input[:])
		r.rest = append(r.rest, block[:]...)
		r.block++
	}
	out := append([]byte(nil), r.rest[:n]...)
	r.rest = r.rest[n:]
	return out
}
