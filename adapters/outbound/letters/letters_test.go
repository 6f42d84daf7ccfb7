package letters_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"authserve/adapters/outbound/letters"
	"authserve/core/domain"
	"authserve/ports/fake"
)

// The files in testdata/golden are what people read: look at them after a change. To
// write them anew, set UPDATE_GOLDEN.
func TestEveryLetterInEveryLanguage(t *testing.T) {
	t.Parallel()
	w := writer(t)
	for _, locale := range letters.Builtin() {
		for _, kind := range domain.MessageKinds() {
			t.Run(locale+"/"+string(kind), func(t *testing.T) {
				t.Parallel()
				l := compose(t, w, message(kind, locale, facts()))
				file := filepath.Join("testdata", "golden", locale, string(kind))
				checkGolden(t, file+".txt", "Subject: "+l.Subject+"\n\n"+l.Text)
				checkGolden(t, file+".html", l.HTML)
				m := message(kind, locale, nil)
				if l.ID != m.ID || l.Kind != m.Kind || l.To != m.To || !l.CreatedAt.Equal(m.CreatedAt) {
					t.Errorf("got %v to %s of %v, want those of the message", l, l.To, l.CreatedAt)
				}
			})
		}
	}
}

func checkGolden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

func TestTheLanguageOfALetter(t *testing.T) {
	t.Parallel()
	tests := []struct{ chosen, usual, want string }{
		{"", "en", "en"},
		{"", "de", "de"},
		{"de", "en", "de"},
		{"de-AT", "en", "de"},
		{"de-CH-1996", "en", "de"},
		{"en-GB", "de", "en"},
		{"fr", "en", "en"},
		{"fr", "de", "de"},
		{"ja", "de", "de"},
		{"no such thing", "de", "de"},
		{"de-x-" + strings.Repeat("private-", 1000) + "x", "en", "en"},
		{"\xff", "de", "de"},
		{"und", "de", "de"},
	}
	for _, tt := range tests {
		l := compose(t, writer(t, withLocale(tt.usual)), message(domain.MessagePasswordChanged, tt.chosen, nil))
		if got := strings.Contains(l.HTML, `lang="`+tt.want+`"`); !got {
			t.Errorf("locale %q where %s is usual: got %q, want it in %s", tt.chosen, tt.usual, l.Subject, tt.want)
		}
	}
}

// pages are where links lead, by kind of message.
func pages() map[domain.MessageKind]string {
	return map[domain.MessageKind]string{
		domain.MessageVerifyEmail:   "/links/verify-email",
		domain.MessageChangeEmail:   "/links/verify-email",
		domain.MessageEmailChanged:  "/links/undo-email",
		domain.MessageResetPassword: "/links/reset-password",
	}
}

func TestLettersHaveTheirLinkAndNoOther(t *testing.T) {
	t.Parallel()
	w := writer(t)
	address := regexp.MustCompile(`(?i)[a-z]+://[^\s"<]*|www\.|mailto:|src=|url\(`)
	for _, kind := range domain.MessageKinds() {
		for _, locale := range letters.Builtin() {
			l := compose(t, w, message(kind, locale, facts()))
			var inText, inHTML []string
			if page, linked := pages()[kind]; linked {
				link := base + page + "#token=" + secret
				inText, inHTML = []string{link}, []string{link, link} // the button, and in letters
			}
			if got := address.FindAllString(l.Text, -1); !slices.Equal(got, inText) {
				t.Errorf("%s in %s: got the links %q in text, want %q", kind, locale, got, inText)
			}
			if got := address.FindAllString(l.HTML, -1); !slices.Equal(got, inHTML) {
				t.Errorf("%s in %s: got the links %q in HTML, want %q", kind, locale, got, inHTML)
			}
			if strings.Contains(l.Subject, secret) {
				t.Errorf("%s in %s: the token is in the subject", kind, locale)
			}
		}
	}
}

// A new key of Data, or a new kind, has to be thought of here.
func TestLettersTellOnlyWhatBelongsToThem(t *testing.T) {
	t.Parallel()
	w := writer(t)
	belongs := map[domain.MessageKind][]string{
		domain.MessageNewDevice:    {domain.DataDevice, domain.DataAddress},
		domain.MessageSessionTheft: {domain.DataBegan},
	}
	shown := map[string]string{ // by key: what a letter with it would say
		domain.DataBegan: "28 February", domain.DataDevice: "Firefox", domain.DataAddress: "2001:db8::17",
		"email": "someone.else@example.org", "token": "marker-of-a-token", "name": "marker-of-a-name",
	}
	data := facts()
	for _, key := range []string{"email", "token", "name"} {
		data[key] = shown[key]
	}
	for _, kind := range domain.MessageKinds() {
		l := compose(t, w, message(kind, "en", data))
		all := l.Subject + l.Text + strings.ReplaceAll(l.HTML, "#222222", "")
		for key, words := range shown {
			if got, want := strings.Contains(all, words), slices.Contains(belongs[kind], key); got != want {
				t.Errorf("%s: got %q of %s told: %t, want %t", kind, words, key, got, want)
			}
		}
		m := fake.Message(1)
		for _, private := range []string{m.To, string(m.ID), string(m.AccountID)} {
			if strings.Contains(all, private) {
				t.Errorf("%s: the letter holds %q", kind, private)
			}
		}
	}
}

