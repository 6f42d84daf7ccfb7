package bootstrap_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"authserve/bootstrap"
	"authserve/ports"
)

// call runs a command on the data directory.
func call(dir string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = bootstrap.Main(append(args, "--data-dir", dir), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestAHalfImportIsNotServed(t *testing.T) {
	t.Parallel()
	source, target := t.TempDir(), t.TempDir()
	if code, _, stderr := call(source, "migrate", "up"); code != 0 {
		t.Fatalf("migrate up: exit %d, %s", code, stderr)
	}
	app, err := bootstrap.New(bootstrap.WithConfig(load(t, map[string]string{"AUTHSERVE_DATA_DIR": source})), bootstrap.WithLogWriter(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(app.Start(t.Context()), app.Stop(t.Context())); err != nil { // it has signing keys now
		t.Fatal(err)
	}
	code, exported, stderr := call(source, "export", "--output", "-")
	if code != 0 {
		t.Fatalf("export: exit %d, %s", code, stderr)
	}
	cut := filepath.Join(t.TempDir(), "cut.jsonl")
	end := strings.LastIndex(strings.TrimSuffix(exported, "\n"), "\n") + 1
	if err := os.WriteFile(cut, []byte(exported[:end]), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := call(target, "import", cut); code != 1 || !strings.Contains(stderr, "is cut") {
		t.Fatalf("import: exit %d, %s; want 1", code, stderr)
	}
	half, err := bootstrap.New(bootstrap.WithConfig(load(t, map[string]string{"AUTHSERVE_DATA_DIR": target})), bootstrap.WithLogWriter(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	err = half.Start(t.Context())
	if !errors.Is(err, ports.ErrUnusable) || !strings.Contains(err.Error(), "import again") {
		t.Errorf("the start on a half = %v; want %v that says what to do", err, ports.ErrUnusable)
	}
	_ = half.Stop(t.Context())
}
