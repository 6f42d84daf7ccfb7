package letters_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"authserve/adapters/outbound/letters"
	"authserve/core/domain"
)

func TestEveryKindHasAllTemplates(t *testing.T) {
	t.Parallel()
	want := []string{"layout.html", "layout.txt"}
	for _, kind := range domain.MessageKinds() {
		want = append(want, string(kind)+".html", string(kind)+".txt")
	}
	slices.Sort(want)
	if got := letters.Builtin(); !slices.Equal(got, []string{"de", "en"}) {
		t.Fatalf("languages: got %v, want de and en", got)
	}
	for _, locale := range letters.Builtin() {
		entries, err := os.ReadDir(filepath.Join("templates", locale))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.Name())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", locale, got, want)
		}
	}
}

func TestAFolderReplacesFileByFile(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"de/reset_password.txt":    "Subject: Passwort?\n\nHier:\n\n\n\n{{.Link}} ({{.Valid}})\n",
		"de/layout.html":           "<main>{{template \"body\" .}}</main>",
		".git/config":              "left alone",
		"en/.verify_email.txt.swp": "left alone",
	})
	ours, theirs := writer(t), writer(t, withFolder(dir))
	for _, locale := range letters.Builtin() {
		for _, kind := range domain.MessageKinds() {
			got, want := compose(t, theirs, message(kind, locale, facts())), compose(t, ours, message(kind, locale, facts()))
			if locale == "de" {
				if !strings.HasPrefix(got.HTML, "<main>") {
					t.Errorf("%s: got %s, want it in the new layout", kind, got.HTML)
				}
				want.HTML = got.HTML
				if kind == domain.MessageResetPassword {
					want.Subject = "Passwort?"
					want.Text = "Hier:\n\n" + base + "/links/reset-password#token=" + secret + " (30 Minuten)\n\n-- \n" +
						"Example & Söhne hat diese Mail von selbst gesendet. Antworten darauf liest niemand.\n"
				}
			}
			if got.Subject != want.Subject || got.Text != want.Text || got.HTML != want.HTML {
				t.Errorf("%s in %s: got %q\n%s\n%s\nwant %q\n%s\n%s", kind, locale, got.Subject, got.Text, got.HTML, want.Subject, want.Text, want.HTML)
			}
		}
	}
}

// french is a whole language.
func french() map[string]string {
	files := map[string]string{
		"fr/layout.txt":  "{{template \"body\" .}}",
		"fr/layout.html": "<p lang=\"fr\">{{template \"body\" .}}</p>",
	}
	for _, kind := range domain.MessageKinds() {
		files["fr/"+string(kind)+".txt"] = "Subject: " + string(kind) + " en français\n\n{{.Link}} {{.At}} {{.Valid}}"
		files["fr/"+string(kind)+".html"] = "{{.Link}}"
	}
	return files
}

func TestAFolderAddsALanguage(t *testing.T) {
	t.Parallel()
	w := writer(t, withFolder(folder(t, french())), withLocale("fr"))
	if got := w.Languages(); len(got) != 3 || got[0] != "fr" {
		t.Errorf("Languages: got %v, want fr, de and en", got)
	}
	for locale, want := range map[string]string{"": "en français", "fr-CA": "en français", "de": "Wählen", "en": "Choose"} {
		if l := compose(t, w, message(domain.MessageResetPassword, locale, nil)); !strings.Contains(l.Subject, want) {
			t.Errorf("locale %q: got %q, want %q", locale, l.Subject, want)
		}
	}
	l := compose(t, w, message(domain.MessageEmailChanged, "fr", facts()))
	if !strings.Contains(l.Text, "2026-03-01 13:30 UTC 7 d") {
		t.Errorf("got %q, want the time and the days in signs that need no language", l.Text)
	}
}

