package login_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap/world"
	"authserve/core/domain"
	"authserve/core/login"
	"authserve/ports"
	"authserve/ports/fake"
)

// known logs in and returns what is answered; device is empty for an unknown one.
func known(t *testing.T, w *world.World, identifier, device string) login.Granted {
	t.Helper()
	granted, err := w.Logins.WithPassword(t.Context(), login.Attempt{
		Identifier: identifier, Password: domain.NewSecret(world.Password), Device: domain.NewSecret(device),
	})
	if err != nil {
		t.Fatalf("log in %s: %v", identifier, err)
	}
	return granted
}

// opened is the device of a token, which must be good.
func opened(t *testing.T, w *world.World, token domain.Secret) (account, id domain.ID) {
	t.Helper()
	account, id, err := login.OpenDevice(t.Context(), w.Sealer, token.Reveal(), w.Clock.Now())
	if err != nil || id == "" {
		t.Fatalf("device token %s: device %q, %v", token.Reveal(), id, err)
	}
	return account, id
}

func TestEveryLoginAnswersADeviceToken(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	owner := w.Register(t, email)
	first := known(t, w, email, "")
	account, id := opened(t, w, first.Device)
	if account != owner.ID {
		t.Errorf("of account %s; want %s", account, owner.ID)
	}
	w.Clock.Advance(time.Hour)
	again := known(t, w, email, first.Device.Reveal())
	if _, same := opened(t, w, again.Device); same != id {
		t.Errorf("a known device became %s; want %s", same, id)
	}
	if again.Device == first.Device {
		t.Error("the token was not made anew")
	}
	if _, other := opened(t, w, known(t, w, email, "").Device); other == id {
		t.Error("two unknown devices are one")
	}
}

func TestDeviceIsKnownFor400DaysAfterItsLastLogin(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	w.Clock.Set(w.Clock.Now().Truncate(time.Second)) // what tokens are precise to
	token := known(t, w, email, "").Device
	_, id := opened(t, w, token)
	for range 2 {
		w.Clock.Advance(400 * 24 * time.Hour)
		token = known(t, w, email, token.Reveal()).Device
		if _, same := opened(t, w, token); same != id {
			t.Fatal("forgotten within 400 days of its last login")
		}
	}
	w.Clock.Advance(400*24*time.Hour + time.Second)
	if _, late, err := login.OpenDevice(t.Context(), w.Sealer, token.Reveal(), w.Clock.Now()); late != "" || err != nil {
		t.Errorf("device %q, %v; want none after 400 days", late, err)
	}
}

// badDevices are tokens that are not of a device of the owner.
func badDevices(t *testing.T, w *world.World, genuine string) map[string]string {
	t.Helper()
	parts := strings.Split(genuine, ".")
	with := func(i int, part string) string {
		changed := append([]string(nil), parts...)
		changed[i] = part
		return strings.Join(changed, ".")
	}
	w.Register(t, "eve@example.com")
	foreign := known(t, w, "eve@example.com", "").Device.Reveal()
	account, _, _ := login.OpenDevice(t.Context(), w.Sealer, foreign, w.Clock.Now())
	return map[string]string{
		"none":                   "",
		"not a token":            "known",
		"of another account":     foreign,
		"account swapped":        with(2, string(account)),
		"device swapped":         with(3, string(account)),
		"made younger":           with(4, strconv.FormatInt(w.Clock.Now().Unix()+1, 10)),
		"issued with a zero":     with(4, "0"+parts[4]),
		"issued with a sign":     with(4, "+"+parts[4]),
		"another version":        with(0, "ad2"),
		"an unknown key":         with(1, "nokey"),
		"without a MAC":          with(5, ""),
		"half a MAC":             with(5, parts[5][:20]),
		"another spelling":       genuine + "\n",
		"stray bits in the MAC":  genuine[:len(genuine)-1] + string(genuine[len(genuine)-1]+1),
		"more than a token":      genuine + ".x",
		"beyond any length":      genuine + strings.Repeat("A", 1<<16),
		"upper case":             strings.ToUpper(genuine),
		"a refresh token":        w.Login(t, email).Refresh.Reveal(),
		"MAC of another purpose": with(5, macFor(t, w, ports.PurposeRefresh, strings.Join(parts[:5], "."))),
	}
}

func TestTokensOfNoDeviceOfTheAccountAreNoErrorAndGiveNothing(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	genuine := known(t, w, email, "").Device
	_, id := opened(t, w, genuine)
	bad := badDevices(t, w, genuine.Reveal())
	for name, token := range bad {
		if _, got := opened(t, w, known(t, w, email, token).Device); got == id {
			t.Errorf("%s: taken for the known device", name)
		}
	}
	exhaust(t, w, email)
	for name, token := range bad {
		_, err := guess(t.Context(), w, email, world.Password, token)
		if domain.CodeOf(err) != domain.CodeTooManyAttempts {
			t.Errorf("%s: %v; want shut out like every stranger", name, err)
		}
	}
	known(t, w, email, genuine.Reveal())
}

func TestDeviceTokenSurvivesANewMasterKeyWhileTheOldOneIsThere(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	token := known(t, w, email, "").Device
	_, id := opened(t, w, token)
	later := w.WithNewMasterKey(t)
	renewed := known(t, later, email, token.Reveal()).Device
	if _, same := opened(t, later, renewed); same != id {
		t.Errorf("device %s; want %s", same, id)
	}
	if strings.Split(renewed.Reveal(), ".")[1] == strings.Split(token.Reveal(), ".")[1] {
		t.Error("the new token is of the old key")
	}
}

