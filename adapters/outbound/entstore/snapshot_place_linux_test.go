package entstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"authserve/adapters/outbound/entstore"
	"authserve/ports"
)

// closed is a database at path that nobody has open, with account n.
func closed(t *testing.T, path string, n int) {
	t.Helper()
	store, err := entstore.Open(t.Context(), at(path))
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.Migrator().Up(t.Context())
	if err := errors.Join(err, store.Update(t.Context(), createAccount(n)), store.Close()); err != nil {
		t.Fatal(err)
	}
}

func ownerOf(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatalf("%s: %T", path, info.Sys())
	}
	return stat.Uid
}

// The service is another user than root, who restores.
func TestRestoreByRootKeepsTheOwner(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	const service = 1000
	for name, there := range map[string]bool{"in the place of a database": true, "into an empty place": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			database := filepath.Join(dir, "auth.db")
			if there {
				closed(t, database, 7)
			}
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			owned := []string{dir}
			for _, e := range entries {
				owned = append(owned, filepath.Join(dir, e.Name()))
			}
			for _, path := range owned {
				if err := os.Chown(path, service, service); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := restore(t, database, taken(t), ports.RestoreOptions{Replace: there}); err != nil {
				t.Fatal(err)
			}
			for _, name := range filesIn(t, dir) {
				if got := ownerOf(t, filepath.Join(dir, name)); got != service {
					t.Errorf("%s belongs to %d, want %d", name, got, service)
				}
			}
		})
	}
}

func TestRestoreRefusesWhereItCannotKeepTheOwner(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can make files of others")
	}
	dir := t.TempDir()
	database, snapshot := filepath.Join(dir, "auth.db"), taken(t)
	closed(t, database, 7)
	before := filesIn(t, dir)
	for path, mode := range map[string]os.FileMode{
		dir: 0o777, database: 0o666, database + ".migrate.lock": 0o666, snapshot: 0o644, filepath.Dir(snapshot): 0o755, filepath.Dir(dir): 0o755,
		filepath.Dir(filepath.Dir(snapshot)): 0o755,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	err := asNobody(t, func() error {
		_, err := restore(t, database, snapshot, ports.RestoreOptions{Replace: true})
		return err
	})
	if !errors.Is(err, ports.ErrRestoreFailed) || !strings.Contains(err.Error(), "belongs to") {
		t.Errorf("Restore = %v, want %v that names the owner", err, ports.ErrRestoreFailed)
	}
	if names := filesIn(t, dir); !slices.Equal(names, before) || !hasAccount(t, open(t, at(database)), 7) {
		t.Errorf("there are %q, want %q", names, before)
	}
}

// A database may be a link to another disk.
func TestRestoreFollowsTheLink(t *testing.T) {
	t.Parallel()
	linked := func(t *testing.T) (link, target string) {
		t.Helper()
		link, target = filepath.Join(t.TempDir(), "auth.db"), filepath.Join(t.TempDir(), "real.db")
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		return link, target
	}
	check := func(t *testing.T, link, target string, o ports.RestoreOptions) ports.Restored {
		t.Helper()
		got, err := restore(t, link, taken(t), o)
		if err != nil {
			t.Fatal(err)
		}
		if to, err := os.Readlink(link); to != target {
			t.Errorf("the link leads to %q, %v; want %q", to, err, target)
		}
		if names := filesIn(t, filepath.Dir(link)); slices.Contains(names, "auth.db-wal") || len(names) > 2 {
			t.Errorf("beside the link lie %q", names)
		}
		if !hasAccount(t, open(t, at(target)), 1) {
			t.Error("the database is not that of the snapshot")
		}
		return got
	}
	t.Run("to a database", func(t *testing.T) {
		t.Parallel()
		link, target := linked(t)
		closed(t, link, 7)
		if _, err := restore(t, link, taken(t), ports.RestoreOptions{}); !errors.Is(err, ports.ErrDatabaseExists) {
			t.Errorf("Restore = %v, want %v", err, ports.ErrDatabaseExists)
		}
		got := check(t, link, target, ports.RestoreOptions{Replace: true})
		if filepath.Dir(got.Kept) != filepath.Dir(target) || got.Database != link || !hasAccount(t, open(t, at(got.Kept)), 7) {
			t.Errorf("Restore = %+v, want the database before beside %s", got, target)
		}
	})
	t.Run("to one with a log", func(t *testing.T) {
		t.Parallel()
		link, target := linked(t)
		for suffix, text := range map[string]string{"": "damaged", "-wal": "log", "-shm": "index", "-journal": "journal"} {
			if err := os.WriteFile(target+suffix, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		check(t, link, target, ports.RestoreOptions{Replace: true})
	})
	t.Run("to a log alone", func(t *testing.T) {
		t.Parallel()
		link, target := linked(t)
		if err := os.WriteFile(target+"-wal", []byte("log"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := restore(t, link, taken(t), ports.RestoreOptions{}); !errors.Is(err, ports.ErrDatabaseExists) {
			t.Errorf("Restore = %v, want %v", err, ports.ErrDatabaseExists)
		}
	})
	t.Run("to nothing yet", func(t *testing.T) {
		t.Parallel()
		link, target := linked(t)
		check(t, link, target, ports.RestoreOptions{})
	})
	t.Run("by a relative link to a link", func(t *testing.T) {
		t.Parallel()
		link, target := linked(t)
		second := filepath.Join(filepath.Dir(link), "second.db")
		if err := os.Symlink("auth.db", second); err != nil {
			t.Fatal(err)
		}
		if _, err := restore(t, second, taken(t), ports.RestoreOptions{}); err != nil {
			t.Fatal(err)
		}
		if !hasAccount(t, open(t, at(target)), 1) {
			t.Error("the database is not that of the snapshot")
		}
	})
}

func TestVerifySeesTheLogBehindALink(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	store := open(t, cfg)
	if err := store.Update(t.Context(), createAccount(1)); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(file(t, cfg), link); err != nil {
		t.Fatal(err)
	}
	if _, err := snapshots(t, cfg).Verify(t.Context(), link); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("Verify = %v, want that it is in use", err)
	}
}
