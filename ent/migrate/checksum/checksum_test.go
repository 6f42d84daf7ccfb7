package checksum_test

import (
	"errors"
	"io/fs"
	"maps"
	"testing"
	"testing/fstest"

	"authserve/ent/migrate/checksum"
)

func TestVerify(t *testing.T) {
	t.Parallel()

	files := fstest.MapFS{
		"1_first.sql":  {Data: []byte("CREATE TABLE a (b);")},
		"2_second.sql": {Data: []byte("CREATE TABLE c (d);")},
	}
	sums, err := checksum.Compute(files)
	if err != nil {
		t.Fatalf("Compute: %v", err)
	}
	files[checksum.Name] = &fstest.MapFile{Data: sums}

	tests := []struct {
		name   string
		change func(fstest.MapFS)
		want   error
	}{
		{"unchanged", func(fstest.MapFS) {}, nil},
		{"changed", func(f fstest.MapFS) { f["1_first.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE a (x);")} }, checksum.ErrMismatch},
		{"added", func(f fstest.MapFS) { f["3_third.sql"] = &fstest.MapFile{} }, checksum.ErrMismatch},
		{"removed", func(f fstest.MapFS) { delete(f, "2_second.sql") }, checksum.ErrMismatch},
		{"no checksums", func(f fstest.MapFS) { delete(f, checksum.Name) }, fs.ErrNotExist},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			changed := maps.Clone(files)
			tt.change(changed)
			if err := checksum.Verify(changed); !errors.Is(err, tt.want) {
				t.Errorf("Verify = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestExtends(t *testing.T) {
	t.Parallel()
	const first, second = "aa  1_first.sql\n", "bb  2_second.sql\n"
	for name, tt := range map[string]struct {
		released, now string
		want          error
	}{
		"nothing new":       {first, first, nil},
		"one added":         {first, first + second, nil},
		"nothing released":  {"", first, nil},
		"released changed":  {first + second, first + "cc  2_second.sql\n", checksum.ErrReleased},
		"released renamed":  {first + second, first + "bb  3_second.sql\n", checksum.ErrReleased},
		"released vanished": {first + second, second, checksum.ErrReleased},
	} {
		if err := checksum.Extends([]byte(tt.released), []byte(tt.now)); !errors.Is(err, tt.want) {
			t.Errorf("%s: Extends = %v, want %v", name, err, tt.want)
		}
	}
}