// whereabouts is the context of a caller at an address with a program.
func whereabouts(t *testing.T, ip, program string) context.Context {
	t.Helper()
	return domain.WithActor(t.Context(), domain.Actor{Kind: domain.ActorAnonymous, IP: ip, Network: ip, UserAgent: program})
}

func notices(t *testing.T, w *world.World) []domain.Message {
	t.Helper()
	var found []domain.Message
	err := w.Store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		claimed, err := tx.Outbox().Claim(ctx, w.Clock.Now(), w.Clock.Now().Add(time.Hour), 100)
		found = nil
		for _, m := range claimed {
			if m.Kind == domain.MessageNewDevice {
				found = append(found, m)
			}
		}
		return err
	})
	if err != nil {
		t.Fatalf("outbox: %v", err)
	}
	return found
}

func TestOwnerIsToldOfAnUnknownDevice(t *testing.T) {
	t.Parallel()
	const home, phone = "192.0.2.7", "Phone/1"
	type step struct {
		ip, program string
		device      bool          // whether the token of the first login is sent
		after       time.Duration // since the step before
	}
	for name, c := range map[string]struct {
		steps []step
		want  int
	}{
		"first login":                      {[]step{{ip: home, program: phone}}, 0},
		"same program and address":         {[]step{{ip: home, program: phone}, {ip: home, program: phone}}, 0},
		"another address":                  {[]step{{ip: home, program: phone}, {ip: "198.51.100.1", program: phone}}, 1},
		"another program":                  {[]step{{ip: home, program: phone}, {ip: home, program: "Laptop/2"}}, 1},
		"another address of a known one":   {[]step{{ip: home, program: phone}, {ip: "198.51.100.1", program: "Phone/2", device: true}}, 0},
		"a second one within the hour":     {[]step{{ip: home, program: phone}, {ip: "198.51.100.1", program: "B"}, {ip: "198.51.100.2", program: "C", after: time.Hour - 1e3}}, 1},
		"a second one after the hour":      {[]step{{ip: home, program: phone}, {ip: "198.51.100.1", program: "B"}, {ip: "198.51.100.2", program: "C", after: time.Hour}}, 2},
		"the new one again after the hour": {[]step{{ip: home, program: phone}, {ip: "198.51.100.1", program: "B"}, {ip: "198.51.100.1", program: "B", after: 2 * time.Hour}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			owner := w.Register(t, email)
			device := ""
			for i, s := range c.steps {
				w.Clock.Advance(s.after)
				sent := ""
				if s.device {
					sent = device
				}
				granted, err := guess(whereabouts(t, s.ip, s.program), w, email, world.Password, sent)
				if err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					device = granted.Device.Reveal()
				}
			}
			got := notices(t, w)
			if len(got) != c.want {
				t.Fatalf("%d notices; want %d: %+v", len(got), c.want, got)
			}
			if c.want == 0 {
				return
			}
			m, s := got[0], c.steps[1]
			if m.AccountID != owner.ID || m.To != owner.Email.Address || m.Data[domain.DataDevice] != s.program ||
				m.Data[domain.DataAddress] != s.ip || m.Data[domain.DataAt] != m.CreatedAt.Format(time.RFC3339) {
				t.Errorf("notice %+v", m)
			}
		})
	}
}

// The session of a login that was logged out of is still one that the owner had.
func TestLoggingOutMakesNoDeviceUnknown(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	ctx := whereabouts(t, "192.0.2.7", "Phone/1")
	granted, err := guess(ctx, w, email, world.Password, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Sessions.LogoutByRefresh(ctx, granted.Refresh); err != nil {
		t.Fatal(err)
	}
	if _, err := guess(ctx, w, email, world.Password, ""); err != nil {
		t.Fatal(err)
	}
	if got := notices(t, w); len(got) != 0 {
		t.Errorf("%d notices; want none", len(got))
	}
}

// What is told must have happened, and what happened must be told.
func TestNoticeAndLoginAreOneTransaction(t *testing.T) {
	t.Parallel()
	store := fake.Broken(memstore.New())
	w := world.New(t, world.WithStore(store))
	w.Register(t, email)
	if _, err := guess(whereabouts(t, "192.0.2.7", "Phone/1"), w, email, world.Password, ""); err != nil {
		t.Fatal(err)
	}
	store.FailCommit(ports.ErrUnavailable)
	if _, err := guess(whereabouts(t, "198.51.100.1", "B"), w, email, world.Password, ""); domain.CodeOf(err) != domain.CodeDependencyUnavailable {
		t.Fatalf("login: %v", err)
	}
	store.FailCommit(nil)
	if got := notices(t, w); len(got) != 0 {
		t.Errorf("%d notices of a login that failed", len(got))
	}
}

func macFor(t *testing.T, w *world.World, purpose ports.Purpose, head string) string {
	t.Helper()
	mac, err := w.Sealer.MAC(t.Context(), purpose, w.Sealer.ActiveKey(), []byte(head))
	if err != nil {
		t.Fatal(err)
	}
	return encode(mac)
}
