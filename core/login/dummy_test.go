package login_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap/world"
	"authserve/core/domain"
	"authserve/core/login"
	"authserve/ports"
	"authserve/ports/fake"
)

// watched notes the settings that logins are verified against.
type watched struct {
	*fake.Hasher
	mu   sync.Mutex
	seen []string
}

func (h *watched) Verify(ctx context.Context, p domain.Password, hash domain.PasswordHash) (match, needsRehash bool, err error) {
	h.mu.Lock()
	h.seen = append(h.seen, domain.SettingsOf(hash))
	h.mu.Unlock()
	return h.Hasher.Verify(ctx, p, hash)
}

// last is what the latest login was verified against.
func (h *watched) last() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seen[len(h.seen)-1]
}

func watchedLogins(t *testing.T, w *world.World) (*login.Service, *watched) {
	t.Helper()
	h := &watched{Hasher: w.Hasher}
	return loginsWith(w, h), h
}

func fail(t *testing.T, logins *login.Service, identifier string) {
	t.Helper()
	_, err := logins.WithPassword(t.Context(), login.Attempt{Identifier: identifier, Password: domain.NewSecret("a wrong password")})
	if domain.CodeOf(err) != domain.CodeInvalidCredentials {
		t.Fatalf("%s: %v", identifier, err)
	}
}

// Of every four stored hashes three are imported ones: so are the dummies.
func TestUnknownIdentifiersCostWhatStoredAccountsCost(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	for i := range 40 {
		a := w.Register(t, fmt.Sprintf("user%d@example.com", i))
		if i%4 != 0 {
			replace(t, w, a.ID, func(c *domain.Credential) { c.Hash = domain.NewSecret("$import$fake$7$salt$digest") })
		}
	}
	logins, hasher := watchedLogins(t, w)
	fail(t, logins, "nobody@example.com")
	if got := hasher.last(); got != "$fake$1" {
		t.Errorf("before the mix is known: %q; want the present settings", got)
	}
	if err := logins.LearnMix(t.Context()); err != nil {
		t.Fatal(err)
	}
	const tries = 400
	imported := 0
	for i := range tries {
		fail(t, logins, fmt.Sprintf("nobody%d@example.com", i))
		first := hasher.last()
		if first == "$import$fake$7" {
			imported++
		}
		fail(t, logins, fmt.Sprintf("NoBody%d@Example.com", i))
		if hasher.last() != first {
			t.Fatal("the same identifier in other letters got another dummy")
		}
	}
	if share := float64(imported) / tries; share < .65 || share > .85 {
		t.Errorf("%.2f of the unknown identifiers cost what imported hashes cost; want about 0.75", share)
	}
	for _, odd := range []string{"nobody", "no body@", "\x00"} {
		fail(t, logins, odd)
	}
}

func TestOneSettingsAreTheDummys(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	w.Hasher.SetCost(3) // stored hashes are of cost 1 until their owners log in
	logins, hasher := watchedLogins(t, w)
	if err := logins.LearnMix(t.Context()); err != nil {
		t.Fatal(err)
	}
	fail(t, logins, "nobody@example.com")
	if got := hasher.last(); got != "$fake$1" {
		t.Errorf("dummy of %q; want what every stored hash has", got)
	}
}

func TestEmptyStoreGivesThePresentSettings(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	logins, hasher := watchedLogins(t, w)
	if err := logins.LearnMix(t.Context()); err != nil {
		t.Fatal(err)
	}
	fail(t, logins, "nobody@example.com")
	if got := hasher.last(); got != "$fake$1" {
		t.Errorf("dummy of %q", got)
	}
}

func TestMixThatCannotBeReadIsTold(t *testing.T) {
	t.Parallel()
	store := fake.Broken(world.New(t).Store)
	w := world.New(t, world.WithStore(store))
	store.FailView(ports.ErrUnavailable)
	if err := w.Logins.LearnMix(t.Context()); domain.CodeOf(err) != domain.CodeDependencyUnavailable {
		t.Errorf("error %v", err)
	}
	store.FailView(ports.ErrUnsupported)
	if err := w.Logins.LearnMix(t.Context()); err != nil {
		t.Errorf("a store that cannot count: %v; want the present settings and no error", err)
	}
}

