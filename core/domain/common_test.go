package domain_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"authserve/core/domain"
)

// perMinimum is how many common passwords must be refused at each minimum.
const perMinimum = 3000

// rankedPasswords reads the common passwords, most frequent first. The file holds
// everything of its source that the list could take (bootstrap/gencommon).
func rankedPasswords(t *testing.T) []string {
	t.Helper()
	zipped, err := os.ReadFile("testdata/common-ranked.txt.gz")
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// firstOf returns the first perMinimum of the ranked passwords that meet minimum.
func firstOf(ranked []string, minimum int) []string {
	var first []string
	for _, p := range ranked {
		if utf8.RuneCountInString(p) >= minimum && len(first) < perMinimum {
			first = append(first, p)
		}
	}
	return first
}

func TestCommonListIsWhatTheRanksGive(t *testing.T) {
	t.Parallel()
	ranked := rankedPasswords(t)
	want := map[string]bool{}
	for minimum := domain.LowestPasswordMinimum; minimum <= 64; minimum++ {
		for _, p := range firstOf(ranked, minimum) {
			want[p] = true
		}
	}
	if len(want) != len(ranked) {
		t.Errorf("%d of %d ranked passwords are for no minimum", len(ranked)-len(want), len(ranked))
	}
	list, err := os.ReadFile("common.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(list), "\n"), "\n")
	if !slices.IsSorted(lines) || !strings.HasSuffix(string(list), "\n") {
		t.Error("the list is not sorted lines, so it cannot be searched")
	}
	for i, p := range lines {
		if !want[p] {
			t.Fatalf("line %d is not among the ranked passwords, or is there twice", i+1)
		}
		delete(want, p)
		if n := domain.PresentedPassword(p); n.Reveal() != p {
			t.Errorf("line %d is no normal password", i+1)
		}
	}
	if len(want) != 0 {
		t.Errorf("%d ranked passwords are not in the list", len(want))
	}
}

func TestCommonPasswordsAreRefusedAtEveryMinimum(t *testing.T) {
	t.Parallel()
	ranked := rankedPasswords(t)
	for minimum := domain.LowestPasswordMinimum; minimum <= 30; minimum++ {
		t.Run(fmt.Sprint(minimum), func(t *testing.T) {
			t.Parallel()
			first := firstOf(ranked, minimum)
			// The source has fewer than 3,000 of 18 characters and more.
			if minimum < 18 && len(first) != perMinimum {
				t.Fatalf("there are %d common passwords to refuse, want %d", len(first), perMinimum)
			}
			policy := domain.PasswordPolicy{MinLength: minimum}
			for _, p := range first {
				if _, err := domain.NewPassword(p, policy); codeOf(err) != domain.CodeTooCommon {
					t.Errorf("%q: error %v, want %s", p, err, domain.CodeTooCommon)
				}
			}
		})
	}
}

// codeOf returns the code of the only field in err.
func codeOf(err error) domain.Code {
	if fields := domain.FieldsOf(err); len(fields) == 1 && fields[0].Field == "password" {
		return fields[0].Code
	}
	return ""
}

func TestCommonPasswords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		code domain.Code // empty: accepted
	}{
		{"correct horse battery staple", ""},
		{"my password is not password", ""},
		{"abcdefghijklmno", ""},
		{"eleven purple otters sing", ""},
		{"trustno1 and dragon and monkey", ""},
		{"12345678 reasons to stay", ""},
		{"ünder the sea 🐠🐠", ""},
		{"passwordlength", ""}, // a letter more is another word
		{"xpassword123", ""},   // decoration stands at the end

		{"password", domain.CodeTooCommon},
		{"PassWord", domain.CodeTooCommon},
		{"ｐａｓｓｗｏｒｄ", domain.CodeTooCommon},
		{"qwertyuiop12345", domain.CodeTooCommon},
		{"!qazxsw2#edcvfr4", domain.CodeTooCommon}, // an early line
		{strings.Repeat("z", 31), domain.CodeTooCommon},
		{"Password1234567", domain.CodeTooCommon},
		{"Sunshine.2026!!!!!!!", domain.CodeTooCommon},
		{"password 1 2 3 4 5 6 7", domain.CodeTooCommon},
		{"password 1 2 3 4 5 6 7 8", ""}, // eight digits beside it are not tried out soon
		{"password2073918465", ""},
		{"password🐴🐴🐴", domain.CodeTooCommon},
		{"password٣٣٣", domain.CodeTooCommon},
	} {
		_, err := domain.NewPassword(c.in, domain.PasswordPolicy{MinLength: 8})
		if err != nil && c.code == "" || codeOf(err) != c.code {
			t.Errorf("%q: got %v; want %q", c.in, domain.FieldsOf(err), c.code)
		}
	}
}

