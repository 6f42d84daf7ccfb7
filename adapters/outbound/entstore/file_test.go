package entstore_test

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"authserve/adapters/outbound/entstore"
)

func TestTheDatabaseIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, link := filepath.Join(dir, "real.db"), filepath.Join(dir, "link.db")
	if err := os.Symlink(target, link); err != nil { // to a file that is not there yet
		t.Fatal(err)
	}
	store, err := entstore.Open(t.Context(), entstore.Config{URL: "sqlite://" + link})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	info, err := os.Stat(target)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want a file of mode 0600", info, err)
	}
}

func TestFilesBelongToTheOwnerAlone(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	store := open(t, cfg)
	if err := store.Update(t.Context(), createAccount(1)); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(file(t, cfg))
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o700 {
		t.Errorf("the directory has mode %o, want 700", got)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s has mode %o, want 600", entry.Name(), got)
		}
	}
	if !slices.Contains(names, "auth.db-wal") {
		t.Errorf("got files %q, want a write-ahead log among them", names)
	}
}

func TestPathWithReservedCharacters(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a b?mode=memory&c#d%41", "ä.db")
	store := open(t, entstore.Config{URL: (&url.URL{Scheme: "sqlite", Path: path}).String()})
	if err := store.Update(t.Context(), createAccount(1)); err != nil {
		t.Fatal(err)
	}
	if !hasAccount(t, store, 1) {
		t.Error("the account is not there")
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("the database is not at the path given: %v", err)
	}
}