// While imported hashes are replaced and accounts come, an unknown identifier must
// change its cost at most once, from an old setting to the present one, as an account does.
func TestDummyOfAnIdentifierChangesAtMostOnce(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	var ids []domain.ID
	for i := range 60 {
		a := w.Register(t, fmt.Sprintf("user%d@example.com", i))
		settings := fmt.Sprintf("$import$fake$%d", 7+i%3)
		replace(t, w, a.ID, func(c *domain.Credential) { c.Hash = domain.NewSecret(settings + "$salt$digest") })
		ids = append(ids, a.ID)
	}
	logins, hasher := watchedLogins(t, w)
	changes := map[string]int{}
	last := map[string]string{}
	for round := range 30 {
		w.Clock.Advance(time.Hour) // the failures of a round delay the next
		// One registration and one login of an imported account between two readings.
		w.Register(t, fmt.Sprintf("new%d@example.com", round))
		replace(t, w, ids[round], func(c *domain.Credential) { c.Hash = domain.NewSecret("$fake$1$salt$digest") })
		if err := logins.LearnMix(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range 50 {
			who := fmt.Sprintf("nobody%d@example.com", i)
			fail(t, logins, who)
			if got := hasher.last(); last[who] != "" && last[who] != got {
				changes[who]++
				if got != "$fake$1" {
					t.Errorf("%s went from %s to %s; an account goes to present settings only", who, last[who], got)
				}
			}
			last[who] = hasher.last()
		}
	}
	if len(changes) < 10 {
		t.Errorf("only %d of 50 unknown identifiers moved, while half of the hashes were replaced", len(changes))
	}
}

// Another import makes the shares anew: its hashes must not go without dummies.
func TestImportIntoAMixIsFollowed(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	logins, hasher := watchedLogins(t, w)
	for round, settings := range []string{"$import$fake$7", "$import$fake$8"} {
		for i := range 20 {
			a := w.Register(t, fmt.Sprintf("user%d-%d@example.com", round, i))
			replace(t, w, a.ID, func(c *domain.Credential) { c.Hash = domain.NewSecret(settings + "$salt$digest") })
		}
		if err := logins.LearnMix(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	drawn := map[string]int{}
	for i := range 200 {
		fail(t, logins, fmt.Sprintf("nobody%d@example.com", i))
		drawn[hasher.last()]++
	}
	if len(drawn) != 2 || drawn["$import$fake$7"] < 60 || drawn["$import$fake$8"] < 60 {
		t.Errorf("drawn %v; want the two halves", drawn)
	}
}

func TestBehindMeansSomethingToDo(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	expect := func(when string, want bool) {
		t.Helper()
		if got := w.Logins.IsBehind(); got != want {
			t.Errorf("%s: behind %v; want %v", when, got, want)
		}
	}
	w.Register(t, email)
	expect("at first", false)
	w.Login(t, email)
	expect("after a login of settings that the mix lacks", true)
	if err := w.Logins.RefreshMix(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect("after they were learnt", false)
	w.Login(t, email)
	expect("after a login of settings that the mix has", false)
	w.Hasher.SetCost(2)
	w.Login(t, email)
	expect("after a login with a weak hash", true)
	rehash(t, w, 1)
	expect("after its re-hash", false)
}

func TestMixIsReadAgainAfterAFailure(t *testing.T) {
	t.Parallel()
	store := fake.Broken(fake.Twice(memstore.New()))
	w := world.New(t, world.WithStore(store))
	w.Register(t, email)
	w.Login(t, email)
	store.FailView(ports.ErrUnavailable)
	if err := w.Logins.RefreshMix(t.Context()); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("with a broken store: %v", err)
	}
	if !w.Logins.IsBehind() {
		t.Error("the failure is forgotten")
	}
}

func TestMixFollowsTheSettingsThatLoginsMeet(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	logins, hasher := watchedLogins(t, w)
	if err := logins.LearnMix(t.Context()); err != nil {
		t.Fatal(err)
	}
	imported := w.Register(t, email)
	replace(t, w, imported.ID, func(c *domain.Credential) { c.Hash = domain.NewSecret("$import$fake$7$salt$digest") })
	fail(t, logins, email)
	if err := logins.RefreshMix(t.Context()); err != nil {
		t.Fatal(err)
	}
	fail(t, logins, "nobody@example.com")
	if got := hasher.last(); got != "$import$fake$7" {
		t.Errorf("dummy of %q; want what the only account costs", got)
	}
}

func TestSettingsThatCannotBeVerifiedAreNamedAndNotDrawn(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	for i := range 4 {
		a := w.Register(t, fmt.Sprintf("user%d@example.com", i))
		if i > 0 {
			replace(t, w, a.ID, func(c *domain.Credential) { c.Hash = domain.NewSecret("$pepper$gone$fake$1$salt$digest") })
		}
	}
	logins, hasher := watchedLogins(t, w)
	if err := logins.LearnMix(t.Context()); err == nil || !strings.Contains(err.Error(), "3 of $pepper$gone$fake$1") {
		t.Errorf("error %v; want the settings named, and how many have them", err)
	}
	for i := range 20 {
		fail(t, logins, fmt.Sprintf("nobody%d@example.com", i))
		if got := hasher.last(); got != "$fake$1" {
			t.Fatalf("dummy of %q", got)
		}
	}
}

// Whoever has no account must not be able to have all hashes counted.
func TestAnIdentifierThatNobodyCanHaveTeachesNothing(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	if err := w.Logins.LearnMix(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, identifier := range []string{"!!", "@", "a b", "nobody@example.com", "nobody"} {
		_, _ = w.Logins.WithPassword(t.Context(), login.Attempt{Identifier: identifier, Password: domain.NewSecret(world.Password)})
		if w.Logins.IsBehind() {
			t.Errorf("a login as %q leaves work behind", identifier)
		}
	}
}
