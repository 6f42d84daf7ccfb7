package bootstrap_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func TestEveryOutgoingPortIsGuarded(t *testing.T) {
	t.Parallel()
	for name, variables := range shippedConfigs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for ttl, want := range map[string]string{"0s": "guard.guardedStore", "1s": "*cache.Store"} { // which is before the guard: see below
				with := maps.Clone(variables)
				with["AUTHSERVE_CACHE_TTL"] = ttl
				out, err := bootstrap.OutgoingPorts(load(t, with))
				if err != nil {
					t.Fatal(err)
				}
				if len(out) != 4 {
					t.Errorf("%d outgoing ports; want store, hasher, mailer, breaches", len(out))
				}
				if out["store"] != want {
					t.Errorf("with cache.ttl %s the store reaches the core as %s; want %s", ttl, out["store"], want)
				}
				delete(out, "store")
				for name, kind := range out {
					if !strings.HasPrefix(kind, "guard.") {
						t.Errorf("%s reaches the core as %s; want a guard type", name, kind)
					}
				}
			}
		})
	}
}

// guardedPaths are the ways from the core to what an embedder may replace.
func guardedPaths() []string {
	return []string{
		"account to breaches", "account to hasher", "account to store", "audit to store", "delivery to mailer", "delivery to store", "login to hasher",
		"login to store", "session to store", "token to store", "upkeep to store",
	}
}

// witness notes for each call of a replaced port which room of the core it comes
// from, and whether guard stands between.
type witness struct {
	mu       sync.Mutex
	guarded  map[string]bool // by path; false where one call was not
	complete chan struct{}   // closed when every path was seen
}

func newWitness() *witness {
	return &witness{guarded: map[string]bool{}, complete: make(chan struct{})}
}

func (w *witness) saw(port string) {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	room, guarded := "nobody", false
	for more := true; more && room == "nobody"; {
		var f runtime.Frame
		f, more = frames.Next()
		guarded = guarded || strings.HasPrefix(f.Function, "authserve/adapters/outbound/guard.")
		if caller, ok := strings.CutPrefix(f.Function, "authserve/core/"); ok {
			room, _, _ = strings.Cut(caller, ".")
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	path := room + " to " + port
	earlier, known := w.guarded[path]
	w.guarded[path] = guarded && (earlier || !known)
	if !known && len(w.guarded) == len(guardedPaths()) {
		close(w.complete)
	}
}

type watchedStore struct {
	ports.Store
	w *witness
}

func (s watchedStore) View(ctx context.Context, fn func(context.Context, ports.Tx) error) error {
	s.w.saw("store")
	return s.Store.View(ctx, fn)
}

func (s watchedStore) Update(ctx context.Context, fn func(context.Context, ports.Tx) error) error {
	s.w.saw("store")
	return s.Store.Update(ctx, fn)
}

type watchedHasher struct {
	ports.Hasher
	w *witness
}

func (h watchedHasher) Hash(ctx context.Context, p domain.Password) (domain.PasswordHash, error) {
	h.w.saw("hasher")
	return h.Hasher.Hash(ctx, p)
}

func (h watchedHasher) Verify(ctx context.Context, p domain.Password, hash domain.PasswordHash) (match, needsRehash bool, err error) {
	h.w.saw("hasher")
	return h.Hasher.Verify(ctx, p, hash)
}

func (h watchedHasher) Rehash(ctx context.Context, p domain.Password) (domain.PasswordHash, error) {
	h.w.saw("hasher")
	return h.Hasher.Rehash(ctx, p)
}

type watchedBreaches struct {
	ports.Breaches
	w *witness
}

func (b watchedBreaches) Contains(ctx context.Context, p domain.Password) (bool, error) {
	b.w.saw("breaches")
	return b.Breaches.Contains(ctx, p)
}

type watchedMailer struct {
	ports.Mailer
	w *witness
}

func (m watchedMailer) Send(ctx context.Context, letter domain.Letter) error {
	m.w.saw("mailer")
	return m.Mailer.Send(ctx, letter)
}

// TestReplacedPortsAreUsedThroughGuard takes every way from the core to a port.
func TestReplacedPortsAreUsedThroughGuard(t *testing.T) {
	t.Parallel()
	for name, variables := range shippedConfigs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, store := newWitness(), memstore.New()
			err := store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error { return tx.Outbox().Enqueue(ctx, fake.Message(1)) })
			if err != nil {
				t.Fatal(err)
			}
			app, err := bootstrap.New(bootstrap.WithConfig(load(t, variables)), bootstrap.WithLogWriter(io.Discard),
				bootstrap.WithStore(watchedStore{store, w}), bootstrap.WithHasher(watchedHasher{fake.NewHasher(), w}), bootstrap.WithMailer(watchedMailer{&fake.Mailer{}, w}),
				bootstrap.WithBreaches(watchedBreaches{fake.NewBreaches(), w}))
			if err != nil {
				t.Fatal(err)
			}
			if err := app.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			auth := "http://" + app.HTTPAddr() + "/api/v1/auth/"
			post(t, auth+"register", registration)
			tokens := post(t, auth+"login", credentials)
			post(t, auth+"refresh", fmt.Sprintf(`{"refresh_token":%q}`, tokens["refresh_token"]))
			select { // what the workers do
			case <-w.complete:
			case <-time.After(10 * time.Second):
			}
			if err := app.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			want := map[string]bool{}
			for _, path := range guardedPaths() {
				want[path] = true
			}
			if !maps.Equal(w.guarded, want) {
				t.Errorf("taken, and whether through guard: %v; want %v", w.guarded, want)
			}
		})
	}
}
