package entstore_test

import (
	"os"
	"path/filepath"
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
