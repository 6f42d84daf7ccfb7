package account_test

import (
	"slices"
	"testing"
	"time"

	"authserve/core/account"
	"authserve/core/domain"
)

// No letters that look alike, and no case, make a second account of one that is there,
// or reach the one that is there by another spelling.
func TestNamesThatLookAlike(t *testing.T) {
	t.Parallel()
	p := newWorldPost(t)
	name := "admin-ada"
	r := registration("ada@kiosk.example")
	r.Username = &name
	if _, err := p.Accounts.Register(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for what, tc := range map[string]struct {
		email, username string
		want            domain.Code
	}{
		"upper case":                        {"ADA@KIOSK.EXAMPLE", "", domain.CodeEmailTaken},
		"Kelvin sign in the domain":         {"ada@\u212aiosk.example", "", domain.CodeEmailTaken},
		"full width in the domain":          {"ada@\uff4biosk.example", "", domain.CodeEmailTaken},
		"ideographic full stop":             {"ada@kiosk\u3002example", "", domain.CodeEmailTaken},
		"soft hyphen in the domain":         {"ada@ki\u00adosk.example", "", domain.CodeEmailTaken},
		"Cyrillic a in the local part":      {"\u0430da@kiosk.example", "", domain.CodeValidation},
		"dotless i in the local part":       {"ad\u0131@kiosk.example", "", domain.CodeValidation},
		"zero width joiner in the local":    {"a\u200dda@kiosk.example", "", domain.CodeValidation},
		"blank after it":                    {"ada@kiosk.example ", "", domain.CodeValidation},
		"dot after it":                      {"ada@kiosk.example.", "", domain.CodeValidation},
		"NUL after it":                      {"ada@kiosk.example\x00", "", domain.CodeValidation},
		"username in upper case":            {"a@b.example", "ADMIN-ADA", domain.CodeUsernameTaken},
		"username in full width":            {"a@b.example", "\uff41dmin-ada", domain.CodeUsernameTaken},
		"username with a Kelvin sign":       {"kim@b.example", "\u212aim", ""},
		"username with Cyrillic a":          {"a@b.example", "\u0430dmin-ada", domain.CodeValidation},
		"username with a dotless i":         {"a@b.example", "adm\u0131n-ada", domain.CodeValidation},
		"username with a dotted capital I":  {"a@b.example", "ADM\u0130N-ADA", domain.CodeValidation},
		"username with a zero width joiner": {"a@b.example", "admin\u200d-ada", domain.CodeValidation},
		"reserved in upper case":            {"a@b.example", "ADMIN", domain.CodeValidation},
		"reserved in full width":            {"a@b.example", "\uff41dmin", domain.CodeValidation},
		"an e-mail address as username":     {"a@b.example", "ada@kiosk.example", domain.CodeValidation},
	} {
		r := registration(tc.email)
		if tc.username != "" {
			r.Username = &tc.username
		}
		_, err := p.Accounts.Register(t.Context(), r)
		if tc.want == "" {
			fits(t, what, err)
			continue
		}
		refused(t, what, err, tc.want)
	}
	// The Kelvin sign is a k: whoever took it in one spelling has it in all.
	who := identity(t, p.World, "grace@example.com")
	plain := "kim"
	_, err := p.Accounts.UpdateProfile(t.Context(), who, account.ProfileChange{Username: &plain})
	refused(t, "the name in plain letters", err, domain.CodeUsernameTaken)
	// A mail goes to the address that was registered, however its asker spells it.
	p.deliver(t)
	for _, address := range []string{"ADA@KIOSK.example", "ada@\u212aiosk.example"} {
		p.Clock.Advance(time.Second)
		fits(t, "forgot "+address, p.Passwords.Forgot(t.Context(), address))
		fits(t, "resend "+address, p.Emails.Resend(t.Context(), address))
		if got, want := p.kinds(t), []string{"reset_password ada@kiosk.example", "verify_email ada@kiosk.example"}; !slices.Equal(got, want) {
			t.Errorf("%q: sent %q; want %q", address, got, want)
		}
	}
}
