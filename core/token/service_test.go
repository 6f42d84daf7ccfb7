package token_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
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
		clear(count)
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

func TestChangedAlgorithmIsPublishedBeforeItSigns(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	old := w.Login(t, email)
	who := identity(t, w, old)
	changed := replicaOf(w, w.Store, domain.ES256)
	if err := changed.EnsureKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	mint := func() domain.Secret {
		t.Helper()
		access, _, err := changed.Mint(t.Context(), who.Account, who.Session)
		if err != nil {
			t.Fatal(err)
		}
		return access
	}
	if _, err := w.Tokens.Verify(t.Context(), mint().Reveal()); err != nil {
		t.Errorf("a token minted right after the change, at another replica: %v", err)
	}
	w.Clock.Advance(token.PublishedMaxAge)
	if rotated, err := changed.RotateIfDue(t.Context(), 0); err != nil || rotated {
		t.Errorf("rotated %v, %v before every client can have seen the key", rotated, err)
	}
	w.Clock.Advance(2 * time.Minute)
	if rotated, err := changed.RotateIfDue(t.Context(), 0); err != nil || !rotated {
		t.Fatalf("rotated %v, %v; want the new algorithm in use, also where rotation by age is off", rotated, err)
	}
	if got := states(t, w); got[domain.KeyActive] != 1 || got[domain.KeyNext] != 1 || got[domain.KeyRetired] != 1 {
		t.Errorf("keys = %v; want one in each state", got)
	}
	for name, access := range map[string]domain.Secret{"old": old.Access, "new": mint()} {
		if _, err := w.Tokens.Verify(t.Context(), access.Reveal()); err != nil {
			t.Errorf("a token of the %s algorithm at another replica: %v", name, err)
		}
	}
}

func identity(t *testing.T, w *world.World, pair domain.TokenPair) domain.Identity {
	t.Helper()
	who, err := w.Sessions.Authenticate(t.Context(), pair.Access.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	return who
}

func TestRetiredKeyOutlivesWhatItSigned(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Clock.Advance(every)
	if _, err := w.Tokens.RotateIfDue(t.Context(), every); err != nil {
		t.Fatal(err)
	}
	// A replica may sign with its old ring for two minutes more.
	w.Clock.Advance(2*time.Minute + world.AccessTTL + world.Leeway)
	if _, err := w.Tokens.RotateIfDue(t.Context(), every); err != nil {
		t.Fatal(err)
	}
	if got := states(t, w); got[domain.KeyRetired] != 1 {
		t.Errorf("keys = %v: the retired key went before the last token it can have signed", got)
	}
	w.Clock.Advance(time.Microsecond)
	if rotated, err := w.Tokens.RotateIfDue(t.Context(), every); err != nil || rotated {
		t.Fatalf("the deletion of a retired key = rotated %v, %v; want not rotated", rotated, err)
	}
	if got := states(t, w); got[domain.KeyRetired] != 0 {
		t.Errorf("keys = %v: the retired key stays for ever", got)
	}
}

func TestRingIsReadAgainInTime(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		step   time.Duration
		signs  bool // with the store away
		learns bool // of a rotation elsewhere
	}{
		"young":           {59 * time.Second, true, false},
		"a minute old":    {time.Minute, true, true},
		"two minutes old": {2 * time.Minute, false, true},
		"clock set back":  {-time.Hour, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &away{Store: memstore.New()}
			w := world.New(t, world.WithStore(store))
			w.Register(t, email)
			who := identity(t, w, w.Login(t, email))
			w.Clock.Advance(c.step)
			store.gone.Store(true)
			if _, _, err := w.Tokens.Mint(t.Context(), who.Account, who.Session); (err == nil) != c.signs {
				t.Errorf("mint with the store away: %v; want success %v", err, c.signs)
			}
			store.gone.Store(false)
			addNextKey(t, w)
			keys, err := w.Tokens.PublicKeys(t.Context())
			if err != nil || (len(keys) == 3) != c.learns {
				t.Errorf("%d keys known, %v; want the new one seen: %v", len(keys), err, c.learns)
			}
		})
	}
}

// away is a store that cannot be read while it is gone.
type away struct {
	ports.Store
	gone atomic.Bool
}

func (a *away) View(ctx context.Context, fn func(context.Context, ports.Tx) error) error {
	if a.gone.Load() {
		return ports.ErrUnavailable
	}
	return a.Store.View(ctx, fn)
}

// addNextKey adds a key as another replica would.
func addNextKey(t *testing.T, w *world.World) {
	t.Helper()
	err := w.Store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		keys, err := tx.Keys().List(ctx)
		if err != nil {
			return err
		}
		k := keys[len(keys)-1]
		k.ID, k.State = w.IDs.New(), domain.KeyRetired
		return tx.Keys().Create(ctx, k)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// stuck is a store whose reading takes until release, once armed.
type stuck struct {
	ports.Store
	entered chan struct{}
	release chan struct{}
	armed   atomic.Bool
}

func (s *stuck) View(ctx context.Context, fn func(context.Context, ports.Tx) error) error {
	if !s.armed.Load() {
		return s.Store.View(ctx, fn)
	}
	s.entered <- struct{}{}
	<-s.release
	return ports.ErrUnavailable
}

func TestKnownKeysAreServedWhileSomebodyReads(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	store := &stuck{Store: w.Store, entered: make(chan struct{}), release: make(chan struct{})}
	service := replica(w, store)
	if err := service.EnsureKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	store.armed.Store(true)
	w.Clock.Advance(3 * time.Minute)
	first := make(chan int, 1)
	go func() {
		keys, _ := service.PublicKeys(t.Context())
		first <- len(keys)
	}()
	<-store.entered
	for range 10 { // none of them waits, none reads
		if keys, err := service.PublicKeys(t.Context()); err != nil || len(keys) != 2 {
			t.Errorf("%d keys, %v; want the last ones known", len(keys), err)
		}
	}
	close(store.release)
	if n := <-first; n != 2 {
		t.Errorf("the one that read: %d keys; want the last ones known", n)
	}
}

func TestWaitingForTheRingEndsWithTheCaller(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	store := &stuck{Store: w.Store, entered: make(chan struct{}), release: make(chan struct{})}
	store.armed.Store(true)
	service := replica(w, store)
	first := make(chan error, 1)
	go func() {
		_, err := service.PublicKeys(t.Context())
		first <- err
	}()
	<-store.entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := service.PublicKeys(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that left while another one reads: %v; want its context's error", err)
	}
	close(store.release)
	if err := <-first; !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("the one that reads: %v", err)
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
