package entstore_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"authserve/adapters/outbound/entstore"
	"authserve/ports"
)

// brokenFor fails the test unless err is ErrUnavailable that names the fault.
func brokenFor(t *testing.T, what string, err error, unusable bool, names string) {
	t.Helper()
	if !errors.Is(err, ports.ErrUnavailable) || errors.Is(err, ports.ErrUnusable) != unusable || !strings.Contains(err.Error(), names) {
		t.Errorf("%s = %v; want %v that names %q (with %v inside: %t)", what, err, ports.ErrUnavailable, names, ports.ErrUnusable, unusable)
	}
}

// A disk without space is stood for by a limit on the pages of the database: SQLite
// answers both with SQLITE_FULL.
func TestFullDiskLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	store := open(t, config(t))
	run(t, store, "PRAGMA max_page_count = 100")
	written, full := 0, error(nil)
	for n := 1; full == nil; n++ {
		if full = store.Update(t.Context(), createAccount(n)); full == nil {
			written = n
		}
	}
	brokenFor(t, "Update on a full disk", full, false, "full")
	if written == 0 {
		t.Fatal("nothing was written before the disk was full: the test tests nothing")
	}
	for n := 1; n <= written; n++ {
		if !hasAccount(t, store, n) {
			t.Errorf("account %d was acknowledged and is not there", n)
		}
	}
	if hasAccount(t, store, written+1) {
		t.Error("the account that was refused is there")
	}
	run(t, store, "PRAGMA max_page_count = 100000")
	mustCreate(t, store, written+1)
}

// A file system that became read-only is stood for by query_only: SQLite answers both
// with SQLITE_READONLY.
func TestFileThatBecomesReadOnlyIsNoBugOfTheCaller(t *testing.T) {
	t.Parallel()
	store := open(t, config(t))
	mustCreate(t, store, 1)
	run(t, store, "PRAGMA query_only = 1")
	brokenFor(t, "Update", store.Update(t.Context(), createAccount(2)), true, "readonly")
	if !hasAccount(t, store, 1) {
		t.Error("it can be read no more")
	}
	run(t, store, "PRAGMA query_only = 0")
	mustCreate(t, store, 2)
}

// asNobody runs fn as a user to whom the modes of files apply, for root passes them
// all. The thread is not used again.
func asNobody(t *testing.T, fn func() error) error {
	t.Helper()
	const nobody = 65534
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked
		var err error
		if os.Getuid() == 0 {
			err = syscall.Setfsuid(nobody)
		}
		if err == nil {
			err = fn()
		}
		result <- err
	}()
	return <-result
}

func TestOpenRefusesWhatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		file, dir os.FileMode
		want      string
	}{
		{"a read-only file", 0o444, 0o777, "readonly"},
		{"a file that cannot be read", 0o000, 0o777, "unable to open"},
		{"a read-only directory", 0o666, 0o555, "permission denied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cfg := entstore.Config{URL: "sqlite://" + filepath.Join(dir, "auth.db")}
			closed(t, file(t, cfg), 1)
			lock := file(t, cfg) + ".migrate.lock"
			if tt.dir == 0o555 { // as it is before the first start
				if err := os.Remove(lock); err != nil {
					t.Fatal(err)
				}
			} else if err := os.Chmod(lock, 0o666); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.Chmod(file(t, cfg), tt.file), os.Chmod(dir, tt.dir), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
			err := asNobody(t, func() error {
				store, err := entstore.Open(context.WithoutCancel(t.Context()), cfg)
				if err == nil {
					_ = store.Close()
				}
				return err
			})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), file(t, cfg)) {
				t.Errorf("Open = %v, want an error that names the file and %q", err, tt.want)
			}
			if err := errors.Join(os.Chmod(dir, 0o700), os.Chmod(file(t, cfg), 0o600)); err != nil {
				t.Fatal(err)
			}
			if !hasAccount(t, openEmpty(t, cfg), 1) {
				t.Error("the account is gone after the refusal")
			}
		})
	}
}

func TestCorruptedFile(t *testing.T) {
	t.Parallel()
	const page = 4096
	for _, tt := range []struct {
		name  string
		spoil func(content []byte) []byte
		want  string
	}{
		{"its header", func(b []byte) []byte { copy(b, "no SQLite format at all"); return b }, "not a database"},
		{"its schema", func(b []byte) []byte { copy(b[100:page], bytes.Repeat([]byte{0xff}, page)); return b }, "malformed"},
		{"its tables", func(b []byte) []byte { copy(b[page:], bytes.Repeat([]byte{0xff}, len(b))); return b }, "malformed"},
		{"cut off", func(b []byte) []byte { return b[:2*page] }, "malformed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t)
			closed(t, file(t, cfg), 1)
			content, err := os.ReadFile(file(t, cfg))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file(t, cfg), tt.spoil(content), 0o600); err != nil {
				t.Fatal(err)
			}
			store, err := entstore.Open(t.Context(), cfg)
			if err != nil {
				if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), file(t, cfg)) {
					t.Errorf("Open = %v, want an error that names the file and %q", err, tt.want)
				}
				return
			}
			defer func() { _ = store.Close() }()
			_, err = store.Migrator().Up(t.Context())
			if err == nil {
				err = store.Update(t.Context(), createAccount(2))
			}
			brokenFor(t, "start or Update", err, true, tt.want)
		})
	}
}

func TestFileThatIsTakenAwayFromARunningService(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		put  func(path string) error
	}{
		{"deleted", func(string) error { return nil }},
		{"replaced", func(path string) error { return os.WriteFile(path, nil, 0o600) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t)
			store := open(t, cfg)
			mustCreate(t, store, 1)
			path := file(t, cfg)
			if err := errors.Join(os.Rename(path, path+".aside"), tt.put(path)); err != nil {
				t.Fatal(err)
			}
			err := store.Update(t.Context(), createAccount(2))
			brokenFor(t, "Update", err, true, "removed or replaced")
			brokenFor(t, "the probe", store.Probes()[0].Check(t.Context()), false, "removed or replaced")

			if err := os.Rename(path+".aside", path); err != nil {
				t.Fatal(err)
			}
			mustCreate(t, store, 3)
			again := openEmpty(t, cfg)
			for n, want := range map[int]bool{1: true, 2: false, 3: true} {
				if got := hasAccount(t, again, n); got != want {
					t.Errorf("account %d is there: %t, want %t", n, got, want)
				}
			}
		})
	}
}

// TestAReadOnlyPlaceIsNotTakenForAMissingFile: SQLite makes files beside one that it
// only reads, and calls the file missing where it cannot. A test cannot mount a file
// system; a link where such a file would be made, which SQLite does not follow, stands
// for it.
func TestAReadOnlyPlaceIsNotTakenForAMissingFile(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	m := migrated(t, cfg)
	if err := os.Symlink("/nowhere/at/all", file(t, cfg)+"-shm"); err != nil {
		t.Fatal(err)
	}
	snapshots, err := entstore.NewSnapshots(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for what, call := range map[string]func() error{
		"Examine": func() error { _, err := m.Examine(t.Context()); return err },
		"Create": func() error {
			_, err := snapshots.Create(t.Context(), filepath.Join(t.TempDir(), "copy.db"))
			return err
		},
	} {
		err := call()
		if err == nil || !strings.Contains(err.Error(), "the file is there") || !strings.Contains(err.Error(), "read-only") || strings.Contains(err.Error(), "no such file") {
			t.Errorf("%s = %v; want that the file is there, and what is amiss", what, err)
		}
	}
}
