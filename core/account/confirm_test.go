package account_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"authserve/bootstrap/world"
	"authserve/core/domain"
	"authserve/ports"
)

// Guesses at the password on one session are slowed down, told in the audit log, and
// are nobody else's trouble.
func TestGuessesAtThePasswordAreSlowedDown(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	p.verified(t, owner)
	who, other := authenticated(t, p.World, p.Login(t, owner)), authenticated(t, p.World, p.Login(t, owner))
	guess := func(who domain.Identity, password string) error {
		return p.Emails.Change(t.Context(), who, "ada@new.example", domain.NewSecret(password))
	}
	for range 5 {
		refused(t, "a guess", guess(who, another), domain.CodeWrongPassword)
	}
	err := guess(who, world.Password)
	refused(t, "too early", err, domain.CodeTooManyAttempts)
	var limited *domain.Error
	if !errors.As(err, &limited) || limited.RetryAfter != time.Second {
		t.Errorf("Retry-After of %v; want a second", err)
	}
	refused(t, "deletion too early", p.Owners.Delete(t.Context(), who, domain.NewSecret(world.Password)), domain.CodeTooManyAttempts)
	fits(t, "another session", guess(other, world.Password))
	fits(t, "a login", p.logIn(t, owner, world.Password))
	reasons := map[string]int{}
	for _, e := range p.events(t, who.Account.ID, domain.AuditPasswordRefused) {
		reasons[e.Detail["for"]+" "+e.Detail["reason"]]++
	}
	want := map[string]int{"email.change_requested wrong_password": 5, "email.change_requested too_many_attempts": 1, "account.deleted too_many_attempts": 1}
	if fmt.Sprint(reasons) != fmt.Sprint(want) {
		t.Errorf("audited %v; want %v", reasons, want)
	}
	p.Clock.Advance(time.Second)
	fits(t, "in time", guess(who, world.Password))
	for range 5 {
		refused(t, "the count began anew", guess(who, another), domain.CodeWrongPassword)
	}
}

// After a hundred failures in a row the right password is refused, too, on that
// session alone.
func TestAHundredFailuresCloseASession(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	p.verified(t, owner)
	who, other := authenticated(t, p.World, p.Login(t, owner)), authenticated(t, p.World, p.Login(t, owner))
	for i := range domain.MaxFailures {
		err := p.Owners.Delete(t.Context(), who, domain.NewSecret(another))
		refused(t, fmt.Sprint("guess ", i+1), err, domain.CodeWrongPassword)
		p.Clock.Advance(time.Hour)
	}
	refused(t, "the right one", p.Owners.Delete(t.Context(), who, domain.NewSecret(world.Password)), domain.CodeTooManyAttempts)
	fits(t, "on another session", p.Owners.Delete(t.Context(), other, domain.NewSecret(world.Password)))
}

// Right passwords use nothing up, nor do those that nobody could judge.
func TestRightPasswordsAreNotBounded(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	who := identity(t, p.World, owner)
	for i := range 80 {
		fits(t, "a right one", p.Emails.Change(t.Context(), who, fmt.Sprintf("ada%d@new.example", i), domain.NewSecret(world.Password)))
	}
	p.Hasher.Fail(ports.ErrOverloaded)
	for range 80 {
		refused(t, "not judged", p.Emails.Change(t.Context(), who, "ada@new.example", domain.NewSecret(world.Password)), domain.CodeOverloaded)
	}
	p.Hasher.Fail(nil)
	fits(t, "after the overload", p.Emails.Change(t.Context(), who, "ada@new.example", domain.NewSecret(world.Password)))
}

// A stranger's address hears of changed passwords once an hour, an owner's each time.
func TestNoticesOfChangedPasswords(t *testing.T) {
	t.Parallel()
	for verified, want := range map[bool]int{true: 3, false: 1} {
		p := newWorldPost(t)
		if verified {
			p.verified(t, owner)
		} else {
			p.Register(t, owner)
		}
		who, password := authenticated(t, p.World, p.Login(t, owner)), world.Password
		for i := range 3 {
			next := fmt.Sprint(another, i)
			pair, err := change(t, p.World, who, password, next)
			if err != nil {
				t.Fatal(err)
			}
			who, password = authenticated(t, p.World, pair), next
		}
		told := 0
		for _, l := range p.deliver(t) {
			if l.Kind == domain.MessagePasswordChanged {
				told++
			}
		}
		if told != want {
			t.Errorf("verified %t: %d notices; want %d", verified, told, want)
		}
	}
}
