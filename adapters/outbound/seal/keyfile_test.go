package seal_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"authserve/adapters/outbound/seal"
	"authserve/adapters/outbound/system"
	"authserve/core/domain"
)

func write(t *testing.T, mode os.FileMode, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // the umask does not count
		t.Fatal(err)
	}
	return path
}

func TestCreatedKeyFileServes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master.key")
	if err := seal.CreateKeyFile(path, system.Random{}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("got mode %v, %v, want 0600", info.Mode(), err)
	}
	keys, err := seal.ReadKeyFile(path, false)
	if err != nil || len(keys) != 1 {
		t.Fatalf("ReadKeyFile: got %d keys, %v, want 1", len(keys), err)
	}
	if _, err := seal.New(system.Random{}, keys...); err != nil {
		t.Errorf("New: %v", err)
	}
}

func TestCreateKeyFileReplacesNothing(t *testing.T) {
	t.Parallel()
	path := write(t, 0o600, "precious")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(t.TempDir(), "target"), link); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, link} {
		if err := seal.CreateKeyFile(p, system.Random{}); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: got %v, want fs.ErrExist", p, err)
		}
	}
	if got, _ := os.ReadFile(path); string(got) != "precious" {
		t.Errorf("got %q, want the file as it was", got)
	}
}

func TestReadKeyFileTakesLinesInOrder(t *testing.T) {
	t.Parallel()
	path := write(t, 0o400, "# comment\n\n  first  \r\n#second\nthird")
	keys, err := seal.ReadKeyFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range keys {
		got = append(got, k.Reveal())
	}
	if want := "first third"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReadKeyFilePermissions(t *testing.T) {
	t.Parallel()
	for mode, want := range map[os.FileMode]struct{ own, mounted bool }{
		0o600: {true, true}, 0o400: {true, true}, 0o700: {true, true},
		0o440: {false, true}, 0o444: {false, true}, 0o640: {false, true}, 0o644: {false, true},
		0o620: {false, false}, 0o602: {false, false}, 0o610: {false, false}, 0o601: {false, false}, 0o666: {false, false},
	} {
		path := write(t, mode, "key")
		link := filepath.Join(t.TempDir(), "link") // the mode of the target counts
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{path, link} {
			if _, err := seal.ReadKeyFile(p, false); (err == nil) != want.own {
				t.Errorf("mode %04o: got %v, want accepted %v", mode, err, want.own)
			}
			if _, err := seal.ReadKeyFile(p, true); (err == nil) != want.mounted {
				t.Errorf("mode %04o, mounted: got %v, want accepted %v", mode, err, want.mounted)
			}
		}
	}
}

func TestReadKeyFileRefusesOtherThings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.ReadKeyFile(filepath.Join(dir, "none"), false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got %v, want fs.ErrNotExist", err)
	}
	for name, path := range map[string]string{
		"a pipe":          pipe,
		"a directory":     dir,
		"an empty file":   write(t, 0o600, ""),
		"comments only":   write(t, 0o600, "# key\n"),
		"a huge file":     write(t, 0o600, strings.Repeat("k\n", 40_000)),
		"an endless line": write(t, 0o600, strings.Repeat("k", 65_536)),
	} {
		_, err := seal.ReadKeyFile(path, false)
		if err == nil {
			t.Errorf("%s was read", name)
		} else if strings.Contains(err.Error(), "kkk") {
			t.Errorf("%s: the error shows its content: %v", name, err)
		}
	}
}

func FuzzKeyFile(f *testing.F) {
	f.Add("")
	f.Add("# comment\n\nkey1\nkey2\n")
	f.Add("key\r\n#\x00\n\xff")
	f.Fuzz(func(t *testing.T, content string) {
		keys, err := seal.ParseKeys(domain.NewSecret(content))
		if (err == nil) != (len(keys) > 0) {
			t.Fatalf("got %d keys and %v", len(keys), err)
		}
		for _, k := range keys {
			text := k.Reveal()
			if text == "" || text[0] == '#' || strings.Contains(text, "\n") || !strings.Contains(content, text) {
				t.Fatalf("got the key %q from %q", text, content)
			}
		}
		if ring, err := seal.New(system.Random{}, keys...); err == nil && ring.ActiveKey() == "" {
			t.Fatal("a keyring without an active key")
		}
	})
}

func TestSecretsDoNotShow(t *testing.T) {
	t.Parallel()
	path := write(t, 0o600, "visible-key-material\n")
	keys, err := seal.ReadKeyFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	_, err = seal.New(system.Random{}, append(keys, domain.NewSecret("visible"))...)
	if err == nil || strings.Contains(err.Error(), "visible") {
		t.Errorf("got %v, want an error without the key", err)
	}
}
