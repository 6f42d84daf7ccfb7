package passhash_test

import (
	"strings"
	"testing"

	"authserve/adapters/outbound/passhash"
	"authserve/core/domain"
)

func TestPepper(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{passhash.Argon2id, passhash.Bcrypt} {
		cfg := cheap()
		cfg.Algorithm, cfg.Pepper = algorithm, true
		first, second := keyring(t, masterKey(1)), keyring(t, masterKey(2), masterKey(1))
		e := engine(t, cfg, passhash.Deps{Sealer: first})
		long := strings.Repeat("long password ", 9) // beyond what bcrypt reads, without a pepper
		h := hashOf(t, e, long)
		if !strings.HasPrefix(h.Reveal(), "$pepper$"+first.ActiveKey()+"$") {
			t.Errorf("%s: record %q; want the key's id in it", algorithm, h.Reveal())
		}
		if got := verify(t, e, long, h); got != (verdict{match: true}) {
			t.Errorf("%s: with the same key: %+v", algorithm, got)
		}
		if got := verify(t, e, long+"x", h); got.match {
			t.Errorf("%s: another long password matches", algorithm)
		}
		if got := verify(t, engine(t, cfg, passhash.Deps{Sealer: second}), long, h); got != (verdict{match: true, rehash: true}) {
			t.Errorf("%s: after a rotation: %+v; want a match and a re-hash", algorithm, got)
		}
		off := cfg
		off.Pepper = false
		if got := verify(t, engine(t, off, passhash.Deps{Sealer: first}), long, h); got != (verdict{match: true, rehash: true}) {
			t.Errorf("%s: with the pepper off: %+v; want a match and a re-hash", algorithm, got)
		}
		other := engine(t, cfg, passhash.Deps{Sealer: keyring(t, masterKey(3))})
		if _, _, err := other.Verify(t.Context(), domain.PresentedPassword(long), h); err == nil || domain.CodeOf(err) != domain.CodeInternal {
			t.Errorf("%s: without the key: %v; want an internal error, never a mismatch", algorithm, err)
		}
		bare := strings.TrimPrefix(h.Reveal(), "$pepper$"+first.ActiveKey())
		if got := verify(t, e, long, domain.NewSecret(bare)); got.match {
			t.Errorf("%s: the password matches without the pepper", algorithm)
		}
	}
}
