package account_test

import (
	"strings"
	"sync"
	"testing"

	"authserve/adapters/outbound/memstore"
	"authserve/bootstrap/world"
	"authserve/core/account"
	"authserve/core/domain"
	"authserve/ports"
	"authserve/ports/fake"
)

func registration(email string) account.Registration {
	return account.Registration{Email: email, Password: domain.NewSecret(world.Password)}
}

func TestRegisterCreatesAnOrdinaryAccount(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	name := "Ada"
	r := registration("Ada@Example.com")
	r.Username, r.DisplayName = &name, "Ada Lovelace"
	a, err := w.Accounts.Register(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if a.Email.Address != "Ada@Example.com" || a.Username.Name != "Ada" || a.DisplayName != "Ada Lovelace" || a.EmailVerified() || !a.IsActive() {
		t.Errorf("account = %+v", a)
	}
	if len(a.Roles) != 1 || a.Roles[0] != domain.RoleUser {
		t.Errorf("roles = %v; want user alone", a.Roles)
	}
	if events := w.Audit(t, a.ID); len(events) != 1 || events[0].Action != domain.AuditAccountCreated {
		t.Errorf("audit = %+v", events)
	}
}

func TestEveryFaultIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	name := "x"
	_, err := w.Accounts.Register(t.Context(), account.Registration{
		Email: "nobody", Password: domain.NewSecret("short"), Username: &name, DisplayName: "a\x00b", IdempotencyKey: "two words",
	})
	got := map[string]domain.Code{}
	for _, f := range domain.FieldsOf(err) {
		got[f.Field] = f.Code
	}
	want := map[string]domain.Code{
		"email": domain.CodeInvalidFormat, "password": domain.CodeTooShort, "username": domain.CodeInvalidFormat,
		"display_name": domain.CodeInvalidCharacter, "Idempotency-Key": domain.CodeInvalidFormat,
	}
	if len(got) != len(want) {
		t.Fatalf("fields = %v; want %v", got, want)
	}
	for field, code := range want {
		if got[field] != code {
			t.Errorf("%s: %s; want %s", field, got[field], code)
		}
	}
	if w.Hasher.Hashes() != 0 {
		t.Error("a refused registration cost a hash")
	}
}

func TestTakenValuesAreRefusedWithoutAHash(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	name := "ada"
	r := registration("ada@example.com")
	r.Username = &name
	if _, err := w.Accounts.Register(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	hashes := w.Hasher.Hashes()
	again := registration("ADA@example.COM")
	if _, err := w.Accounts.Register(t.Context(), again); domain.CodeOf(err) != domain.CodeEmailTaken {
		t.Errorf("same e-mail: %v", err)
	}
	upper := "ADA"
	again = registration("other@example.com")
	again.Username = &upper
	if _, err := w.Accounts.Register(t.Context(), again); domain.CodeOf(err) != domain.CodeUsernameTaken {
		t.Errorf("same username: %v", err)
	}
	if w.Hasher.Hashes() != hashes {
		t.Error("a plain conflict cost a hash")
	}
}

func TestReservedUsernamesAreForOperatorsOnly(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	name := "Admin"
	r := registration("ada@example.com")
	r.Username = &name
	_, err := w.Accounts.Register(t.Context(), r)
	if fields := domain.FieldsOf(err); len(fields) != 1 || fields[0].Code != domain.CodeReserved {
		t.Errorf("self-registration as admin: %v, %v", err, fields)
	}
	if _, err := w.Accounts.Create(t.Context(), r, []domain.Role{domain.RoleAdmin}); err != nil {
		t.Errorf("an operator gives the name: %v", err)
	}
}

func TestParallelRegistrationsOfOneEmail(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	const callers = 64
	errs := make([]error, callers)
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() { _, errs[i] = w.Accounts.Register(t.Context(), registration("ada@example.com")) })
	}
	group.Wait()
	created, taken := 0, 0
	for _, err := range errs {
		switch {
		case err == nil:
			created++
		case domain.CodeOf(err) == domain.CodeEmailTaken:
			taken++
		default:
			t.Errorf("unexpected: %v", err)
		}
	}
	if created != 1 || taken != callers-1 {
		t.Errorf("%d created, %d refused; want 1 and %d", created, taken, callers-1)
	}
}

func TestIdempotencyKeyAnswersTheSameAccount(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	r := registration("ada@example.com")
	r.IdempotencyKey = "8e03978e-40d5-43dd-bc93-6894a57f9324"
	first, err := w.Accounts.Register(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.Accounts.Register(t.Context(), r)
	if err != nil || again.ID != first.ID {
		t.Errorf("the same call again: %v, %v; want account %v", again.ID, err, first.ID)
	}
	other := r
	other.DisplayName = "another body"
	if _, err := w.Accounts.Register(t.Context(), other); domain.CodeOf(err) != domain.CodeIdempotencyMismatch {
		t.Errorf("another body: %v", err)
	}
	w.Clock.Advance(domain.IdempotencyWindow)
	if _, err := w.Accounts.Register(t.Context(), r); domain.CodeOf(err) != domain.CodeEmailTaken {
		t.Errorf("after a day: %v; want an ordinary conflict", err)
	}
}

func TestParallelCallsWithOneIdempotencyKey(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	r := registration("ada@example.com")
	r.IdempotencyKey = "8e03978e-40d5-43dd-bc93-6894a57f9324"
	const callers = 16
	ids, errs := make([]domain.ID, callers), make([]error, callers)
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			a, err := w.Accounts.Register(t.Context(), r)
			ids[i], errs[i] = a.ID, err
		})
	}
	group.Wait()
	seen := map[domain.ID]bool{}
	for i, err := range errs {
		switch domain.CodeOf(err) {
		case domain.CodeIdempotencyInFlight:
		default:
			if err != nil {
				t.Errorf("unexpected: %v", err)
			}
			seen[ids[i]] = true
		}
	}
	if len(seen) != 1 {
		t.Errorf("%d different accounts answered; want 1", len(seen))
	}
}

func TestLostCommitCreatesNothing(t *testing.T) {
	t.Parallel()
	store := fake.Broken(memstore.New())
	w := world.New(t, world.WithStore(store))
	store.FailCommit(ports.ErrUnavailable)
	if _, err := w.Accounts.Register(t.Context(), registration("ada@example.com")); domain.CodeOf(err) != domain.CodeDependencyUnavailable {
		t.Errorf("failed commit: %v", err)
	}
	if _, err := w.Accounts.Register(t.Context(), registration("ada@example.com")); err != nil {
		t.Errorf("the next attempt: %v", err)
	}
}

func TestPasswordIsNowhereInErrors(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	secret := "hunter2\x00" + strings.Repeat("h", 20)
	_, err := w.Accounts.Register(t.Context(), account.Registration{Email: "a@b.c", Password: domain.NewSecret(secret)})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error = %v", err)
	}
	for _, f := range domain.FieldsOf(err) {
		if strings.Contains(f.Message, "hunter2") {
			t.Errorf("field message %q", f.Message)
		}
	}
}
