package domain_test

import (
	"strings"
	"testing"

	"authserve/core/domain"
)

func TestParseEmail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in, canonical string
		code                domain.Code
	}{
		{name: "plain", in: "ada@example.com", canonical: "ada@example.com"},
		{name: "upper case is kept as typed, compared in lower case", in: "Ada.Lovelace@Example.COM", canonical: "ada.lovelace@example.com"},
		{name: "plus and specials of RFC 5322", in: "a+b!#$%&'*/=?^_`{|}~-@x.org", canonical: "a+b!#$%&'*/=?^_`{|}~-@x.org"},
		{name: "international domain", in: "ada@Bücher.example", canonical: "ada@xn--bcher-kva.example"},
		{name: "host without dot", in: "root@localhost", canonical: "root@localhost"},
		{name: "empty", in: "", code: domain.CodeRequired},
		{name: "no at sign", in: "ada.example.com", code: domain.CodeInvalidFormat},
		{name: "no local part", in: "@example.com", code: domain.CodeInvalidFormat},
		{name: "no domain", in: "ada@", code: domain.CodeInvalidFormat},
		{name: "two at signs", in: "a@b@c.com", code: domain.CodeInvalidFormat},
		{name: "leading dot", in: ".ada@example.com", code: domain.CodeInvalidFormat},
		{name: "double dot", in: "a..b@example.com", code: domain.CodeInvalidFormat},
		{name: "space inside", in: "a b@example.com", code: domain.CodeInvalidFormat},
		{name: "space around is not trimmed", in: " ada@example.com", code: domain.CodeInvalidFormat},
		{name: "line break: header injection", in: "ada@example.com\r\nBcc: x@y.z", code: domain.CodeInvalidFormat},
		{name: "line break in local part", in: "a\nb@example.com", code: domain.CodeInvalidFormat},
		{name: "NUL", in: "a\x00@example.com", code: domain.CodeInvalidFormat},
		{name: "quoted local part", in: `"a b"@example.com`, code: domain.CodeInvalidFormat},
		{name: "address literal", in: "a@[127.0.0.1]", code: domain.CodeInvalidFormat},
		{name: "display name", in: "Ada <ada@example.com>", code: domain.CodeInvalidFormat},
		{name: "Cyrillic local part", in: "аda@example.com", code: domain.CodeInvalidFormat},
		{name: "label starts with hyphen", in: "a@-x.com", code: domain.CodeInvalidFormat},
		{name: "invalid UTF-8", in: "a@\xff.com", code: domain.CodeInvalidFormat},
		{name: "local part of 64", in: strings.Repeat("a", 64) + "@example.com", canonical: strings.Repeat("a", 64) + "@example.com"},
		{name: "local part of 65", in: strings.Repeat("a", 65) + "@example.com", code: domain.CodeInvalidFormat},
		{name: "254 bytes and more", in: "a@" + strings.Repeat("b.", 126) + "com", code: domain.CodeTooLong},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := domain.ParseEmail(c.in)
			if c.code != "" {
				wantField(t, err, "email", c.code)
				return
			}
			if err != nil || got.Canonical != c.canonical || got.Address != c.in {
				t.Fatalf("ParseEmail(%q) = %+v, %v; want canonical %q, address as typed", c.in, got, err, c.canonical)
			}
		})
	}
}

func wantField(t *testing.T, err error, field string, code domain.Code) {
	t.Helper()
	if domain.CodeOf(err) != domain.CodeValidation {
		t.Fatalf("error = %v; want code %s", err, domain.CodeValidation)
	}
	for _, f := range domain.FieldsOf(err) {
		if f.Field == field && f.Code == code {
			return
		}
	}
	t.Fatalf("fields = %+v; want %s of %s", domain.FieldsOf(err), code, field)
}

func FuzzParseEmail(f *testing.F) {
	for _, seed := range []string{"ada@example.com", "a@b@c", "ä@ö.de", "a@xn--bcher-kva.example", "\xff@\xff", "a@b\r\n", strings.Repeat("a", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		email, err := domain.ParseEmail(in)
		if err != nil {
			if domain.CodeOf(err) != domain.CodeValidation {
				t.Fatalf("ParseEmail(%q): untyped error %v", in, err)
			}
			return
		}
		if email.Address != in {
			t.Fatalf("address %q was rewritten to %q", in, email.Address)
		}
		if strings.ContainsAny(email.Canonical, "\r\n\x00 \t") {
			t.Fatalf("canonical form %q holds a control character", email.Canonical)
		}
		again, err := domain.ParseEmail(email.Canonical)
		if err != nil || again.Canonical != email.Canonical {
			t.Fatalf("canonical form %q is not stable: %q, %v", email.Canonical, again.Canonical, err)
		}
	})
}
