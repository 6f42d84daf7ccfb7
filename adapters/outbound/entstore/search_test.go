package entstore_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"authserve/adapters/outbound/entstore"
)

func TestAfterPrefix(t *testing.T) {
	t.Parallel()
	tests := []struct{ prefix, want string }{
		{"", ""},
		{"a", "b"},
		{"ann", "ano"},
		{"z", "{"},
		{"a\x7f", "a\u0080"},
		{"ß", "à"},
		{"\u07ff", "\u0800"},
		{"a\ud7ff", "a\ue000"}, // the surrogates between them are no characters
		{"a\uffff", "a\U00010000"},
		{"a\U0010ffff", "b"},
		{"a\ud7ff\U0010ffff\U0010ffff", "a\ue000"},
		{"\U0010ffff", ""},
		{"\U0010ffff\U0010ffff", ""},
	}
	for _, test := range tests {
		if got := entstore.AfterPrefix(test.prefix); got != test.want {
			t.Errorf("AfterPrefix(%q) = %q, want %q", test.prefix, got, test.want)
		}
	}
}

// FuzzAfterPrefix: a text begins with the prefix exactly where it is not below the
// prefix and is below what AfterPrefix says.
func FuzzAfterPrefix(f *testing.F) {
	for _, seed := range [][2]string{
		{"", "a"},
		{"ann", "anna"},
		{"ann", "ano"},
		{"a\ud7ff", "a\ud7ff\U0010ffff"},
		{"a\ud7ff", "a\ue000"},
		{"a\U0010ffff", "b"},
		{"\U0010ffff", "\U0010ffff\U0010ffff"},
		{"a\x7f", "a\u0080"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, prefix, text string) {
		// Search finds nothing for what is no text, and most that is tried here would be none.
		prefix, text = strings.ToValidUTF8(prefix, "\U0010ffff"), strings.ToValidUTF8(text, "\ud7ff")
		end := entstore.AfterPrefix(prefix)
		if !utf8.ValidString(end) {
			t.Errorf("AfterPrefix(%q) = %q is no text", prefix, end)
		}
		for _, candidate := range []string{text, prefix + text} {
			inside := candidate >= prefix && (end == "" || candidate < end)
			if want := strings.HasPrefix(candidate, prefix); inside != want {
				t.Errorf("AfterPrefix(%q) = %q: that puts %q inside %v, want %v", prefix, end, candidate, inside, want)
			}
		}
	})
}
