package entstore_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"authserve/adapters/outbound/entstore"
)

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"postgres://u:sec@ret-XYZZY@h:5432/d", "mysql://u:sec@ret-XYZZY@h/d", "postgresql://u:sec/ret-XYZZY@h/d", "mysql://u:1/ret-XYZZY@h/d",
		"postgres://u:sec?ret-XYZZY@h/d", "mysql://u:sec#ret-XYZZY@h/d", "postgres://u:s@ret-XYZZY/x?c@h/d", "MYSQL://u:s@ret-XYZZY/x#c@h/d",
	} {
		err := entstore.CheckURL(bad)
		if err == nil || !strings.Contains(err.Error(), "percent-encoded") || !strings.Contains(err.Error(), "%40") || strings.Contains(err.Error(), "XYZZY") {
			t.Errorf("%s: got %v; want a fault that says what to do, and no part of it", bad, err)
		}
		if _, err := entstore.NewMigrator(entstore.Config{URL: bad}); err == nil || strings.Contains(err.Error(), "XYZZY") {
			t.Errorf("%s: NewMigrator = %v", bad, err)
		}
	}
	for _, bad := range []string{
		"postgres://u@h/d?password=sec&ret-XYZZY", "mysql://u@h/d?password=sec&ret-XYZZY", "postgresql://u@h/d?sslmode=require&sslpassword=sec&ret-XYZZY=1",
		"postgres://u@h/d?p%61ssword=ret-XYZZY", "postgres://u@h/d?PassWord=ret-XYZZY", "mysql://u@h/d?pwd=ret-XYZZY", "mysql://u@h/d?tls=true&passwd=ret-XYZZY",
		"postgres://u@h/d?sslmode=%zz&password=ret-XYZZY", "postgres://u@h/d?password", "postgres://u@h?password=ret-XYZZY", "postgres:///d?password=ret-XYZZY",
	} {
		_, err := entstore.NewMigrator(entstore.Config{URL: bad})
		if err == nil || !strings.Contains(err.Error(), "before the host") || strings.Contains(err.Error(), "XYZZY") {
			t.Errorf("%s: got %v; want a fault that says where a password belongs, and no part of it", bad, err)
		}
	}
	for _, good := range []string{
		"postgres://h/d?passfile=/etc/pgpass", "postgres://u:p%40%2F%3F%23@h:5432/d?sslmode=require", "mysql://u:p:+!$&'()*,;=@h/d?tls=true", "postgres://h/d", "sqlite:///data/a@b#c@d.db", "sqlite:x@y@z",
	} {
		if err := entstore.CheckURL(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

// noneOf fails where an error tells four characters of the password that an error about
// another password does not have.
func noneOf(t *testing.T, password, text, innocent string) {
	t.Helper()
	for i := 0; i+4 <= len(password); i++ {
		if part := password[i : i+4]; strings.Contains(text, part) && !strings.Contains(innocent, part) {
			t.Errorf("with the password %q the error tells %q: %s", password, part, text)
			return
		}
	}
}

// passwordForms are where people put a password.
var passwordForms = []string{"%s://user:%s@127.0.0.1:1/authserve", "%s://user@127.0.0.1:1/authserve?password=%s", "%s://user@127.0.0.1:1/authserve?sslpassword=%s"}

// faultsOf is what opening a database says of it, where nobody listens.
func faultsOf(t *testing.T, form, scheme, password string) string {
	t.Helper()
	cfg := entstore.Config{URL: fmt.Sprintf(form, scheme, password)}
	var all strings.Builder
	fmt.Fprintln(&all, entstore.CheckURL(cfg.URL))
	m, err := entstore.NewMigrator(cfg)
	fmt.Fprintln(&all, err)
	if err == nil && strings.HasSuffix(fmt.Sprint(m), "127.0.0.1:1") { // others are not for a test to call
		_, err := m.Examine(t.Context())
		fmt.Fprintln(&all, m, err)
	}
	fmt.Fprint(&all, m)
	store, err := entstore.Open(t.Context(), cfg)
	fmt.Fprintln(&all, err)
	if err == nil {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
	return all.String()
}

// TestNoErrorTellsAPassword puts passwords into URLs as people do, raw.
func TestNoErrorTellsAPassword(t *testing.T) {
	t.Parallel()
	const letters = "ABCXYZ0123456789abcdefghijklmnopqrstuvwxyz@@@///???###:::%%&=[]\\\"' ,;+!$<>{}|^~`-_."
	random := rand.New(rand.NewPCG(1, 2))
	for _, scheme := range []string{"postgres", "postgresql", "mysql"} {
		for _, form := range passwordForms {
			innocent := faultsOf(t, form, scheme, "x")
			for range 200 {
				password := make([]byte, 4+random.IntN(20))
				for i := range password {
					password[i] = letters[random.IntN(len(letters))]
				}
				noneOf(t, string(password), faultsOf(t, form, scheme, string(password)), innocent)
			}
		}
	}
}

func FuzzNoErrorTellsAPassword(f *testing.F) {
	for _, seed := range []string{"sec@ret-XYZZY", "1/secret-XYZZY", "a@b/x?secret", "%zzsecret", "p#secret", "[secret]", "\x00secret"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, password string) {
		for _, scheme := range []string{"postgres", "mysql"} {
			_, innocent := entstore.NewMigrator(entstore.Config{URL: scheme + "://u:x@h:70000000/"})
			for _, form := range passwordForms {
				raw := fmt.Sprintf(form, scheme, password)
				m, err := entstore.NewMigrator(entstore.Config{URL: raw})
				noneOf(t, password, fmt.Sprintln(entstore.CheckURL(raw), err, m),
					fmt.Sprintln(entstore.CheckURL("mysql://@@"), entstore.CheckURL("mysql://h/d?pwd"), innocent, "the database authserve on 127.0.0.1:1"))
			}
		}
	})
}
