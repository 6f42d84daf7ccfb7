package login_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"authserve/bootstrap/world"
	"authserve/core/account"
	"authserve/core/domain"
	"authserve/core/login"
	"authserve/ports"
)

const wrong = "not the password of this account"

func guess(ctx context.Context, w *world.World, identifier, password, device string) (login.Granted, error) {
	return w.Logins.WithPassword(ctx, login.Attempt{
		Identifier: identifier, Password: domain.NewSecret(password), Device: domain.NewSecret(device),
	})
}

// exhaust closes password login of the identifier for unknown devices.
func exhaust(t *testing.T, w *world.World, identifier string) {
	t.Helper()
	exhaustFrom(t, w, identifier, "")
}

func exhaustFrom(t *testing.T, w *world.World, identifier, device string) {
	t.Helper()
	for i := range domain.MaxFailures {
		w.Clock.Advance(time.Hour)
		if _, err := guess(t.Context(), w, identifier, wrong, device); domain.CodeOf(err) != domain.CodeInvalidCredentials {
			t.Fatalf("failure %d: %v", i+1, err)
		}
	}
}

// told is everything of a refusal that a caller can see.
func told(t *testing.T, err error) string {
	t.Helper()
	var e *domain.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v", err)
	}
	return fmt.Sprintf("%d %s %q %v %v", e.Kind, e.Code, e.Message, e.Fields, e.RetryAfter)
}

// Whoever has no account, or a disabled one, is counted like everybody else: what is
// answered, what it costs, and what is written are the same at every step on the way to
// a closed door, and behind it.
func TestIdentifiersCannotBeToldApartByTheirThrottle(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	name := "ada"
	if _, err := w.Accounts.Register(t.Context(), account.Registration{Email: email, Password: domain.NewSecret(world.Password), Username: &name}); err != nil {
		t.Fatal(err)
	}
	disable(t, w, w.Register(t, "off@example.com").ID)
	disable(t, w, w.Register(t, "off2@example.com").ID)
	kinds := []struct{ name, identifier, password string }{
		{"wrong password", email, wrong},
		{"disabled, wrong password", "off@example.com", wrong},
		{"disabled, right password", "off2@example.com", world.Password},
		{"unknown address", "nobody@example.com", wrong},
		{"unknown username", "nobody", world.Password},
		{"no identifier at all", "no body@", wrong},
	}
	seen := map[string]int{}
	for step := range 3 * domain.MaxFailures {
		first, firstCost := "", 0
		for i, k := range kinds {
			before := w.Hasher.Verifies()
			_, err := guess(whereabouts(t, fmt.Sprintf("192.0.2.%d", step%250), "x"), w, k.identifier, k.password, "")
			answer, cost := told(t, err), w.Hasher.Verifies()-before
			if i == 0 {
				first, firstCost = answer, cost
				seen[string(domain.CodeOf(err))]++
			}
			if answer != first || cost != firstCost {
				t.Fatalf("step %d, %s: %s after %d hashes; %s: %s after %d", step, k.name, answer, cost, kinds[0].name, first, firstCost)
			}
			if refused := domain.CodeOf(err) == domain.CodeTooManyAttempts; refused != (cost == 0) {
				t.Fatalf("step %d, %s: %s cost %d hashes", step, k.name, answer, cost)
			}
		}
		w.Clock.Advance(time.Duration(step%4) * 5 * time.Minute) // too early, as often as not
	}
	if seen["invalid_credentials"] != domain.MaxFailures || len(seen) != 2 {
		t.Errorf("answers %v; want 100 failures, and refusals", seen)
	}
}

func TestGuessesFromTenThousandNetworks(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	device := known(t, w, email, "").Device.Reveal()
	before, answers := w.Hasher.Verifies(), map[domain.Code]int{}
	for i := range 10_000 {
		ip := fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)
		_, err := guess(whereabouts(t, ip, "x"), w, email, wrong, "")
		answers[domain.CodeOf(err)]++
		w.Clock.Advance(15 * time.Minute) // patient, too
	}
	if hashes := w.Hasher.Verifies() - before; hashes != 100 || answers[domain.CodeInvalidCredentials] != 100 || answers[domain.CodeTooManyAttempts] != 9_900 {
		t.Errorf("%d guesses were held against the hash, answers %v; want 100", hashes, answers)
	}
	if _, err := guess(t.Context(), w, email, world.Password, ""); domain.CodeOf(err) != domain.CodeTooManyAttempts {
		t.Errorf("the right password after 100 failures: %v; want it refused until the account is recovered", err)
	}
	known(t, w, email, device) // the owner notices nothing
}

// atOnce makes n calls of which nobody is answered by the hasher before all of them are
// there, or were refused.
func atOnce(w *world.World, n int, call func(i int) error) []error {
	release, before := w.Hasher.Block(), w.Hasher.Verifies()
	answers := make([]error, n)
	var refused atomic.Int32
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() {
			answers[i] = call(i)
			refused.Add(1)
		})
	}
	for w.Hasher.Verifies()-before+int(refused.Load()) < n {
		runtime.Gosched()
	}
	release()
	group.Wait()
	return answers
}

