package token

import (
	"crypto/sha256"
	"sync"
	"time"

	"authserve/core/domain"
)

// verifiedHalf is how many tokens one half of the memory holds; both halves
// together take a few MiB at most.
const verifiedHalf = 2048

// verified remembers access tokens whose signature and claims were found good, by
// their digest, so that the next call with the same token costs no signature
// check. Only genuine tokens get in, so nobody can fill it with garbage.
//
// It has two halves: when the young one is full it becomes the old one, and what
// the old one held is forgotten.
type verified struct {
	mu         sync.Mutex
	young, old map[digest]verifiedToken
}

type digest = [sha256.Size]byte

// verifiedToken is good as long as the ring that verified it is in use, and its own
// times allow.
type verifiedToken struct {
	claims domain.Claims
	ring   *ring
}

func newVerified() *verified {
	return &verified{young: make(map[digest]verifiedToken), old: map[digest]verifiedToken{}}
}

func (v *verified) find(d digest) (verifiedToken, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if t, ok := v.young[d]; ok {
		return t, true
	}
	t, ok := v.old[d]
	if ok {
		v.put(d, t) // still in use: keep it for another generation
	}
	return t, ok
}

func (v *verified) add(d digest, t verifiedToken) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.put(d, t)
}

func (v *verified) put(d digest, t verifiedToken) {
	if len(v.young) >= verifiedHalf {
		v.old, v.young = v.young, make(map[digest]verifiedToken, verifiedHalf)
	}
	v.young[d] = t
}

// current reports whether the token's times allow its use at now. At its edges the
// verifier decides, so this is strict.
func (t verifiedToken) current(now time.Time) bool {
	return !now.Before(t.claims.IssuedAt) && now.Before(t.claims.ExpiresAt)
}
