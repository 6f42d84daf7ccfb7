// Package checksum guards migration files against change after their release: a
// database that applied a file must be able to trust that everybody's copy of it
// is the same.
//
// The file named Name lies beside the migrations and holds one line per file in
// the form of sha256sum(1).
package checksum

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
)

// Name is the name of the checksum file.
const Name = "checksums"

// ErrMismatch says that the migration files are not those of the checksum file.
var ErrMismatch = errors.New("the migration files do not match their checksums")

// ErrReleased says that a migration file of a release is no longer what it was.
var ErrReleased = errors.New("a released migration must not change: write a new one")

// Compute returns what the checksum file of the *.sql files in fsys must say.
func Compute(fsys fs.FS) ([]byte, error) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, name := range names {
		content, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "%x  %s\n", sha256.Sum256(content), name)
	}
	return out.Bytes(), nil
}

// Verify returns ErrMismatch when a file was changed, added or removed without
// the checksum file.
func Verify(fsys fs.FS) error {
	want, err := fs.ReadFile(fsys, Name)
	if err != nil {
		return err
	}
	got, err := Compute(fsys)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return ErrMismatch
	}
	return nil
}

// Extends returns ErrReleased unless every line of the checksum file released, that
// of a release, still stands in now.
func Extends(released, now []byte) error {
	known := map[string]bool{}
	for line := range bytes.Lines(now) {
		known[string(line)] = true
	}
	for line := range bytes.Lines(released) {
		if !known[string(line)] {
			return fmt.Errorf("%w: %s", ErrReleased, bytes.TrimSpace(line))
		}
	}
	return nil
}
