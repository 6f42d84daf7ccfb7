package token_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap/world"
	"authserve/core/domain"
	"authserve/core/token"
	"authserve/ports"
	"authserve/ports/fake"
)

const (
	email = "ada@example.com"
	every = 90 * 24 * time.Hour
)

func states(t *testing.T, w *world.World) map[domain.KeyState]int {
	t.Helper()
	count := map[domain.KeyState]int{}
	err := w.Store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		keys, err := tx.Keys().List(ctx)
		for _, k := range keys {
			count[k.State]++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func TestFirstStartMakesOneActiveAndOneNextKey(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	if got := states(t, w); got[domain.KeyActive] != 1 || got[domain.KeyNext] != 1 || got[domain.KeyRetired] != 0 {
		t.Errorf("keys = %v; want 1 active, 1 next", got)
	}
	if err := w.Tokens.EnsureKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := states(t, w); got[domain.KeyActive]+got[domain.KeyNext] != 2 {
		t.Errorf("a second start made keys: %v", got)
	}
}

func TestManyReplicasMakeTheFirstKeysOnce(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	store := memstore.New()
	var group sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		group.Go(func() { errs[i] = replica(w, store).EnsureKeys(t.Context()) })
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			t.Errorf("a replica failed to start: %v", err)
		}
	}
	w.Store = store
	if got := states(t, w); got[domain.KeyActive] != 1 || got[domain.KeyNext] != 1 {
		t.Errorf("keys = %v; want 1 active, 1 next", got)
	}
}

// replica makes another token service over the same store and keyring.
func replica(w *world.World, store ports.Store) *token.Service {
	return replicaOf(w, store, domain.EdDSA)
}

func replicaOf(w *world.World, store ports.Store, alg domain.Algorithm) *token.Service {
	return token.New(store, w.Codec, w.Sealer, w.Clock, w.IDs, token.Config{
		Issuer: world.Issuer, Audience: world.Issuer, AccessTTL: world.AccessTTL, Leeway: world.Leeway, Algorithm: alg,
	})
}

func TestRotationKeepsOldTokensGoodUntilTheyExpire(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	if changed, err := w.Tokens.RotateIfDue(t.Context(), every); err != nil || changed {
		t.Fatalf("rotation before its time: %v, %v", changed, err)
	}
	w.Clock.Advance(every)
	old := w.Login(t, email)
	if changed, err := w.Tokens.RotateIfDue(t.Context(), every); err != nil || !changed {
		t.Fatalf("due rotation: %v, %v", changed, err)
	}
	if got := states(t, w); got[domain.KeyActive] != 1 || got[domain.KeyNext] != 1 || got[domain.KeyRetired] != 1 {
		t.Errorf("keys = %v; want one in each state", got)
	}
	fresh := w.Login(t, email)
	for name, pair := range map[string]domain.TokenPair{"old": old, "fresh": fresh} {
		if _, err := w.Tokens.Verify(t.Context(), pair.Access.Reveal()); err != nil {
			t.Errorf("%s token: %v", name, err)
		}
	}
	if published, err := w.Tokens.PublicKeys(t.Context()); err != nil || len(published) != 3 || published[0].SealedPrivate != nil {
		t.Errorf("published = %+v, %v; want three keys without private halves", published, err)
	}
	w.Clock.Advance(world.AccessTTL + world.Leeway + 3*time.Minute)
	if _, err := w.Tokens.RotateIfDue(t.Context(), every); err != nil {
		t.Fatal(err)
	}
	if got := states(t, w); got[domain.KeyRetired] != 0 {
		t.Errorf("the retired key is still there: %v", got)
	}
}

func TestReplicaLearnsOfARotation(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	other := replica(w, w.Store)
	if err := other.EnsureKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Clock.Advance(every)
	if _, err := w.Tokens.RotateIfDue(t.Context(), every); err != nil {
		t.Fatal(err)
	}
	pair := w.Login(t, email)
	if _, err := other.Verify(t.Context(), pair.Access.Reveal()); err != nil {
		t.Errorf("a token of the new key at another replica: %v", err)
	}
}

func TestUnknownKidIsRefusedWithoutHammeringTheStore(t *testing.T) {
	t.Parallel()
	store := fake.Broken(memstore.New())
	w := world.New(t, world.WithStore(store))
	stranger := world.New(t)
	stranger.Register(t, email)
	forged := stranger.Login(t, email).Access.Reveal()
	store.FailView(ports.ErrUnavailable) // must not be read right after loading
	if _, err := w.Tokens.Verify(t.Context(), forged); domain.CodeOf(err) != domain.CodeInvalidToken {
		t.Errorf("unknown kid: %v; want %s", err, domain.CodeInvalidToken)
	}
}

func TestStoreTroubleLeavesKnownKeysInUse(t *testing.T) {
	t.Parallel()
	store := fake.Broken(memstore.New())
	w := world.New(t, world.WithStore(store))
	w.Register(t, email)
	pair := w.Login(t, email)
	w.Clock.Advance(2 * time.Minute) // the ring is due for reading again
	store.FailView(ports.ErrUnavailable)
	if _, err := w.Tokens.Verify(t.Context(), pair.Access.Reveal()); err != nil {
		t.Errorf("verify with the database away: %v", err)
	}
}

func TestChangedAlgorithmMakesNewKeys(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	old := w.Login(t, email)
	changed := replicaOf(w, w.Store, domain.ES256)
	if err := changed.EnsureKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := states(t, w); got[domain.KeyActive] != 1 || got[domain.KeyNext] != 1 || got[domain.KeyRetired] != 1 {
		t.Errorf("keys = %v; want new active and next, the old active retired", got)
	}
	if _, err := changed.Verify(t.Context(), old.Access.Reveal()); err != nil {
		t.Errorf("a token of the old algorithm: %v; want good until it expires", err)
	}
}

func TestClockSkewInsideAndOutsideTheLeeway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		skew time.Duration
		want domain.Code
	}{
		"verifier behind, inside":  {-world.Leeway, ""},
		"verifier behind, outside": {-world.Leeway - 2*time.Second, domain.CodeInvalidToken},
		"expired, inside":          {world.AccessTTL + world.Leeway - 2*time.Second, ""},
		"expired, outside":         {world.AccessTTL + world.Leeway + 2*time.Second, domain.CodeTokenExpired},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			w.Register(t, email)
			pair := w.Login(t, email)
			w.Clock.Advance(c.skew)
			_, err := w.Tokens.Verify(t.Context(), pair.Access.Reveal())
			if c.want == "" && err != nil || c.want != "" && domain.CodeOf(err) != c.want {
				t.Errorf("skew %v: %v; want %q", c.skew, err, c.want)
			}
		})
	}
}