func TestAllFaultsAreToldAtOnce(t *testing.T) {
	t.Parallel()
	files := french()
	delete(files, "fr/new_device.html")
	delete(files, "fr/layout.txt")
	maps.Copy(files, map[string]string{
		"en/verify_email.txt":       "Subject: Hi\n\nopen {{.Lnik}}\n",
		"en/verify_email.html":      "<p>{{.Link</p>",
		"en/change_email.txt":       "Hello,\n",
		"en/reset_password.txt":     "Subject: Hi\n\nno link\n",
		"en/reset_password.html":    "<p>no link</p>",
		"en/email_changed.txt":      "Subject: {{if false}}x{{end}}\n\n{{.Link}}\n",
		"en/new_device.html":        "{{if not .Device}}{{.Devices}}{{end}}",
		"en/new_device.txt":         "Subject: \"{{.Product}}\n\nx",
		"en/password_reset.txt":     "Subject: x\n\n{{with .Device}}{{.Nope}}{{end}}",
		"en/session_theft.txt":      "Subject: x\n\n" + strings.Repeat("x", 70000),
		"en/account_deleted.txt":    "Subject: x\n\n\xff",
		"en/password_changed.html":  "<a href='{{.Link}}",
		"en/welcome.txt":            "Subject: x\n\nx",
		"en/verify_email.txt.bak":   "x",
		"de/sub/layout.txt":         "x",
		"german/layout.txt":         "x",
		"EN/layout.txt":             "x",
		"layout.txt":                "x",
		"de/email_restored.html":    "{{template \"nothing\"}}",
		"de/registered_before.txt":  "Subject: " + strings.Repeat("x", 151) + "\n\nx",
		"de/registered_before.html": "{{.Link | js}}{{.Secret}}",
	})
	_, err := letters.New(config(withFolder(folder(t, files)), withLocale("ja"), func(c *letters.Config) { c.Product = "a\nb" }))
	if err == nil {
		t.Fatal("New: got no error")
	}
	for _, want := range []string{
		"the name of the service", "default language ja",
		"en/verify_email.txt: template: body:3:", "en/verify_email.html: template: body:1", `en/change_email.txt: the first line must begin with "Subject: "`,
		"en/reset_password.txt: the letter does not show its link", "en/reset_password.html: the letter does not show its link",
		"en/email_changed.txt: the subject is one line", "en/new_device.html: template: body:1", "en/password_reset.txt: template: body:3", "en/session_theft.txt: is larger than 64 KiB",
		"en/account_deleted.txt: is not in UTF-8", "en/password_changed.html: html/template:layout.html: ends in",
		"en/welcome.txt: there is no template of this name", "en/verify_email.txt.bak: there is no template of this name", "de/sub: there is no template of this name",
		"german: a folder of templates has the name of a language", "EN: a folder of templates", "layout.txt: a folder of templates",
		"de/email_restored.html", "de/registered_before.txt: the subject is one line",
		"fr/new_device.html: is missing", "fr/layout.txt: is missing",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("New: the error does not tell %q", want)
		}
	}
	if t.Failed() {
		t.Logf("the error was\n%v", err)
	}
}

func TestAFolderThatIsNone(t *testing.T) {
	t.Parallel()
	for _, path := range []string{filepath.Join(t.TempDir(), "missing"), filepath.Join(folder(t, map[string]string{"file": "x"}), "file")} {
		if _, err := letters.New(config(withFolder(path))); err == nil || !strings.Contains(err.Error(), "cannot be read") {
			t.Errorf("New with %s: got %v, want that the folder cannot be read", path, err)
		}
	}
}

// Kubernetes mounts a volume as links into a folder whose name begins with two dots.
func TestAFolderOfLinks(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"..2026/en/password_changed.txt": "Subject: linked\n\nx"})
	for name, target := range map[string]string{"..data": "..2026", "en": "..data/en"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skipf("links cannot be made here: %v", err)
		}
	}
	if l := compose(t, writer(t, withFolder(dir)), message(domain.MessagePasswordChanged, "en", nil)); l.Subject != "linked" {
		t.Errorf("subject: got %q, want that of the linked file", l.Subject)
	}
}

func TestConfigurationsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*letters.Config){
		"no base":               func(c *letters.Config) { c.Base = "" },
		"a base with a query":   func(c *letters.Config) { c.Base = "https://a.example?x" },
		"a base with a slash":   func(c *letters.Config) { c.Base = "https://a.example/" },
		"no name":               func(c *letters.Config) { c.Product = "" },
		"a name of two lines":   func(c *letters.Config) { c.Product = "a\r\nBcc: b@example.org" },
		"a name with spaces":    func(c *letters.Config) { c.Product = " a" },
		"a very long name":      func(c *letters.Config) { c.Product = strings.Repeat("a", 65) },
		"an unknown language":   func(c *letters.Config) { c.Locale = "fr" },
		"a variant of a locale": func(c *letters.Config) { c.Locale = "de-AT" },
	}
	for name, spoil := range tests {
		if _, err := letters.New(config(spoil)); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestAFaultThatNoSampleShowedIsOfTheTemplate(t *testing.T) {
	t.Parallel()
	w := writer(t, withFolder(folder(t, map[string]string{
		"en/new_device.txt": "Subject: x\n\n{{if eq .Address \"192.0.2.1\"}}{{slice .Address 0 99}}{{end}}",
	})))
	_, err := w.Compose(message(domain.MessageNewDevice, "en", map[string]string{domain.DataAddress: "192.0.2.1"}), domain.Secret{})
	if domain.KindOf(err) != domain.KindInternal || !strings.Contains(err.Error(), "en/new_device.txt") {
		t.Errorf("Compose: got %v, want an internal error that names the file", err)
	}
}