// Templates of others cannot show more than ours do.
func TestTemplatesGetOnlyWhatBelongsToTheLetter(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for _, kind := range domain.MessageKinds() {
		files["en/"+string(kind)+".txt"] = "Subject: x\n\n[{{.Device}}][{{.Address}}][{{.Began}}][{{.Valid}}]{{.Link}}"
	}
	w := writer(t, withFolder(folder(t, files)))
	for _, kind := range domain.MessageKinds() {
		got, _, _ := strings.Cut(compose(t, w, message(kind, "en", facts())).Text, "\n")
		want := "[][][][]"
		purpose, linked := kind.Purpose()
		switch {
		case linked && purpose == domain.TokenUndoEmail:
			want = "[][][][7 days]" + base + pages()[kind] + "#token=" + secret
		case linked:
			got, _, _ = strings.Cut(got, "[][][]")
			want = ""
		case kind == domain.MessageNewDevice:
			want = "[Mozilla/5 (X11; Linux x86_64; rv 128) Gecko/20100101 Firefox/128][2001:db8::17][][]"
		case kind == domain.MessageSessionTheft:
			want = "[][][28 February 2026 at 12:30 UTC][]"
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", kind, got, want)
		}
	}
}

func TestWhatClientsChoseIsHarmless(t *testing.T) {
	t.Parallel()
	w := writer(t)
	tests := map[string]struct{ agent, want string }{
		"a browser":           {agent, "Mozilla/5 (X11; Linux x86_64; rv 128) Gecko/20100101 Firefox/128"},
		"a program":           {"curl/8.5.0", "curl/8"},
		"a link":              {"https://evil.example/login?x=1#y", "https //evil example/login x 1 y"},
		"a bare name":         {"go to www.evil.example now", "go to www evil example now"},
		"an address":          {"write to me@evil.example", "write to me evil example"},
		"markup":              {`<a href="//evil">x</a><script>`, "a href //evil x /a script"},
		"lines":               {"x\r\n\r\nIf it was not you, call 555", "x If it was not you, call 555"},
		"a template":          {"{{.Link}}", "Link"},
		"direction overrides": {"abc\u202etxt\u200b", "abc txt"},
		"no text":             {"\xff\x00\x1b[31m", "31m"},
		"dots":                {"1.2.3.4.evil 5.x .5 6.", "1evil 5 x 5 6"},
		"nothing":             {"\t ", ""},
		"very long":           {strings.Repeat("a", 100000), strings.Repeat("a", 100)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := compose(t, w, message(domain.MessageNewDevice, "en", map[string]string{domain.DataDevice: tt.agent, domain.DataAddress: "198.51.100.7 evil"}))
			got := ""
			if _, rest, found := strings.Cut(l.Text, "\nDevice: "); found {
				got, _, _ = strings.Cut(rest, "\n")
			}
			if got != tt.want {
				t.Errorf("device: got %q, want %q", got, tt.want)
			}
			if strings.Contains(l.Text, "Network address") || strings.Contains(l.HTML, "198.51") {
				t.Errorf("got %s, want no address from what is none", l.Text)
			}
			if tt.want != "" && !strings.Contains(l.HTML, "Device: "+tt.want+"<br>") {
				t.Errorf("HTML: got %s, want the same device", l.HTML)
			}
		})
	}
}

func TestAddressesAreAddresses(t *testing.T) {
	t.Parallel()
	w := writer(t)
	for said, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:DB8:0::1": "2001:db8::1", "fe80::1%www.evil.example": "fe80::1",
		"192.0.2.1:80": "", "evil.example": "", "192.0.2.1\nx": "",
	} {
		l := compose(t, w, message(domain.MessageNewDevice, "en", map[string]string{domain.DataAddress: said}))
		got := ""
		if _, rest, found := strings.Cut(l.Text, "\nNetwork address: "); found {
			got, _, _ = strings.Cut(rest, "\n")
		}
		if got != want {
			t.Errorf("address %q: got %q, want %q", said, got, want)
		}
	}
}

