package bootstrap_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"authserve/bootstrap"
)

// onWaiting calls told with the first line that says who is waited for.
type onWaiting struct {
	text bytes.Buffer
	told func()
}

// Write implements io.Writer.
func (w *onWaiting) Write(p []byte) (int, error) {
	if w.told != nil && bytes.Contains(p, []byte("waiting for the migration lock, held by ")) {
		w.told()
		w.told = nil
	}
	return w.text.Write(p)
}

// TestCommandsTellWhomTheyWaitFor: each waits here until it has said so.
func TestCommandsTellWhomTheyWaitFor(t *testing.T) {
	t.Parallel()
	source := t.TempDir()
	export, snapshot := filepath.Join(source, "all.jsonl"), filepath.Join(source, "s.db")
	for _, args := range [][]string{{"migrate", "up"}, {"export", "--output", export}, {"backup", "create", snapshot}} {
		if code, _, stderr := call(source, args...); code != 0 {
			t.Fatalf("%v: exit %d, %s", args, code, stderr)
		}
	}
	for _, args := range []string{
		"migrate up", "migrate status", "migrate plan", "migrate down --drop-data", "export --output -", "import " + export, "backup restore --replace " + snapshot,
		"user create --email ada@example.com --role admin --password-stdin --password-argon2-memory-kib 1024 --password-argon2-time 1",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if code, _, stderr := call(dir, "migrate", "up"); code != 0 {
				t.Fatalf("migrate up: exit %d, %s", code, stderr)
			}
			lock, err := os.OpenFile(filepath.Join(dir, "authserve.db.migrate.lock"), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
				t.Fatal(err)
			}
			released := false
			stderr := &onWaiting{told: func() {
				released = true
				if err := lock.Close(); err != nil {
					t.Error(err)
				}
			}}
			code := bootstrap.Main(append(strings.Fields(args), "--data-dir", dir), strings.NewReader("correct horse battery staple"), new(bytes.Buffer), stderr)
			if code != 0 || !released {
				t.Errorf("exit %d, told %v, %s; want 0 and who has the lock", code, released, stderr.text.String())
			}
		})
	}
}
