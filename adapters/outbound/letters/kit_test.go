package letters_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"authserve/adapters/outbound/letters"
	"authserve/core/domain"
	"authserve/ports/fake"
)

const (
	base   = "https://login.example.com/auth"
	secret = "c2VjcmV0LW9mLXRoZS1zYW1wbGUtMDEyMzQ1Njc4OTA"
	agent  = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
)

func config(options ...func(*letters.Config)) letters.Config {
	cfg := letters.Config{Base: base, Product: "Example & Söhne", Locale: "en"}
	for _, o := range options {
		o(&cfg)
	}
	return cfg
}

func withFolder(path string) func(*letters.Config) {
	return func(c *letters.Config) { c.Folder = path }
}

func withLocale(locale string) func(*letters.Config) {
	return func(c *letters.Config) { c.Locale = locale }
}

func writer(t testing.TB, options ...func(*letters.Config)) *letters.Writer {
	t.Helper()
	w, err := letters.New(config(options...))
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return w
}

// facts are one of every key of a message's data, by the key.
func facts() map[string]string {
	return map[string]string{
		domain.DataAt:      fake.Epoch().Add(time.Hour).Format(time.RFC3339),
		domain.DataBegan:   fake.Epoch().Add(-24 * time.Hour).Format(time.RFC3339),
		domain.DataDevice:  agent,
		domain.DataAddress: "2001:db8::17",
	}
}

func message(kind domain.MessageKind, locale string, data map[string]string) domain.Message {
	return fake.Message(1, func(m *domain.Message) { m.Kind, m.Locale, m.Data = kind, locale, data })
}

// tokenFor is what a message of the kind needs.
func tokenFor(kind domain.MessageKind) domain.Secret {
	if _, linked := kind.Purpose(); linked {
		return domain.NewSecret(secret)
	}
	return domain.Secret{}
}

func compose(t testing.TB, w *letters.Writer, m domain.Message) domain.Letter {
	t.Helper()
	l, err := w.Compose(m, tokenFor(m.Kind))
	if err != nil {
		t.Fatalf("Compose %s in %q: %v", m.Kind, m.Locale, err)
	}
	return l
}

// folder is a folder of templates with these files.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
