package login_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap/world"
	"authserve/core/domain"
	"authserve/core/login"
	"authserve/ports"
	"authserve/ports/fake"
)

func TestWeakHashIsReplacedOutsideOfTheLogin(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	owner := w.Register(t, email)
	w.Hasher.SetCost(2)
	hashes := w.Hasher.Hashes()
	w.Login(t, email)
	if w.Hasher.Hashes() != hashes {
		t.Error("the login itself hashed anew")
	}
	rehash(t, w, 1)
	if got := w.Hasher.Rehashes(); got != 1 {
		t.Errorf("%d hashes at the lowest precedence; want 1", got)
	}
	w.Login(t, email)
	rehash(t, w, 0)
	var events []domain.AuditEvent
	for _, e := range w.Audit(t, owner.ID) {
		if e.Action == domain.AuditPasswordRehashed {
			events = append(events, e)
		}
	}
	if len(events) != 1 || events[0].Detail["from"] != "$fake$1" || events[0].Detail["to"] != "$fake$2" {
		t.Errorf("audited %+v; want one re-hash from $fake$1 to $fake$2", events)
	}
}

// rehash runs what logins left behind and holds the number replaced against want.
func rehash(t *testing.T, w *world.World, want int) {
	t.Helper()
	if got, err := w.Logins.Rehash(t.Context()); got != want || err != nil {
		t.Errorf("%d re-hashed, %v; want %d", got, err, want)
	}
}

func TestRehashIsOnBehalfOfTheOneWhoLoggedIn(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	owner := w.Register(t, email)
	w.Hasher.SetCost(2)
	ctx := domain.WithActor(t.Context(), domain.Actor{Kind: domain.ActorAnonymous, IP: "192.0.2.7", CorrelationID: "c-1"})
	if _, err := w.Logins.WithPassword(ctx, login.Attempt{Identifier: email, Password: domain.NewSecret(world.Password)}); err != nil {
		t.Fatal(err)
	}
	rehash(t, w, 1)
	events := w.Audit(t, owner.ID)
	if got := events[len(events)-1]; got.Action != domain.AuditPasswordRehashed || got.Actor.CorrelationID != "c-1" {
		t.Errorf("last event %+v; want the re-hash under the login's correlation", got)
	}
}

func TestRehashNeverUndoesAPasswordChange(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	owner := w.Register(t, email)
	w.Hasher.SetCost(2)
	w.Login(t, email)
	changed := w.Hasher.Dummy("")
	replace(t, w, owner.ID, func(c *domain.Credential) { c.Version++; c.Hash = changed })
	rehash(t, w, 0)
	if got := credential(t, w, owner.ID); got.Hash != changed {
		t.Errorf("the changed password was replaced by a re-hash of the old one")
	}
}

func TestRehashWaitsWhileTheHasherIsBusy(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	w.Hasher.SetCost(2)
	w.Login(t, email)
	w.Hasher.Fail(ports.ErrOverloaded)
	rehash(t, w, 0)
	w.Hasher.Fail(nil)
	rehash(t, w, 1)
}

func TestLoginsOfOneSecondRehashOnce(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	w.Hasher.SetCost(2)
	for range 3 {
		w.Login(t, email)
	}
	rehash(t, w, 1)
	if got := w.Hasher.Rehashes(); got != 1 {
		t.Errorf("%d hashes for one account; want 1", got)
	}
}

// A second replica or an earlier second can have been first, while this one hashed.
func TestRehashReplacesNoHashButTheOneThatWasChecked(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	owner := w.Register(t, email)
	w.Hasher.SetCost(2)
	other := domain.NewSecret("$fake$2$of$another")
	logins := loginsWith(w, overtaken{w.Hasher, func() {
		replace(t, w, owner.ID, func(c *domain.Credential) { c.Hash = other })
	}})
	if _, err := logins.WithPassword(t.Context(), login.Attempt{Identifier: email, Password: domain.NewSecret(world.Password)}); err != nil {
		t.Fatal(err)
	}
	if n, err := logins.Rehash(t.Context()); n != 0 || err != nil {
		t.Errorf("%d re-hashed, %v; want none", n, err)
	}
	if got := credential(t, w, owner.ID); got.Hash != other {
		t.Error("a parallel re-hash was replaced")
	}
}

// overtaken lets something happen before each re-hash.
type overtaken struct {
	ports.Hasher
	first func()
}

func (h overtaken) Rehash(ctx context.Context, p domain.Password) (domain.PasswordHash, error) {
	h.first()
	return h.Hasher.Rehash(ctx, p)
}

