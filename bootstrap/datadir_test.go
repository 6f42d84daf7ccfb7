package bootstrap_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestWhatOnlyLooksMakesNothing: a data directory that is mistyped stays one that is not
// there, and the command says so.
func TestWhatOnlyLooksMakesNothing(t *testing.T) {
	t.Parallel()
	for args, c := range map[string]struct {
		code int
		want string // what is told
		url  string
	}{
		"migrate plan":          {0, "authserve.db is not there", ""},
		"migrate plan --json":   {0, "authserve.db is not there", ""},
		"migrate status":        {0, "authserve.db is not there", ""},
		"migrate doctor":        {0, "authserve.db is not there", ""},
		"export --output -":     {1, "authserve.db is not there", ""},
		"backup create /x/y.db": {1, "no such file", ""},
		"export -o -":           {1, "connection refused", "mysql://u@127.0.0.1:1/d"},
		"migrate status --json": {1, "connection refused", "postgres://u@127.0.0.1:1/d"},
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			words := strings.Fields(args)
			if c.url != "" {
				words = append(words, "--config", writeConfig(t, "database: {url: \""+c.url+"\"}\n"))
			}
			code, stdout, stderr := call(dir, words...)
			told := stderr
			if args == "migrate doctor" {
				told = stdout
			}
			if code != c.code || !strings.Contains(told, c.want) || strings.HasPrefix(args, "export") && stdout != "" {
				t.Errorf("exit %d, %q, %s; want %d and %q", code, stdout, stderr, c.code, c.want)
			}
			if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the data directory: %v; want none", err)
			}
		})
	}
}

// TestTheLockBelongsToTheOwnerOfItsDirectory: the service, another user than root, could not
// open root's.
func TestTheLockBelongsToTheOwnerOfItsDirectory(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	const service = 1000
	source, snapshot, target := t.TempDir(), filepath.Join(t.TempDir(), "s.db"), t.TempDir()
	if err := os.Chown(target, service, service); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		dir  string
		args []string
	}{
		{source, []string{"migrate", "up"}},
		{source, []string{"backup", "create", snapshot}},
		{target, []string{"backup", "restore", snapshot}},
	} {
		if code, _, stderr := call(step.dir, step.args...); code != 0 {
			t.Fatalf("%v: exit %d, %s", step.args, code, stderr)
		}
	}
	entries, err := os.ReadDir(target)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); !ok || stat.Uid != service || stat.Gid != service {
			t.Errorf("%s belongs to %+v; want the user %d", e.Name(), info.Sys(), service)
		}
	}
	if _, err := os.Stat(filepath.Join(target, "authserve.lock")); err != nil {
		t.Errorf("the lock: %v; want one", err)
	}
}

// TestALockInRootsDirectoryStaysItsOwners: a volume is often root's, and its files are not.
func TestALockInRootsDirectoryStaysItsOwners(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	const service = 1000
	dir := t.TempDir()
	lock := filepath.Join(dir, "authserve.lock")
	if err := errors.Join(os.WriteFile(lock, nil, 0o600), os.Chown(lock, service, service)); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := call(dir, "migrate", "down"); code != 0 {
		t.Fatalf("exit %d, %s", code, stderr)
	}
	info, err := os.Stat(lock)
	if err != nil {
		t.Fatal(err)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || stat.Uid != service {
		t.Errorf("the lock belongs to %+v; want the user %d", info.Sys(), service)
	}
}