func TestTimesAreThoseOfTheEventInTheLanguage(t *testing.T) {
	t.Parallel()
	w := writer(t)
	tests := []struct{ locale, at, want string }{
		{"en", "2026-11-24T05:06:07+02:00", "on 24 November 2026 at 03:06 UTC"},
		{"de", "2026-03-01T23:59:59Z", "am 1. März 2026 um 23:59 Uhr UTC"},
		{"en", "", "on 1 March 2026 at 12:30 UTC"}, // when it was written
		{"en", "yesterday", "on 1 March 2026 at 12:30 UTC"},
	}
	for _, tt := range tests {
		l := compose(t, w, message(domain.MessagePasswordChanged, tt.locale, map[string]string{domain.DataAt: tt.at}))
		if !strings.Contains(l.Text, tt.want) || !strings.Contains(l.HTML, tt.want) {
			t.Errorf("at %q: got %s, want it to say %q", tt.at, l.Text, tt.want)
		}
	}
}

func TestLinksSayHowLongTheyAreGood(t *testing.T) {
	t.Parallel()
	w := writer(t)
	tests := map[domain.MessageKind][2]string{
		domain.MessageVerifyEmail:   {"within 24 hours", "innerhalb von 24 Stunden"},
		domain.MessageChangeEmail:   {"within 1 hour.", "innerhalb von 1 Stunde."},
		domain.MessageEmailChanged:  {"within 7 days", "innerhalb von 7 Tagen"},
		domain.MessageResetPassword: {"within 30 minutes", "innerhalb von 30 Minuten"},
	}
	for kind, want := range tests {
		for i, locale := range []string{"en", "de"} {
			if l := compose(t, w, message(kind, locale, nil)); !strings.Contains(l.Text, want[i]) || !strings.Contains(l.HTML, want[i]) {
				t.Errorf("%s in %s: got %s, want it to say %q", kind, locale, l.Text, want[i])
			}
		}
	}
}

func TestComposeRefuses(t *testing.T) {
	t.Parallel()
	w := writer(t)
	tests := map[string]struct {
		kind  domain.MessageKind
		token domain.Secret
	}{
		"an unknown kind":          {"newsletter", domain.Secret{}},
		"a link without a token":   {domain.MessageResetPassword, domain.Secret{}},
		"a notice with a token":    {domain.MessagePasswordChanged, domain.NewSecret(secret)},
		"a path for a kind":        {"../en/layout", domain.Secret{}},
		"an unknown kind, a token": {"newsletter", domain.NewSecret(secret)},
	}
	for name, tt := range tests {
		l, err := w.Compose(message(tt.kind, "en", nil), tt.token)
		if domain.KindOf(err) != domain.KindInvalid || l != (domain.Letter{}) {
			t.Errorf("%s: got %v, %v, want nothing and KindInvalid", name, l, err)
		}
		if strings.Contains(fmt.Sprint(err), secret) {
			t.Errorf("%s: the error holds the token", name)
		}
	}
}

// FuzzCompose: whatever stands in a message, its letter has one subject line, its own
// link alone, and nothing in it that a program takes for markup or an address.
func FuzzCompose(f *testing.F) {
	w := writer(f)
	f.Add(uint8(7), "de", "2026-01-01T00:00:00Z", agent, "192.0.2.1")
	f.Add(uint8(8), "en", "x", "<b>\r\nSubject: x\r\n\r\nhttp://evil.example", "fe80::1%eth0")
	f.Add(uint8(0), "zz-\x00", "9999-12-31T23:59:59Z", "\u202e{{.}}", "::ffff:1.2.3.4")
	link := regexp.MustCompile(`(?i)://|www\.|@`)
	f.Fuzz(func(t *testing.T, kind uint8, locale, at, device, address string) {
		kinds := domain.MessageKinds()
		m := message(kinds[int(kind)%len(kinds)], locale, map[string]string{
			domain.DataAt: at, domain.DataBegan: at, domain.DataDevice: device, domain.DataAddress: address,
		})
		m.To = device
		l := compose(t, w, m)
		if strings.ContainsFunc(l.Subject, unicode.IsControl) || l.Subject == "" {
			t.Errorf("subject: got %q, want one line", l.Subject)
		}
		plain := compose(t, w, message(m.Kind, locale, nil))
		if got, want := len(link.FindAllString(l.Text, -1)), len(link.FindAllString(plain.Text, -1)); got != want {
			t.Errorf("got %d links in %s, want %d", got, l.Text, want)
		}
		if got, want := strings.Count(l.Text, "\n"), strings.Count(plain.Text, "\n")+3; got > want {
			t.Errorf("got %d lines in %s, want at most %d", got, l.Text, want)
		}
		if got, want := strings.Count(l.HTML, "<"), strings.Count(plain.HTML, "<")+4; got > want {
			t.Errorf("got %d tags in %s, want at most %d", got, l.HTML, want)
		}
	})
}
