package bootstrap_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"authserve/bootstrap"
)

// FuzzLoadFile feeds the loader whatever a file may hold: it must neither panic
// nor show a secret, and what it accepts it must print and accept again.
func FuzzLoadFile(f *testing.F) {
	for _, seed := range []string{
		"", "~", "issuer: http://a\n", "http:\n  addr: 127.0.0.1:0\n", "http: {addr: ':1', cors_origins: [https://a.example]}",
		"master_key: hunter2\nmaster_key_file: x\n", "master_key: *hunter2\n", "smtp: {url: 'smtp://u:hunter2@mx', from: a@b.example}",
		"a: &a [*a]\n", "a: &a\n  b: *a\n", "<<: {issuer: http://a}\n", "? [a]\n: b\n", "---\n---\n", "- x\n", "\"\\x00\": 1\n", "issuer: !!binary aGk=\n",
		"guard: {db_read: {timeout: 1s}}\n", "token: {access_ttl: 1ns, leeway: 0}\n", "\xff\xfe", "data_dir: \"a\\nb\"\n", "env: production\n",
	} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		// Secrets of other files are no matter of the parser.
		if strings.Contains(string(data), "_file") && strings.Contains(string(data), "/") {
			t.Skip("may name a file of this machine")
		}
		file, err := os.CreateTemp(dir, "*.yaml")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Remove(file.Name()) })
		if _, err := file.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		cfg, warnings, err := bootstrap.Load(bootstrap.LoadInput{File: file.Name()})
		said := strings.Join(warnings, "\n") + string(cfg.YAML())
		for _, fault := range faultsOf(t, err) {
			said += fault.Message
		}
		if secret := cfg.MasterKey.Reveal(); len(secret) > 12 && strings.Contains(said, secret) {
			t.Errorf("a secret is shown: %q", said)
		}
		if err != nil {
			return
		}
		again := filepath.Join(dir, filepath.Base(file.Name())+".again")
		t.Cleanup(func() { _ = os.Remove(again) })
		if err := os.WriteFile(again, cfg.YAML(), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := bootstrap.Load(bootstrap.LoadInput{File: again}); err != nil && cfg.MasterKey.IsZero() && cfg.SMTP.URL.IsZero() && cfg.Database.URL.IsZero() {
			t.Errorf("the printed form is refused: %v\n%s", err, cfg.YAML())
		}
	})
}
