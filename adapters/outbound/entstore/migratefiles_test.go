package entstore_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"authserve/ent/migrate/checksum"
)

// filesUpTo are the migrations that a version knew.
func filesUpTo(t *testing.T, files fs.FS, version int64) fs.FS {
	t.Helper()
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	known := fstest.MapFS{}
	for _, name := range names {
		if number, _, _ := strings.Cut(name, "_"); number > fmt.Sprint(version) {
			continue
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		known[name] = &fstest.MapFile{Data: content}
	}
	return summed(t, known)
}

// filesAnd are all migrations and one more for each statement.
func filesAnd(t *testing.T, files fs.FS, more ...string) fs.FS {
	t.Helper()
	all, ok := filesUpTo(t, files, 99990000000000).(fstest.MapFS)
	if !ok {
		t.Fatal("no map of files")
	}
	for i, query := range more {
		all[fmt.Sprintf("%d_more.sql", 99990000000000+i)] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + query + ";\n\n-- +goose Down\nSELECT 1;\n")}
	}
	return summed(t, all)
}

func summed(t *testing.T, files fstest.MapFS) fstest.MapFS {
	t.Helper()
	sums, err := checksum.Compute(files)
	if err != nil {
		t.Fatal(err)
	}
	files[checksum.Name] = &fstest.MapFile{Data: sums}
	return files
}
