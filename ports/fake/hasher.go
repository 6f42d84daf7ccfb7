package fake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"authserve/core/domain"
	"authserve/ports"
)

// Hasher hashes passwords fast, so that a test may make thousands of accounts.
// It counts its work, can be made to fail or to block, and its settings can be
// raised so that earlier hashes need a re-hash. Safe for concurrent use.
type Hasher struct {
	mu       sync.Mutex
	cost     int
	salts    int
	hashes   int // with rehashes
	rehashes int
	verifies int
	err      error
	gate     chan struct{} // closed: work goes on
}

var _ ports.Hasher = (*Hasher)(nil)

// NewHasher returns a hasher of cost 1.
func NewHasher() *Hasher {
	gate := make(chan struct{})
	close(gate)
	return &Hasher{cost: 1, gate: gate}
}

// Hash implements ports.Hasher.
func (h *Hasher) Hash(ctx context.Context, p domain.Password) (domain.PasswordHash, error) {
	if err := h.work(ctx, &h.hashes); err != nil {
		return domain.PasswordHash{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.salts++
	return encode(h.cost, strconv.Itoa(h.salts), p.Reveal()), nil
}

// Rehash implements ports.Hasher.
func (h *Hasher) Rehash(ctx context.Context, p domain.Password) (domain.PasswordHash, error) {
	h.mu.Lock()
	h.rehashes++
	h.mu.Unlock()
	return h.Hash(ctx, p)
}

// Verify implements ports.Hasher.
func (h *Hasher) Verify(ctx context.Context, p domain.Password, hash domain.PasswordHash) (match, needsRehash bool, err error) {
	if err := h.work(ctx, &h.verifies); err != nil {
		return false, false, err
	}
	text, imported := strings.CutPrefix(hash.Reveal(), importedPrefix)
	parts := strings.Split(text, "$") // "", "fake", cost, salt, digest
	if len(parts) != 5 || parts[1] != "fake" {
		return false, false, errUnreadable
	}
	cost, err := strconv.Atoi(parts[2])
	if err != nil {
		return false, false, errUnreadable.Wrap(err)
	}
	plain := p.Reveal()
	if imported {
		plain = p.RevealRaw()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return plain != "" && encode(cost, parts[3], plain).Reveal() == text, imported || cost != h.cost, nil
}

// Dummy implements ports.Hasher.
func (h *Hasher) Dummy(settings string) domain.PasswordHash {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !strings.HasPrefix(strings.TrimPrefix(settings, importedPrefix), "$fake$") {
		settings = fmt.Sprintf("$fake$%d", h.cost)
	}
	return domain.NewSecret(settings + "$0$matches-nothing")
}

// Import implements ports.Hasher. It reads what ForeignHash makes.
func (h *Hasher) Import(encoded domain.Secret) (domain.PasswordHash, error) {
	password, ok := strings.CutPrefix(encoded.Reveal(), foreignPrefix)
	if !ok {
		return domain.PasswordHash{}, domain.NewError(domain.KindInvalid, domain.CodeInvalidFormat, "The hash is of no known encoding.")
	}
	return domain.NewSecret(importedPrefix + encode(1, "imported", password).Reveal()), nil
}

// ForeignHash is the hash of a password in the encoding of a program that is not
// ours, for Import.
func ForeignHash(password string) domain.Secret { return domain.NewSecret(foreignPrefix + password) }

const (
	foreignPrefix  = "foreign:"
	importedPrefix = "$import"
)

// SetCost changes the present settings: hashes of another cost need a re-hash.
func (h *Hasher) SetCost(cost int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cost = cost
}

// Fail makes every Hash and Verify from now on fail with err; nil ends that.
func (h *Hasher) Fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = err
}

// Block makes every Hash and Verify from now on wait until release is called or
// their context ends. Blocked calls are counted already.
func (h *Hasher) Block() (release func()) {
	gate := make(chan struct{})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gate = gate
	return sync.OnceFunc(func() { close(gate) })
}

// Hashes returns how often Hash was called.
func (h *Hasher) Hashes() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hashes
}

// Rehashes returns how often Rehash was called.
func (h *Hasher) Rehashes() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rehashes
}

// Verifies returns how often Verify was called.
func (h *Hasher) Verifies() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.verifies
}

// work counts one call, waits while the hasher is blocked, and fails when told to.
func (h *Hasher) work(ctx context.Context, count *int) error {
	h.mu.Lock()
	*count++
	gate := h.gate
	h.mu.Unlock()
	select {
	case <-gate:
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

var errUnreadable = domain.NewError(domain.KindInternal, domain.CodeInternal, "The password hash cannot be read.")

func encode(cost int, salt, password string) domain.PasswordHash {
	digest := sha256.Sum256([]byte(salt + "$" + password))
	return domain.NewSecret(fmt.Sprintf("$fake$%d$%s$%s", cost, salt, hex.EncodeToString(digest[:])))
}
