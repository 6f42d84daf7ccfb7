package account_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap/world"
	"authserve/core/account"
	"authserve/core/domain"
	"authserve/core/login"
	"authserve/ports"
	"authserve/ports/fake"
)

func change(t *testing.T, w *world.World, who domain.Identity, current, wanted string) (domain.TokenPair, error) {
	t.Helper()
	return w.Passwords.Change(t.Context(), who, domain.NewSecret(current), domain.NewSecret(wanted))
}

// passwordsOf is w.Passwords with another hasher and other breaches.
func passwordsOf(w *world.World, hasher ports.Hasher, breaches ports.Breaches) *account.Passwords {
	return account.NewPasswords(w.Store, keeperOf(w, hasher, breaches), w.Sessions, w.Throttle, w.Clock, w.IDs)
}

// outbox returns the messages that are due, oldest first.
func outbox(t *testing.T, w *world.World) []domain.Message {
	t.Helper()
	var due []domain.Message
	err := w.Store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) (err error) {
		due, err = tx.Outbox().Claim(ctx, w.Clock.Now(), w.Clock.Now().Add(time.Hour), 10)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return due
}

func TestAPasswordChangeEndsWhatWasBefore(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	who := identity(t, w, owner)
	old := w.Login(t, owner)
	mine := w.Login(t, owner)
	w.Clock.Advance(time.Minute)
	fresh, err := change(t, w, authenticated(t, w, mine), world.Password, another)
	if err != nil {
		t.Fatal(err)
	}
	if fresh.SessionID != mine.SessionID {
		t.Errorf("session %s; want the caller's own, %s", fresh.SessionID, mine.SessionID)
	}
	for name, pair := range map[string]domain.TokenPair{"another session": old, "the caller's from before": mine} {
		if _, err := w.Sessions.Authenticate(t.Context(), pair.Access.Reveal()); domain.KindOf(err) != domain.KindUnauthenticated {
			t.Errorf("access token of %s: %v; want it refused", name, err)
		}
		if _, err := w.Sessions.Refresh(t.Context(), pair.Refresh, ""); domain.CodeOf(err) != domain.CodeInvalidRefreshToken {
			t.Errorf("refresh token of %s: %v; want it refused", name, err)
		}
	}
	again := authenticated(t, w, fresh)
	if again.Account.Version.Profile != who.Account.Version.Profile {
		t.Error("the profile's version moved")
	}
	if _, err := w.Sessions.Refresh(t.Context(), fresh.Refresh, ""); err != nil {
		t.Errorf("the fresh refresh token: %v", err)
	}
	for password, want := range map[string]domain.Code{world.Password: domain.CodeInvalidCredentials, another: ""} {
		_, err := w.Logins.WithPassword(t.Context(), login.Attempt{Identifier: owner, Password: domain.NewSecret(password)})
		if domain.CodeOf(err) != want && (err != nil || want != "") {
			t.Errorf("log in with %q: %v; want %s", password, err, want)
		}
	}
	var actions []string
	for _, e := range w.Audit(t, who.Account.ID) {
		actions = append(actions, string(e.Action))
	}
	if all := strings.Join(actions, " "); !strings.Contains(all, string(domain.AuditSessionEnded)+" "+string(domain.AuditPasswordChanged)) {
		t.Errorf("audit = %s", all)
	}
	if mail := outbox(t, w); len(mail) != 2 || mail[1].Kind != domain.MessagePasswordChanged || mail[1].To != owner {
		t.Errorf("mail = %+v", mail)
	}
}

func TestPasswordChangesThatAreRefused(t *testing.T) {
	t.Parallel()
	const breached = "the otters are at it again"
	w := world.New(t)
	who := identity(t, w, owner)
	passwords := passwordsOf(w, w.Hasher, fake.NewBreaches(breached))
	for name, tc := range map[string]struct {
		current, wanted string
		want            domain.Code
		field           string
		code            domain.Code
	}{
		"wrong":        {"not the right password", another, domain.CodeWrongPassword, "", ""},
		"missing":      {"", another, domain.CodeValidation, "current_password", domain.CodeRequired},
		"no new one":   {world.Password, "", domain.CodeValidation, "new_password", domain.CodeRequired},
		"short":        {world.Password, "short", domain.CodeValidation, "new_password", domain.CodeTooShort},
		"the same":     {world.Password, world.Password, domain.CodeValidation, "new_password", domain.CodeUnchanged},
		"own address":  {world.Password, owner, domain.CodeValidation, "new_password", domain.CodeContainsContext},
		"breached":     {world.Password, breached, domain.CodeValidation, "new_password", domain.CodeBreached},
		"wrong, short": {"not the right password", "short", domain.CodeValidation, "new_password", domain.CodeTooShort},
	} {
		_, err := passwords.Change(t.Context(), who, domain.NewSecret(tc.current), domain.NewSecret(tc.wanted))
		if domain.CodeOf(err) != tc.want {
			t.Errorf("%s: got %v; want %s", name, err, tc.want)
		}
		if fields := domain.FieldsOf(err); tc.field != "" && (len(fields) != 1 || fields[0].Field != tc.field || fields[0].Code != tc.code) {
			t.Errorf("%s: got %+v; want %s %s", name, fields, tc.field, tc.code)
		}
	}
	if again := authenticated(t, w, w.Login(t, owner)); again.Account.Version != who.Account.Version {
		t.Errorf("a refused change left %+v", again.Account.Version)
	}
	if hashes := w.Hasher.Hashes(); hashes != 1 {
		t.Errorf("%d hashes; want that of the registration alone", hashes)
	}
	refused := 0
	for _, e := range w.Audit(t, who.Account.ID) {
		if e.Action == domain.AuditPasswordRefused {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("%d refusals in the audit log; want 1", refused)
	}
}

// Of sixteen changes at once one is made; the others find the password changed, or
// their token void.
func TestOneOfManyPasswordChangesIsMade(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.WithStore(memstore.New()))
	who := identity(t, w, owner)
	var group sync.WaitGroup
	results := make([]error, 16)
	for i := range results {
		group.Go(func() {
			_, results[i] = w.Passwords.Change(t.Context(), who, domain.NewSecret(world.Password), domain.NewSecret(another+strings.Repeat("!", i)))
		})
	}
	group.Wait()
	made := 0
	for _, err := range results {
		switch code := domain.CodeOf(err); {
		case err == nil:
			made++
		case code != domain.CodeSessionEnded && code != domain.CodeWrongPassword && code != domain.CodeTooManyAttempts:
			t.Errorf("got %v", err)
		}
	}
	if made != 1 {
		t.Errorf("%d changes were made; want 1", made)
	}
}

