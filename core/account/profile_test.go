package account_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap/world"
	"authserve/core/account"
	"authserve/core/domain"
)

func TestProfileChanges(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	who := identity(t, w, owner)
	name, username := "Ada Lovelace", "Ada"
	w.Clock.Advance(time.Minute)
	a, err := w.Accounts.UpdateProfile(t.Context(), who, account.ProfileChange{Username: &username, DisplayName: &name})
	if err != nil {
		t.Fatal(err)
	}
	if a.DisplayName != name || a.Username.Name != username || a.Username.Canonical != "ada" || a.Version.Profile != 2 || !a.UpdatedAt.Equal(w.Clock.Now()) {
		t.Errorf("account = %+v", a)
	}
	if a.Version.AuthGeneration != who.Account.Version.AuthGeneration || a.Email != who.Account.Email || len(a.Roles) != 1 {
		t.Errorf("more changed than was asked for: %+v", a)
	}
	if kept := authenticated(t, w, w.Login(t, username)); kept.Account.DisplayName != name {
		t.Errorf("kept %+v", kept.Account)
	}
	events := w.Audit(t, a.ID)
	if e := events[len(events)-2]; e.Action != domain.AuditProfileChanged || e.Detail["fields"] != "display_name username" {
		t.Errorf("audit = %+v", e)
	}
	none := ""
	if a, err = w.Accounts.UpdateProfile(t.Context(), who, account.ProfileChange{Username: &none}); err != nil || !a.Username.IsZero() || a.DisplayName != name {
		t.Errorf("without a username: %+v, %v", a, err)
	}
}

func TestWhatChangesNothingWritesNothing(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	who := identity(t, w, owner)
	none := ""
	before := len(w.Audit(t, who.Account.ID))
	for _, c := range []account.ProfileChange{{}, {Username: &none, DisplayName: &none}} {
		a, err := w.Accounts.UpdateProfile(t.Context(), who, c)
		if err != nil || a.Version != who.Account.Version {
			t.Errorf("%+v: got %+v, %v", c, a.Version, err)
		}
	}
	if after := len(w.Audit(t, who.Account.ID)); after != before {
		t.Errorf("%d events; want %d", after, before)
	}
}

func TestProfileFaults(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	taken := "grace"
	other := identity(t, w, "grace@example.com")
	if _, err := w.Accounts.UpdateProfile(t.Context(), other, account.ProfileChange{Username: &taken}); err != nil {
		t.Fatal(err)
	}
	who := identity(t, w, owner)
	text := func(s string) *string { return &s }
	for name, tc := range map[string]struct {
		change account.ProfileChange
		want   domain.Code
	}{
		"taken username":           {account.ProfileChange{Username: text("GRACE")}, domain.CodeUsernameTaken},
		"reserved username":        {account.ProfileChange{Username: text("admin")}, domain.CodeValidation},
		"no username":              {account.ProfileChange{Username: text("a b")}, domain.CodeValidation},
		"line break in the name":   {account.ProfileChange{DisplayName: text("a\nb")}, domain.CodeValidation},
		"another version":          {account.ProfileChange{DisplayName: text("x"), Versions: []int64{2, 7}}, domain.CodeStale},
		"no version at all":        {account.ProfileChange{DisplayName: text("x"), Versions: []int64{}}, domain.CodeStale},
		"nothing, of another":      {account.ProfileChange{Versions: []int64{2}}, domain.CodeStale},
		"right and wrong together": {account.ProfileChange{DisplayName: text("x"), Username: text("-")}, domain.CodeValidation},
	} {
		if _, err := w.Accounts.UpdateProfile(t.Context(), who, tc.change); domain.CodeOf(err) != tc.want {
			t.Errorf("%s: got %v; want %s", name, err, tc.want)
		}
	}
	if kept := authenticated(t, w, w.Login(t, owner)); kept.Account.DisplayName != "" || kept.Account.Version.Profile != 1 {
		t.Errorf("a refused change left %+v", kept.Account)
	}
}

func TestAChangeUnderWayDoesNotSurviveAPasswordChange(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	who := identity(t, w, owner)
	if _, err := w.Passwords.Change(t.Context(), who, domain.NewSecret(world.Password), domain.NewSecret(another)); err != nil {
		t.Fatal(err)
	}
	name := "Mallory"
	if _, err := w.Accounts.UpdateProfile(t.Context(), who, account.ProfileChange{DisplayName: &name}); domain.CodeOf(err) != domain.CodeSessionEnded {
		t.Errorf("with the identity from before: %v; want %s", err, domain.CodeSessionEnded)
	}
}

// One of sixteen changes to the version that all have seen is made.
func TestOneOfManyConditionalChangesIsMade(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.WithStore(memstore.New()))
	who := identity(t, w, owner)
	var group sync.WaitGroup
	results := make([]error, 16)
	for i := range results {
		group.Go(func() {
			name := strings.Repeat("x", i+1)
			_, results[i] = w.Accounts.UpdateProfile(t.Context(), who, account.ProfileChange{DisplayName: &name, Versions: []int64{1}})
		})
	}
	group.Wait()
	made := 0
	for _, err := range results {
		switch {
		case err == nil:
			made++
		case domain.CodeOf(err) != domain.CodeStale:
			t.Errorf("got %v; want %s", err, domain.CodeStale)
		}
	}
	if made != 1 {
		t.Errorf("%d changes were made; want 1", made)
	}
}

// A version that the caller named is not looked for again; any other loss of a race is.
func TestAProfileChangeThatAlwaysLosesMayBeTriedAgain(t *testing.T) {
	t.Parallel()
	store := &always{Store: memstore.New()}
	w := world.New(t, world.WithStore(store))
	who := identity(t, w, owner)
	store.lose = true
	name := "Ada"
	_, err := w.Accounts.UpdateProfile(t.Context(), who, account.ProfileChange{DisplayName: &name})
	refused(t, "without a version", err, domain.CodeDependencyUnavailable)
}

func TestAProfileChangeOfWhoIsGone(t *testing.T) {
	t.Parallel()
	name := "Ada"
	for what, leave := range map[string]func(t *testing.T, w *world.World, who domain.Identity) error{
		"deleted": func(t *testing.T, w *world.World, who domain.Identity) error {
			t.Helper()
			return w.Owners.Delete(t.Context(), who, domain.NewSecret(world.Password))
		},
		"logged out": func(t *testing.T, w *world.World, who domain.Identity) error {
			t.Helper()
			return w.Sessions.Logout(t.Context(), who)
		},
	} {
		w := world.New(t)
		who := identity(t, w, owner)
		fits(t, what, leave(t, w, who))
		_, err := w.Accounts.UpdateProfile(t.Context(), who, account.ProfileChange{DisplayName: &name})
		refused(t, what, err, domain.CodeSessionEnded)
		_, err = w.Owners.Export(t.Context(), who)
		refused(t, what+": export", err, domain.CodeSessionEnded)
	}
}