// One that is never done must not keep the others from it for ever.
func TestRehashThatIsNeverDoneIsDroppedAndTold(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	w.Hasher.SetCost(2)
	w.Login(t, email)
	w.Hasher.Fail(ports.ErrOverloaded)
	var err error
	rounds := 0
	for ; err == nil && rounds < 100; rounds++ {
		_, err = w.Logins.Rehash(t.Context())
	}
	if !errors.Is(err, ports.ErrOverloaded) || rounds < 10 {
		t.Errorf("after %d rounds: %v; want patience, and then the fault", rounds, err)
	}
	w.Hasher.Fail(nil)
	rehash(t, w, 0)
}

// As of a password longer than what bcrypt reads, where that is configured now.
func TestPasswordThatCannotBeHashedAnewIsNoTrouble(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	w.Hasher.SetCost(2)
	w.Login(t, email)
	w.Hasher.Fail(domain.Invalid(domain.FieldError{Field: "password", Code: domain.CodeTooLong}))
	rehash(t, w, 0)
	w.Hasher.Fail(nil)
	rehash(t, w, 0)
}

func TestFailedRehashIsToldAndOfferedByTheNextLogin(t *testing.T) {
	t.Parallel()
	store := fake.Broken(fake.Twice(memstore.New()))
	w := world.New(t, world.WithStore(store))
	w.Register(t, email)
	w.Hasher.SetCost(2)
	w.Login(t, email)
	store.FailUpdate(ports.ErrUnavailable)
	if n, err := w.Logins.Rehash(t.Context()); n != 0 || domain.CodeOf(err) != domain.CodeDependencyUnavailable {
		t.Errorf("with a broken store: %d, %v", n, err)
	}
	rehash(t, w, 0)
	w.Login(t, email)
	rehash(t, w, 1)
}

func TestPendingRehashesAreBounded(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	const logins = 100
	for i := range logins {
		w.Register(t, fmt.Sprintf("user%d@example.com", i))
	}
	w.Hasher.SetCost(2)
	for i := range logins {
		w.Login(t, fmt.Sprintf("user%d@example.com", i))
	}
	n, err := w.Logins.Rehash(t.Context())
	if err != nil || n == 0 || n >= logins {
		t.Errorf("%d of %d re-hashed, %v; want some, and not all kept in memory", n, logins, err)
	}
}

func TestImportedPasswordOfNoLegalFormLogsInAndStays(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	owner := w.Register(t, email)
	const odd = "typed\twith a tab" // no password of ours has a control character
	imported, err := w.Hasher.Import(fake.ForeignHash(odd))
	if err != nil {
		t.Fatal(err)
	}
	replace(t, w, owner.ID, func(c *domain.Credential) { c.Hash = imported })
	if _, err := attempt(t, w, email, odd); err != nil {
		t.Errorf("login: %v", err)
	}
	rehash(t, w, 0)
	if got := credential(t, w, owner.ID); got.Hash != imported {
		t.Error("a password that this service would not hash was hashed anew")
	}
}

func TestImportedPasswordIsRehashedAfterItsFirstLogin(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	owner := w.Register(t, email)
	const short = "short" // older than the policy
	imported, err := w.Hasher.Import(fake.ForeignHash(short))
	if err != nil {
		t.Fatal(err)
	}
	replace(t, w, owner.ID, func(c *domain.Credential) { c.Hash = imported })
	for _, want := range []int{1, 0} {
		if _, err := attempt(t, w, email, short); err != nil {
			t.Fatal(err)
		}
		rehash(t, w, want)
	}
	if got := domain.SettingsOf(credential(t, w, owner.ID).Hash); got != "$fake$1" {
		t.Errorf("settings %q; want our own", got)
	}
}

func credential(t *testing.T, w *world.World, id domain.ID) (c domain.Credential) {
	t.Helper()
	err := w.Store.View(t.Context(), func(ctx context.Context, tx ports.Tx) (err error) {
		c, err = tx.Credentials().ByAccount(ctx, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func replace(t *testing.T, w *world.World, id domain.ID, change func(*domain.Credential)) {
	t.Helper()
	err := w.Store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		c, err := tx.Credentials().ByAccount(ctx, id)
		if err != nil {
			return err
		}
		from := c.Version
		change(&c)
		return tx.Credentials().Replace(ctx, c, from)
	})
	if err != nil {
		t.Fatal(err)
	}
}