// However many guess at the same moment, each is counted, and no volley gets far.
func TestParallelGuessesAreAllCounted(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	const volley, room = 300, 90
	answers := atOnce(w, volley, func(i int) error {
		_, err := guess(whereabouts(t, fmt.Sprintf("10.0.%d.%d", i>>8, i&255), "x"), w, email, wrong, "")
		return err
	})
	counts := map[domain.Code]int{}
	for _, err := range answers {
		counts[domain.CodeOf(err)]++
	}
	if counts[domain.CodeInvalidCredentials] != room || counts[domain.CodeTooManyAttempts] != volley-room || w.Hasher.Verifies() != room {
		t.Errorf("answers %v after %d hashes; want %d guesses", counts, w.Hasher.Verifies(), room)
	}
	// All were counted: ten more close the class, each after the longest delay.
	for i := range domain.MaxFailures - room {
		w.Clock.Advance(15*time.Minute - time.Microsecond)
		if _, err := guess(t.Context(), w, email, wrong, ""); domain.CodeOf(err) != domain.CodeTooManyAttempts {
			t.Fatalf("guess %d before its time: %v", room+i+1, err)
		}
		w.Clock.Advance(time.Microsecond)
		if _, err := guess(t.Context(), w, email, wrong, ""); domain.CodeOf(err) != domain.CodeInvalidCredentials {
			t.Fatalf("guess %d: %v", room+i+1, err)
		}
	}
	w.Clock.Advance(48 * time.Hour)
	if _, err := guess(t.Context(), w, email, world.Password, ""); domain.CodeOf(err) != domain.CodeTooManyAttempts {
		t.Errorf("after 100 failures: %v; want closed", err)
	}
}

func TestParallelLoginsOfTheOwnerAllPass(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	for range 4 { // failures without a delay
		_, _ = guess(whereabouts(t, "192.0.2.7", "x"), w, email, wrong, "")
	}
	for _, device := range []string{"", known(t, w, email, "").Device.Reveal()} {
		for range 3 {
			answers := atOnce(w, 64, func(int) error {
				_, err := guess(whereabouts(t, "192.0.2.7", "x"), w, email, world.Password, device)
				return err
			})
			for _, err := range answers {
				if err != nil {
					t.Fatalf("one of 64 at once: %v", err)
				}
			}
		}
	}
}

// A right guess among those that closed the class gains nothing, and cannot be told
// from the wrong ones that came as late.
func TestRightGuessThatComesTooLateIsAnsweredLikeAWrongOne(t *testing.T) {
	t.Parallel()
	answers := map[string]string{}
	for _, password := range []string{world.Password, wrong} {
		w := world.New(t)
		owner := w.Register(t, email)
		h := &interrupted{Hasher: w.Hasher, change: func() { exhaust(t, w, email) }}
		_, err := loginsWith(w, h).WithPassword(t.Context(), login.Attempt{Identifier: email, Password: domain.NewSecret(password)})
		answers[password] = told(t, err)
		if domain.CodeOf(err) != domain.CodeTooManyAttempts {
			t.Errorf("after the class was closed: %v", err)
		}
		for _, e := range w.Audit(t, owner.ID) {
			if e.Action == domain.AuditLoginSucceeded {
				t.Error("audited as a login")
			}
		}
		if _, err := guess(t.Context(), w, email, world.Password, ""); domain.CodeOf(err) != domain.CodeTooManyAttempts {
			t.Errorf("and then: %v; want closed as before", err)
		}
	}
	if answers[wrong] != answers[world.Password] {
		t.Errorf("wrong: %s; right: %s", answers[wrong], answers[world.Password])
	}
}

func TestSuccessResetsTheCount(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	for range 3 {
		for range 90 {
			w.Clock.Advance(time.Hour)
			_, _ = guess(t.Context(), w, email, wrong, "")
		}
		w.Clock.Advance(time.Hour)
		w.Login(t, email)
	}
	for i := range 5 {
		if _, err := guess(t.Context(), w, email, wrong, ""); domain.CodeOf(err) != domain.CodeInvalidCredentials {
			t.Errorf("free failure %d after a success: %v", i+1, err)
		}
	}
}

func TestOwnerIsNotShutOutByAnAttackerElsewhere(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	granted := known(t, w, email, "")
	exhaust(t, w, email)
	again := known(t, w, email, granted.Device.Reveal())
	refreshed, err := w.Sessions.Refresh(t.Context(), again.Refresh, "")
	if err != nil {
		t.Fatalf("refresh: %v", err)
	}
	who, err := w.Sessions.Authenticate(t.Context(), refreshed.Pair.Access.Reveal())
	if err != nil {
		t.Fatalf("authenticate: %v", err)
	}
	// The session asks for the password by itself, too.
	const next = "another correct horse battery"
	if _, err := w.Passwords.Change(t.Context(), who, domain.NewSecret(world.Password), domain.NewSecret(next)); err != nil {
		t.Errorf("change the password: %v", err)
	}
	if _, err := guess(t.Context(), w, email, next, granted.Device.Reveal()); err != nil {
		t.Errorf("the device with the new password: %v", err)
	}
}

