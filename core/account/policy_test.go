package account_test

import (
	"context"
	"errors"
	"testing"

	"authserve/bootstrap/world"
	"authserve/core/account"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

// ways are the two ways to an account with a password.
func ways(w *world.World) map[string]func(ctx context.Context, r account.Registration) (domain.Account, error) {
	return map[string]func(context.Context, account.Registration) (domain.Account, error){
		"registration": w.Accounts.Register,
		"operator": func(ctx context.Context, r account.Registration) (domain.Account, error) {
			return w.Accounts.Create(ctx, r, []domain.Role{domain.RoleUser})
		},
	}
}

// fieldOf returns the only field error in err.
func fieldOf(t *testing.T, err error) domain.FieldError {
	t.Helper()
	fields := domain.FieldsOf(err)
	if domain.CodeOf(err) != domain.CodeValidation || len(fields) != 1 {
		t.Fatalf("error = %v, fields %v; want one field at fault", err, fields)
	}
	return fields[0]
}

func TestPasswordsMayNotBeGuessed(t *testing.T) {
	t.Parallel()
	username := "countess"
	for name, c := range map[string]struct {
		password string
		code     domain.Code
	}{
		"common":                     {"qwertyuiop12345", domain.CodeTooCommon},
		"of the e-mail address":      {"ada.engines@example", domain.CodeContainsContext},
		"of the username":            {"Countess*Countess", domain.CodeContainsContext},
		"of the display name":        {"Lovelace, 28.7.15", domain.CodeContainsContext},
		"of the name of the service": {"authserve-2026-11", domain.CodeContainsContext},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			for way, register := range ways(w) {
				_, err := register(t.Context(), account.Registration{
					Email: "Ada@engines.example", Password: domain.NewSecret(c.password), Username: &username, DisplayName: "Ada Lovelace",
				})
				if f := fieldOf(t, err); f.Field != "password" || f.Code != c.code {
					t.Errorf("%s: %+v; want %s of password", way, f, c.code)
				}
			}
			if w.Hasher.Hashes() != 0 || w.Breaches.Asked() != 0 {
				t.Errorf("a refused password was hashed %d times and asked about %d times", w.Hasher.Hashes(), w.Breaches.Asked())
			}
			// The same password is another matter for somebody else.
			_, err := w.Accounts.Register(t.Context(), account.Registration{Email: "grace@navy.example.org", Password: domain.NewSecret("ada.engines.lovelace.countess")})
			if err != nil {
				t.Errorf("of somebody else: %v", err)
			}
		})
	}
}

func TestBreachedPasswordsAreRefused(t *testing.T) {
	t.Parallel()
	w := world.New(t, func(w *world.World) { w.Breaches = fake.NewBreaches(world.Password) })
	for way, register := range ways(w) {
		_, err := register(t.Context(), registration("ada@example.com"))
		if f := fieldOf(t, err); f.Field != "password" || f.Code != domain.CodeBreached {
			t.Errorf("%s: %+v; want %s of password", way, f, domain.CodeBreached)
		}
	}
	if w.Hasher.Hashes() != 0 {
		t.Error("a breached password cost a hash")
	}
	other := registration("ada@example.com")
	other.Password = domain.NewSecret("eleven purple otters sing")
	if _, err := w.Accounts.Register(t.Context(), other); err != nil {
		t.Errorf("another password: %v", err)
	}
}

func TestBreachesAreAskedAboutLast(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	taken, reserved, key := "taken", "admin", "8e03978e-40d5-43dd-bc93-6894a57f9324"
	first := registration("ada@example.com")
	first.Username, first.IdempotencyKey = &taken, key
	if _, err := w.Accounts.Register(t.Context(), first); err != nil || w.Breaches.Asked() != 1 {
		t.Fatalf("registration: %v, asked %d times; want once", err, w.Breaches.Asked())
	}
	for name, change := range map[string]func(*account.Registration){
		"an e-mail address that is none": func(r *account.Registration) { r.Email = "nobody" },
		"a display name that is none":    func(r *account.Registration) { r.DisplayName = " " },
		"a reserved username":            func(r *account.Registration) { r.Username = &reserved },
		"a key that is none":             func(r *account.Registration) { r.IdempotencyKey = "two words" },
		"a taken e-mail address":         func(r *account.Registration) { r.Email = "ADA@example.com" },
		"a taken username":               func(r *account.Registration) { r.Username = &taken },
		"a key used for another body":    func(r *account.Registration) { r.IdempotencyKey = key },
	} {
		r := registration("grace@example.com")
		change(&r)
		if _, err := w.Accounts.Register(t.Context(), r); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, err := w.Accounts.Register(t.Context(), first); err != nil {
		t.Errorf("the same call again: %v", err)
	}
	if got := w.Breaches.Asked(); got != 1 {
		t.Errorf("asked %d times; want once, for the account that was created", got)
	}
}

func TestRegistrationGoesOnWithoutTheBreachCheck(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]error{
		"unavailable": ports.ErrUnavailable, "overloaded": ports.ErrOverloaded,
		"its own time is up": ports.ErrUnavailable.Wrap(context.DeadlineExceeded), "untyped": errors.New("broken"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t, func(w *world.World) { w.Breaches = fake.NewBreaches(world.Password) })
			w.Breaches.Fail(trouble)
			for way, register := range ways(w) {
				if _, err := register(t.Context(), registration(way+"@example.com")); err != nil {
					t.Errorf("%s: %v; want an account", way, err)
				}
			}
			if got := w.Breaches.Asked(); got != 2 {
				t.Errorf("asked %d times; want 2", got)
			}
		})
	}
}

// departed is a breach check during which the caller leaves.
type departed struct{ leave context.CancelFunc }

// Contains implements ports.Breaches.
func (d departed) Contains(ctx context.Context, _ domain.Password) (bool, error) {
	d.leave()
	return false, ports.ErrUnavailable.Wrap(ctx.Err())
}

func TestBreachCheckEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	accounts := account.New(w.Store, keeperOf(w, w.Hasher, departed{leave: cancel}), w.Throttle, w.Sealer, w.Clock, w.IDs, account.Config{})
	if _, err := accounts.Register(ctx, registration("ada@example.com")); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v; want %v", err, context.Canceled)
	}
	if w.Hasher.Hashes() != 0 {
		t.Error("a hash was spent on a caller who left")
	}
}