// whileHashing does something between the confirmation of the old password and the
// transaction that writes the new one.
type whileHashing struct {
	*fake.Hasher
	do func()
}

func (h whileHashing) Hash(ctx context.Context, p domain.Password) (domain.PasswordHash, error) {
	h.do()
	return h.Hasher.Hash(ctx, p)
}

func TestWhatHappensWhileAPasswordIsHashed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		meanwhile func(t *testing.T, w *world.World, who domain.Identity, pair domain.TokenPair)
		want      domain.Code
	}{
		"a refresh": {func(t *testing.T, w *world.World, _ domain.Identity, pair domain.TokenPair) {
			t.Helper()
			if _, err := w.Sessions.Refresh(t.Context(), pair.Refresh, ""); err != nil {
				t.Error(err)
			}
		}, ""},
		"a login": {func(t *testing.T, w *world.World, _ domain.Identity, _ domain.TokenPair) {
			t.Helper()
			w.Login(t, owner)
		}, ""},
		"a change of the profile": {func(t *testing.T, w *world.World, who domain.Identity, _ domain.TokenPair) {
			t.Helper()
			name := "Ada"
			if _, err := w.Accounts.UpdateProfile(t.Context(), who, account.ProfileChange{DisplayName: &name}); err != nil {
				t.Error(err)
			}
		}, ""},
		"another change": {func(t *testing.T, w *world.World, who domain.Identity, _ domain.TokenPair) {
			t.Helper()
			if _, err := change(t, w, who, world.Password, another+"?"); err != nil {
				t.Error(err)
			}
		}, domain.CodeSessionEnded},
		"a logout": {func(t *testing.T, w *world.World, who domain.Identity, _ domain.TokenPair) {
			t.Helper()
			if err := w.Sessions.Logout(t.Context(), who); err != nil {
				t.Error(err)
			}
		}, domain.CodeSessionEnded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			w.Register(t, owner)
			pair := w.Login(t, owner)
			who := authenticated(t, w, pair)
			hasher := whileHashing{w.Hasher, func() { tc.meanwhile(t, w, who, pair) }}
			passwords := passwordsOf(w, hasher, w.Breaches)
			fresh, err := passwords.Change(t.Context(), who, domain.NewSecret(world.Password), domain.NewSecret(another))
			if tc.want != "" {
				if domain.CodeOf(err) != tc.want {
					t.Errorf("got %v; want %s", err, tc.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			authenticated(t, w, fresh)
			if _, err := w.Sessions.Refresh(t.Context(), pair.Refresh, ""); domain.CodeOf(err) != domain.CodeInvalidRefreshToken {
				t.Errorf("a refresh token from before: %v", err)
			}
		})
	}
}

func TestAnAccountWithoutAPasswordHasNoneToChange(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	who := identity(t, w, owner)
	who.Account.ID = w.IDs.New() // of whom the store has no credential
	if _, err := change(t, w, who, world.Password, another); domain.CodeOf(err) != domain.CodeWrongPassword {
		t.Errorf("got %v; want %s", err, domain.CodeWrongPassword)
	}
	if w.Hasher.Verifies() == 0 {
		t.Error("it can be told from the time that there is none")
	}
}

func TestATroubledHasherChangesNothing(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	who := identity(t, w, owner)
	w.Hasher.Fail(ports.ErrOverloaded)
	if _, err := change(t, w, who, world.Password, another); !errors.Is(err, ports.ErrOverloaded) {
		t.Errorf("got %v; want %v", err, ports.ErrOverloaded)
	}
	w.Hasher.Fail(nil)
	w.Login(t, owner)
}

// always is a store in which every conditional write loses its race.
type always struct {
	ports.Store
	lose bool
}

func (s *always) Update(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	if s.lose {
		return ports.ErrStale
	}
	return s.Store.Update(ctx, fn)
}

func TestAPasswordChangeThatAlwaysLosesMayBeTriedAgain(t *testing.T) {
	t.Parallel()
	store := &always{Store: memstore.New()}
	w := world.New(t, world.WithStore(store))
	who := identity(t, w, owner)
	store.lose = true
	if _, err := change(t, w, who, world.Password, another); !errors.Is(err, ports.ErrUnavailable) || domain.CodeOf(err) != domain.CodeDependencyUnavailable {
		t.Errorf("got %v; want %v", err, ports.ErrUnavailable)
	}
}