func TestContextWords(t *testing.T) {
	t.Parallel()
	ada := []string{"Ada.Lovelace@engines.Example.com", "ada_l", "Countess Ada King-Noël of Lovelace 夜"}
	for _, c := range []struct {
		name, in string
		own      []string
		code     domain.Code // empty: accepted
	}{
		{"the address", "ada.lovelace@engines.example.com", ada, domain.CodeContainsContext},
		{"the address in other letters", "ADA.LOVELACE@ENGINES.EXAMPLE.COM!", ada, domain.CodeContainsContext},
		{"its local part, decorated", "ada.lovelace2026!!", ada, domain.CodeContainsContext},
		{"its words the other way round", "123 lovelace-ada 123", ada, domain.CodeContainsContext},
		{"its domain", "engines.example.com", ada, domain.CodeContainsContext},
		{"a label of the domain, repeated", "enginesENGINESengines!", ada, domain.CodeContainsContext},
		{"one inside the other", "adadadadadadada", ada, domain.CodeContainsContext},
		{"one inside the other, long", strings.Repeat("ad", 20) + "a", ada, domain.CodeContainsContext},
		{"a short address, again and again", strings.Repeat("jo@x.de", 8), []string{"jo@x.de"}, domain.CodeContainsContext},
		{"the initials of the local part", "albealbealbealbe", []string{"a.l.b.e@x.example"}, domain.CodeContainsContext},
		{"a name of short words", "joli joli joli", []string{"Jo Li"}, domain.CodeContainsContext},
		{"a name with vowel signs", "हिन्दी हिन्दी", []string{"श्री हिन्दी"}, domain.CodeContainsContext},
		{"the username without its punctuation", "adaladaladaladal", ada, domain.CodeContainsContext},
		{"a word of the name", "COUNTESS countess", ada, domain.CodeContainsContext},
		{"the name as a whole", "Countess Ada King-Noël of Lovelace 夜", ada, domain.CodeContainsContext},
		{"the name with a decomposed letter", "noe\u0308lnoe\u0308lnoe\u0308lnoe\u0308l", ada, domain.CodeContainsContext},
		{"the service", "AuthServe2026!!", nil, domain.CodeContainsContext},
		{"another name of the service", "Example Bank 123", nil, domain.CodeContainsContext},
		{"a common password beside it", "ada-password-ada", ada, domain.CodeContainsContext},
		{"and a decorated one", "ada-password-123", ada, domain.CodeContainsContext},
		{"what is left of both sides counts together", "1234 lovelace 567", ada, domain.CodeContainsContext},
		{"seven characters beside it", "lovelace unicorn", ada, domain.CodeContainsContext},

		{"eight characters beside it", "lovelace unicorns", ada, ""},
		{"eight digits beside it", "lovelace 20739184", ada, ""},
		{"a word that shares its consonants only", "हिन्दी हन्दा हन्दा हन्दा", []string{"हिन्दी"}, ""},
		{"a passphrase that contains a short word", "armada of paper boats", ada, ""},
		{"a passphrase about oneself", "lovelace wrote the first programme", ada, ""},
		{"words of two letters are none", "of or if of or if by", ada, ""},
		{"a character is none", "夜一夜二夜三夜四夜五", ada, ""},
		{"nothing but punctuation is of no context", "!?!%!&!?!%!&!+!?", ada, ""},
		{"nothing known of the account", "lovelace.ada.1815", []string{"", "", "  "}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := domain.NewPassword(c.in, domain.PasswordPolicy{MinLength: 8, Context: []string{"Example Bank", "bank"}}, c.own...)
			if err != nil && c.code == "" || codeOf(err) != c.code {
				t.Errorf("%q: got %v; want %q", c.in, domain.FieldsOf(err), c.code)
			}
		})
	}
}

func TestRefusalsRepeatNothingOfThePassword(t *testing.T) {
	t.Parallel()
	policy := domain.PasswordPolicy{MinLength: 8, MaxBytes: 72, Context: []string{"zanzibar"}}
	for _, in := range []string{"trustno1!!", "zanzibar99", "quetzalcoatl99", "quetz", "quetz\x00coatl", strings.Repeat("quetz", 20)} {
		_, err := domain.NewPassword(in, policy, "quetzalcoatl")
		if err == nil {
			t.Errorf("%q was accepted", in)
			continue
		}
		text := strings.ToLower(fmt.Sprint(err, domain.FieldsOf(err)))
		for _, part := range []string{"trustno", "zanzibar", "quetz"} {
			if strings.Contains(text, part) {
				t.Errorf("the error says %q: %s", part, text)
			}
		}
	}
}

func FuzzContextWords(f *testing.F) {
	f.Add("ada.lovelace", "2026!!", "Ada@Example.com")
	f.Add("\u212b\u0308ngstro\u0308m", "\u0301 \ufdfa", "\u0390\u0390\u0390")
	f.Add("adada", "ad\xff", "夜夜夜")
	f.Add("ﬁﬁﬁ", "⅔", "ẞẞẞ")
	f.Fuzz(func(t *testing.T, word, decoration, other string) {
		if len(word) > 256 || len(decoration) > 256 || len(other) > 1024 {
			return
		}
		in := word + " " + decoration + " " + word
		password := domain.PresentedPassword(in)
		_, err := domain.NewPassword(in, domain.PasswordPolicy{MinLength: 1}, other, word)
		if !password.IsValid() || err != nil {
			return
		}
		characters := func(s string) (n int) {
			for _, r := range cases.Fold().String(norm.NFKC.String(s)) {
				if unicode.In(r, unicode.L, unicode.M, unicode.N) {
					n++
				}
			}
			return n
		}
		if characters(word) >= 3 && characters(decoration) < 8 {
			t.Errorf("%q was accepted for %q", in, word)
		}
	})
}
