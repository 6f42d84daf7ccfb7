package login_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

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
	for i := range 40 {
		a := w.Register(t, fmt.Sprintf("user%d@example.com", i))
		replace(t, w, a.ID, func(c *domain.Credential) { c.Hash = domain.NewSecret("$import$fake$7$salt$digest") })
		ids = append(ids, a.ID)
	}
	logins, hasher := watchedLogins(t, w)
	changes := map[string]int{}
	last := map[string]string{}
	for round := range 20 {
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
			}
			last[who] = hasher.last()
		}
	}
	worst, more := 0, 0
	for _, n := range changes {
		worst = max(worst, n)
		if n > 1 {
			more++
		}
	}
	if worst > 1 {
		t.Errorf("%d of 50 unknown identifiers changed their cost more than once, one %d times in 20 readings", more, worst)
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
