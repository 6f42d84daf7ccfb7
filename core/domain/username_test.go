package domain_test

import (
	"strings"
	"testing"

	"authserve/core/domain"
)

func TestParseUsername(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in, canonical string
		code                domain.Code
	}{
		{name: "plain", in: "ada.l-42_x", canonical: "ada.l-42_x"},
		{name: "case is kept and folded for comparison", in: "AdaL", canonical: "adal"},
		{name: "full width is folded", in: "ａｄａ", canonical: "ada"},
		{name: "empty", in: "", code: domain.CodeRequired},
		{name: "two", in: "ab", code: domain.CodeInvalidFormat},
		{name: "33", in: strings.Repeat("a", 33), code: domain.CodeInvalidFormat},
		{name: "huge", in: strings.Repeat("a", 1<<16), code: domain.CodeTooLong},
		{name: "an e-mail", in: "ada@example.com", code: domain.CodeInvalidFormat},
		{name: "space", in: "ada l", code: domain.CodeInvalidFormat},
		{name: "Cyrillic look-alike", in: "аda", code: domain.CodeInvalidFormat},
		{name: "line break", in: "ada\nx", code: domain.CodeInvalidFormat},
		{name: "invalid UTF-8", in: "ada\xff", code: domain.CodeInvalidFormat},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := domain.ParseUsername(c.in)
			if c.code != "" {
				wantField(t, err, "username", c.code)
				return
			}
			if err != nil || got.Canonical != c.canonical || got.Name != c.in {
				t.Fatalf("ParseUsername(%q) = %+v, %v; want canonical %q", c.in, got, err, c.canonical)
			}
		})
	}
}

func TestReservedUsernames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"admin": true, "Root": true, "ada": false} {
		u, err := domain.ParseUsername(name)
		if err != nil || u.IsReserved() != want {
			t.Errorf("%q reserved = %v (%v); want %v", name, u.IsReserved(), err, want)
		}
	}
	if (domain.Username{}).IsReserved() {
		t.Error("no username at all counts as reserved")
	}
}

func FuzzParseUsername(f *testing.F) {
	for _, seed := range []string{"ada", "ADA", "ａｄａ", "a\u0301da", "\xff", "admin"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		u, err := domain.ParseUsername(in)
		if err != nil {
			return
		}
		again, err := domain.ParseUsername(u.Canonical)
		if err != nil || again.Canonical != u.Canonical || strings.Contains(u.Canonical, "@") {
			t.Fatalf("canonical form %q of %q is not stable: %q, %v", u.Canonical, in, again.Canonical, err)
		}
	})
}
