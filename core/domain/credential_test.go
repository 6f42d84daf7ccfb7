package domain_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"authserve/core/domain"
)

func TestNewPassword(t *testing.T) {
	t.Parallel()
	policy := domain.PasswordPolicy{MinLength: 15}
	bcrypt := domain.PasswordPolicy{MinLength: 15, MaxBytes: domain.MaxBcryptBytes}
	for _, c := range []struct {
		name, in string
		policy   domain.PasswordPolicy
		want     string // empty: as typed
		code     domain.Code
	}{
		{name: "15 lower-case letters need no composition", in: "abcdefghijklmno", policy: policy},
		{name: "spaces and emoji", in: "correct horse 🐴 battery", policy: policy},
		{name: "spaces at the ends are not trimmed", in: "  abcdefghijklmno  ", policy: policy},
		{name: "length counts code points", in: strings.Repeat("🐴🐶🐱🐭🐹", 3), policy: policy},
		{name: "decomposed becomes NFC", in: "A\u030angstro\u0308m-unit-xx", policy: policy, want: "\u00c5ngstr\u00f6m-unit-xx"},
		{name: "14 is too short", in: "abcdefghijklmn", policy: policy, code: domain.CodeTooShort},
		{name: "14 after NFC is too short", in: "abcdefghijklme\u0301", policy: policy, code: domain.CodeTooShort},
		{name: "empty", in: "", policy: policy, code: domain.CodeRequired},
		{name: "128", in: strings.Repeat("abcdefgh", 16), policy: policy},
		{name: "129 is refused, not cut", in: strings.Repeat("x", 129), policy: policy, code: domain.CodeTooLong},
		{name: "a megabyte is refused at once", in: strings.Repeat("x", 1<<20), policy: policy, code: domain.CodeTooLong},
		{name: "control character", in: "abcdefghijklmno\x00", policy: policy, code: domain.CodeInvalidCharacter},
		{name: "line break", in: "abcdefghijklmno\n", policy: policy, code: domain.CodeInvalidCharacter},
		{name: "invalid UTF-8", in: "abcdefghijklmno\xff", policy: policy, code: domain.CodeInvalidCharacter},
		{name: "72 bytes for bcrypt", in: strings.Repeat("abcdefgh", 9), policy: bcrypt},
		{name: "five different characters", in: "abcdeabcdeabcde", policy: policy},
		{name: "four", in: "abcdabcdabcdabcd", policy: policy, code: domain.CodeTooCommon},
		{name: "spaces alone", in: strings.Repeat(" ", 15), policy: policy, code: domain.CodeTooCommon},
		{name: "73 bytes for bcrypt are refused", in: strings.Repeat("x", 73), policy: bcrypt, code: domain.CodeTooLong},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := domain.NewPassword(c.in, c.policy)
			if c.code != "" {
				wantField(t, err, "password", c.code)
				if len(c.in) > 3 && strings.Contains(fmt.Sprint(err), c.in) {
					t.Fatalf("the error repeats the password: %v", err)
				}
				return
			}
			want := c.want
			if want == "" {
				want = c.in
			}
			if err != nil || got.Reveal() != want {
				t.Fatalf("got %q, %v; want %q", got.Reveal(), err, want)
			}
		})
	}
}

func TestPresentedPassword(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", domain.MaxPasswordLength+1)
	for _, c := range []struct{ name, in, normal, raw string }{
		{"a short one, which may have been legal once", "short", "short", "short"},
		{"a common one, which may have been legal once", "password", "password", "password"},
		{"normalised", "a\u030a", "\u00e5", "a\u030a"},
		{"too long for ours", long, "", long},
		{"a control character", "a\x00", "", "a\x00"},
		{"invalid UTF-8", "\xff", "", "\xff"},
		{"as long as an imported one may be", strings.Repeat("x", domain.MaxRawPasswordBytes), "", strings.Repeat("x", domain.MaxRawPasswordBytes)},
		{"longer", strings.Repeat("x", domain.MaxRawPasswordBytes+1), "", ""},
		{"a megabyte", strings.Repeat("x", 1<<20), "", ""},
		{"nothing", "", "", ""},
	} {
		p := domain.PresentedPassword(c.in)
		if p.Reveal() != c.normal || p.RevealRaw() != c.raw || p.IsValid() != (c.normal != "") {
			t.Errorf("%s: got %d and %d bytes, valid %t; want %d and %d", c.name, len(p.Reveal()), len(p.RevealRaw()), p.IsValid(), len(c.normal), len(c.raw))
		}
	}
}

func TestSecretsNeverShow(t *testing.T) {
	t.Parallel()
	const value = "hunter2hunter2hunter2"
	p, err := domain.NewPassword(value, domain.PasswordPolicy{MinLength: 8})
	if err != nil {
		t.Fatal(err)
	}
	text, err := domain.NewSecret(value).MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	holder := struct {
		P domain.Password
		S domain.Secret
		C domain.Credential
	}{p, domain.NewSecret(value), domain.Credential{Hash: domain.NewSecret(value)}}
	for _, shown := range []string{
		fmt.Sprint(holder), fmt.Sprintf("%v %+v %#v %s", holder, holder, holder, p), fmt.Sprintf("%q", domain.NewSecret(value)), string(text),
	} {
		if strings.Contains(shown, value) {
			t.Errorf("a secret shows in %q", shown)
		}
	}
}

func FuzzNewPassword(f *testing.F) {
	for _, seed := range []string{"abcdefghijklmno", "A\u030angstro\u0308m-unit-xx", "\xff", "\x00", strings.Repeat("\u0301", 200)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		p, err := domain.NewPassword(in, domain.PasswordPolicy{MinLength: 8})
		if err != nil {
			return
		}
		if n := utf8.RuneCountInString(p.Reveal()); n < 8 || n > domain.MaxPasswordLength {
			t.Fatalf("%q was accepted with %d characters", in, n)
		}
		if same := domain.PresentedPassword(in); same != p || !p.IsValid() {
			t.Fatalf("%q registers as %q and logs in as %q", in, p.Reveal(), same.Reveal())
		}
	})
}
