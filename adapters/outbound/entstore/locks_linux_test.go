package entstore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"authserve/adapters/outbound/entstore"
)

// SQLite's locks belong to the process, and closing any descriptor of the file
// drops them. Without them, another program that closes the database deletes the
// log that the service goes on writing to.
func TestMigratingKeepsTheLocksOfTheOpenStore(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "locks.db")
	store, err := entstore.Open(t.Context(), entstore.Config{URL: "sqlite://" + path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	for range 2 {
		if _, err := store.Migrator().Up(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Migrator().Status(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !holdsLock(t, path) {
			t.Fatal("the process holds no lock on its open database")
		}
	}
}

// holdsLock reports whether this process holds a POSIX lock on the file.
func holdsLock(t *testing.T, path string) bool {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		t.Fatal(err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatalf("the file's facts are %T", info.Sys())
	}
	inode := fmt.Sprintf(":%d ", stat.Ino)
	owner := fmt.Sprintf(" %d ", os.Getpid())
	for line := range strings.Lines(string(locks)) {
		if strings.Contains(line, "POSIX") && strings.Contains(line, inode) && strings.Contains(line, owner) {
			return true
		}
	}
	return false
}