// A known device that fails is closed by itself, until the password is a new one.
func TestKnownDeviceIsCountedByItself(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	phone, laptop := known(t, w, email, "").Device.Reveal(), known(t, w, email, "").Device.Reveal()
	exhaustFrom(t, w, email, phone)
	if _, err := guess(t.Context(), w, email, world.Password, phone); domain.CodeOf(err) != domain.CodeTooManyAttempts {
		t.Errorf("the device after 100 failures: %v", err)
	}
	known(t, w, email, laptop)
	granted := known(t, w, email, "")
	who, err := w.Sessions.Authenticate(t.Context(), granted.Access.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	const next = "another correct horse battery"
	if _, err := w.Passwords.Change(t.Context(), who, domain.NewSecret(world.Password), domain.NewSecret(next)); err != nil {
		t.Fatal(err)
	}
	if _, err := guess(t.Context(), w, email, next, phone); err != nil {
		t.Errorf("the device with a new password: %v", err)
	}
}

func TestSpellingsOfAnIdentifierAreCountedTogether(t *testing.T) {
	t.Parallel()
	for name, spellings := range map[string][]string{
		"username":         {"ada.l", "ADA.L", "Ada.L", "ａｄａ.ｌ", "aDa．L"},
		"address":          {"ada@xn--bcher-kva.example", "ADA@bücher.EXAMPLE", "Ada@BÜCHER.example", "ada@bu\u0308cher.example", "ada@bücher.example\u200b"},
		"both":             {"ada.l", "ada@bücher.example"},
		"unknown username": {"nobody", "NoBody", "ｎobody"},
		"unknown address":  {"nobody@bücher.example", "NOBODY@xn--bcher-kva.example"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			username := "Ada.L"
			_, err := w.Accounts.Register(t.Context(), account.Registration{
				Email: "ada@bücher.example", Password: domain.NewSecret(world.Password), Username: &username,
			})
			if err != nil {
				t.Fatal(err)
			}
			for i := range domain.MaxFailures {
				w.Clock.Advance(time.Hour)
				if _, err := guess(t.Context(), w, spellings[i%len(spellings)], wrong, ""); domain.CodeOf(err) != domain.CodeInvalidCredentials {
					t.Fatalf("failure %d as %s: %v", i+1, spellings[i%len(spellings)], err)
				}
			}
			for _, spelling := range spellings {
				if _, err := guess(t.Context(), w, spelling, wrong, ""); domain.CodeOf(err) != domain.CodeTooManyAttempts {
					t.Errorf("%s: %v; want the one class closed", spelling, err)
				}
			}
		})
	}
}

// Letters that only look alike are not the account's, nor do they count against it.
func TestConfusablesAreSomebodyElse(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	for _, lookalike := range []string{"\u0430da@example.com", "ada@ex\u0430mple.com", "ada\u200b@example.com", " ada@example.com"} {
		for range domain.MaxFailures {
			w.Clock.Advance(time.Hour)
			if _, err := guess(t.Context(), w, lookalike, world.Password, ""); domain.CodeOf(err) != domain.CodeInvalidCredentials {
				t.Fatalf("%q: %v", lookalike, err)
			}
		}
	}
	w.Login(t, email)
}

// What the service could not do is no failure of the caller's, and takes nothing.
func TestTroubleIsNotCounted(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Register(t, email)
	w.Hasher.Fail(ports.ErrOverloaded)
	for range 200 {
		if _, err := guess(whereabouts(t, "192.0.2.7", "x"), w, email, world.Password, ""); domain.CodeOf(err) != domain.CodeOverloaded {
			t.Fatalf("overloaded: %v", err)
		}
	}
	w.Hasher.Fail(nil)
	w.Login(t, email)
}

func TestTheFailureThatClosesIsAudited(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	owner := w.Register(t, email)
	exhaust(t, w, email)
	_, _ = guess(t.Context(), w, email, wrong, "")
	reasons := map[string]int{}
	for _, e := range w.Audit(t, owner.ID) {
		if e.Action == domain.AuditLoginFailed {
			reasons[e.Detail["reason"]]++
		}
	}
	if reasons["last_attempt"] != 1 || reasons[""] < 98 { // a page holds a hundred events
		t.Errorf("reasons %v; want one last attempt", reasons)
	}
}

// Recovery opens the account for strangers again.
func TestRecoveryOpensTheAccount(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	owner := w.Register(t, email)
	exhaust(t, w, email)
	err := w.Store.Update(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		return w.Throttle.Clear(ctx, tx, owner.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Login(t, email)
}
